import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="From a sweep to a verdict")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    mo.md(
        """
        # From a sweep to a verdict

        A moving-average strategy, 81 settings, two symbols: which setting is the best, and is it
        any good? Everything below rests on one lake in a temporary folder; the prices are made up,
        the same every time.

        Open this page with `marimo edit docs/sweep_to_verdict.py` to change it,
        or run it with `python docs/sweep_to_verdict.py`.
        """
    )
    return (mo,)


@app.cell
def _():
    import tempfile
    from itertools import product

    import bt_lake
    from bt_lake.examples import sma_cross

    folder = tempfile.TemporaryDirectory()
    lake = bt_lake.open(folder.name + "/lake")
    return lake, product, sma_cross


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Sweep

    `sma_cross.run(...)` is a plain function that gives an equity curve and trades. Each result
    is saved as it comes: the lake computes the metrics, and remembers every try. With many
    cores `bt-lake run` does the same from the command line.
    """)
    return


@app.cell
def _(lake, product, sma_cross):
    grid = list(product(range(5, 50, 5), range(50, 140, 10)))

    with lake.batch() as batch:
        for symbol, (fast, slow) in product(("SYNTH", "SYNTH-2"), grid):
            batch.save(
                sma_cross.run(fast, slow, exit_rule="trailing", symbol=symbol),
                strategy="sma_cross",
                params={"fast": fast, "slow": slow},
                sweep="grid",
            )
    swept = "grid"  # what is asked of these runs below waits for them
    lake.aggregate("symbol", sweep=swept)
    return grid, swept


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The best

    `deflate=True` puts luck beside each run: `expected_max_sharpe` is what the best of so many
    trials would have without any skill, and `dsr` how likely a run is truly above that.
    """)
    return


@app.cell
def _(lake, swept):
    shown = ["run_id", "symbol", "params", "sharpe_ratio", "total_return", "max_drawdown"]
    best = lake.best("sharpe_ratio", n=5, deflate=True, family="sweep", sweep=swept, columns=shown)
    best
    return (best,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Its surroundings

    A good setting among bad ones is an accident. Here the whole corner with a short `fast` is
    good, for this symbol.
    """)
    return


@app.cell
def _(lake, mo, swept):
    heat = lake.sweep("sma_cross", x="fast", y="slow", sweep=swept, symbol="SYNTH")

    def coloured(grid):
        numbers = [value for row in grid.pivot() for value in row]
        low, high = min(numbers), max(numbers)
        cell = '<td style="padding:0.3em 0.7em;background:rgb(33 145 140 / {:.0f}%)">{:.2f}</td>'
        head = "".join(f"<th>{y}</th>" for y in grid.ys)
        rows = "".join(
            f"<tr><th>{x}</th>"
            + "".join(cell.format(100 * (v - low) / (high - low), v) for v in row)
            + "</tr>"
            for x, row in zip(grid.xs, grid.pivot(), strict=True)
        )
        return mo.Html(f"<table><tr><th>fast ↓ slow →</th>{head}</tr>{rows}</table>")

    coloured(heat)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The two best beside each other

    Two names at the top of a table need not be two findings. The last line says how alike
    their days are.
    """)
    return


@app.cell
def _(best, lake):
    pair = lake.compare(best["run_id"].to_list()[:2])
    pair
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## What it is worth

    All 162 trials are one family: whoever picks the best has looked at all of them, of both
    symbols. What each line means is told in [overfitting.md](overfitting.md).
    """)
    return


@app.cell
def _(lake, mo, swept):
    report = lake.overfit(sweep=swept, bootstraps=1000)
    mo.plain_text(str(report))
    return (report,)


@app.cell(hide_code=True)
def _(mo, report):
    mo.md(
        f"""
        The best Sharpe ratio is **{report.best.sharpe_annual:.2f}**; were none of these
        {report.counts.trials} trials any good, luck alone would bring the best of them to
        **{report.search.luck_annual:.2f}**. In
        {report.overfitting.pbo:.0%} of the ways to halve the data, the best of one half is below
        the median on the other.

        > {report.verdict}

        ## Out of sample

        The plainest test: choose on the first three years, look at the last three. The lake pairs
        the runs by their settings.
        """
    )
    return


@app.cell
def _(grid, lake, mo, sma_cross):
    halves = {"in": ("2019-01-01", "2021-12-31"), "out": ("2022-01-01", "2024-12-31")}

    with lake.batch() as other:
        for sample, (start, end) in halves.items():
            for short, long in grid:
                other.save(
                    sma_cross.run(short, long, exit_rule="trailing", start=start, end=end),
                    strategy="sma_cross",
                    params={"fast": short, "slow": long},
                    sweep="halves",
                    sample=sample,
                )
    decay = lake.overfit(sweep="halves", bootstraps=200).decay["sharpe_ratio"]
    mo.md(
        f"""
        Over {decay.pairs} settings the median Sharpe ratio went from {decay.in_sample:.2f} to
        {decay.out_of_sample:.2f}, and {decay.share_worse:.0%} of them got worse. The ranks of the
        two halves correlate by {decay.rank_correlation:.2f}: with 1 the order would have stayed,
        with 0 the first half says nothing of the second.
        """
    )
    return


if __name__ == "__main__":
    app.run()
