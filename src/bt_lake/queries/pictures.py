"""What the answers look like: a run's curve, a grid of parameters, runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake.drawing.cells import Axis, Cells
from bt_lake.drawing.picture import Picture
from bt_lake.drawing.theme import BAD, SERIES, series_paint
from bt_lake.queries.names import metric
from bt_lake.warehouse.errors import NotFound
from bt_lake.wording.metrics import metric_name, metric_text, short
from bt_lake.wording.values import count, short_id, tick, tick_share

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bt_lake.queries.detail import Detail
    from bt_lake.queries.mixing import Portfolio
    from bt_lake.queries.simulating import Simulation
    from bt_lake.queries.sweeping import Grid
    from bt_lake.queries.tracks import Track

_DRAWN = 12
_DOTS = 3000


def cells(grid: Grid) -> Cells:
    counted = grid.how == "count"
    return Cells(
        Axis(short(grid.x), grid.xs),
        Axis(short(grid.y), grid.ys) if grid.y else Axis("", [grid.metric]),
        grid.pivot(),
        str if counted else metric_text(grid.metric),
        lower_is_better=not counted and metric(grid.metric).better == "lower",
    )


def grid_picture(grid: Grid) -> Picture:
    from bt_lake.drawing import charts
    from bt_lake.drawing.heatmap import heatmap
    from bt_lake.drawing.stacking import titled

    found = cells(grid)
    if not found.known:
        raise NotFound(f"no run of {grid.strategy} has {short(grid.x)} and {grid.metric}")
    title = f"{metric_name(grid.metric)} of {grid.strategy}"
    over = f"{grid.how} over {', '.join(map(short, grid.mixed))} · " if grid.mixed else ""
    subtitle = f"{over}{grid.runs:,} trial{'s' * (grid.runs != 1)}"
    if grid.y is not None:
        return titled(heatmap(title, found), subtitle)
    values, name = [row[0] for row in found.cells], found.down.name
    drawn = charts.bars(
        title,
        found.down.labels,
        values,
        show=count if grid.how == "count" else metric_text(grid.metric),
        axis=name,
        tips=[
            f"{name} {label}: {row[0]}"
            for label, row in zip(found.down.labels, found.numbers, strict=True)
        ],
    )
    return titled(drawn, subtitle)


def run_picture(detail: Detail) -> Picture:
    from bt_lake.drawing import charts
    from bt_lake.drawing.stacking import stacked, titled
    from bt_lake.queries.tracks import tracks

    row = detail.row
    (track,) = tracks(detail._reader, [row])
    if track.ts.size < 2:
        raise NotFound(f"run {short_id(detail.run_id)} has no equity curve to draw")
    names = (row["strategy"], row["symbol"], row["timeframe"], short_id(row["run_id"]))
    curves = [charts.Series("equity", track.ts, track.equity)]
    equity = charts.lines("Equity", curves, show=tick)
    falls = charts.Series("drawdown", track.ts, track.drawdown, BAD)
    under = charts.lines("Drawdown", [falls], show=tick_share, height=130, base=0.0, filled=True)
    drawn = stacked(" ".join(filter(None, names)), [equity, under], ["Equity", "Drawdown"])
    return titled(drawn, _facts(row))


def comparison_picture(names: Sequence[str], found: Sequence[Track]) -> Picture:
    """Growth and drawdown of those that have a curve, the first of them where they are many."""
    from bt_lake.drawing import charts
    from bt_lake.drawing.stacking import stacked, titled

    known = [
        (name, track)
        for name, track in zip(names, found, strict=True)
        if track.ts.size > 1 and track.start > 0
    ]
    if not known:
        raise NotFound("none of these runs has an equity curve to draw")
    grown = [charts.Series(name, track.ts, track.growth - 1.0) for name, track in known[:_DRAWN]]
    fallen = [charts.Series(name, track.ts, track.drawdown) for name, track in known[:_DRAWN]]
    parts = [
        charts.lines("Return", grown, show=tick_share, base=0.0, height=320),
        charts.lines("Drawdown", fallen, show=tick_share, base=0.0, height=200),
    ]
    more = f"{len(known) - _DRAWN:,} more are not drawn" if len(known) > _DRAWN else ""
    drawn = stacked(f"{len(names):,} runs", parts, ["Return", "Drawdown"])
    return titled(drawn, more)


def simulation_picture(made: Simulation) -> Picture:
    """The middle half and nine tenths of the paths, their median, and what the run did."""
    import numpy as np

    from bt_lake.drawing import charts
    from bt_lake.drawing.stacking import titled

    bands = made.bands()
    steps = bands["step"].to_numpy().astype(np.float64)
    whole = np.concatenate([[1.0], np.cumprod(np.maximum(1.0 + made.gains, 0.0))]) - 1.0
    looks = (
        ("q05", "nine tenths", 7),
        ("q95", "", 7),
        ("q25", "half", 5),
        ("q75", "", 5),
        ("q50", "median", 1),
    )
    series = [
        charts.Series(name, steps, bands[column].to_numpy() - 1.0, SERIES[paint], paint != 1)
        for column, name, paint in looks
    ]
    series.append(
        charts.Series("the run", np.arange(whole.size, dtype=np.float64), whole, SERIES[0])
    )
    drawn = charts.lines(
        f"How run {short_id(made.run_id)} might have gone",
        series,
        show=tick_share,
        base=0.0,
        height=340,
        dates=False,
    )
    return titled(drawn, made.words)


def portfolio_picture(made: Portfolio) -> Picture:
    """The mix and its parts from the same start."""
    import numpy as np

    from bt_lake.drawing import charts
    from bt_lake.drawing.stacking import titled
    from bt_lake.metrics.periods import DAY
    from bt_lake.queries.heads import heads

    days = made.days * DAY
    parts = np.asarray(np.cumprod(1.0 + made.returns, axis=0) - 1.0, np.float64)
    series = [
        charts.Series(name, days, parts[:, place], series_paint(place + 1), dashed=True)
        for place, name in enumerate(heads(made.rows)[: _DRAWN - 1])
    ]
    mix = charts.Series("the mix", days, np.asarray(made.level / made.capital - 1.0), SERIES[0])
    drawn = charts.lines(
        f"A portfolio of {len(made.rows):,} runs",
        [mix, *series],
        show=tick_share,
        base=0.0,
        height=320,
    )
    return titled(drawn, made.words)


def front_of(rows: Sequence[Sequence[Any]], best: Collection[str], names: Sequence[str]) -> Picture:
    """Rows of run_id and two metrics; of very many beside the front every n-th is drawn."""
    from bt_lake.drawing import charts
    from bt_lake.drawing.stacking import titled

    others = [row for row in rows if row[0] not in best]
    every = max(1, -(-len(others) // _DOTS))
    shown = [*others[::every], *(row for row in rows if row[0] in best)]
    points = [(float(row[1]), float(row[2]), f"run {short_id(row[0])}") for row in shown]
    across, up = ((metric_name(name), metric_text(name)) for name in names)
    drawn = charts.scatter(
        f"{across[0]} and {up[0]}",
        points,
        across=across,
        up=up,
        labelled=False,
        paints=[SERIES[1] if row[0] in best else SERIES[7] for row in shown],
    )
    more = f", one in {every} of the others drawn" if every > 1 else ""
    said = f"{len(best):,} of {len(rows):,} runs that no other is as good as in both{more}"
    return titled(drawn, said)


def _facts(row: Mapping[str, Any]) -> str:
    names = ("total_return", "sharpe_ratio", "max_drawdown")
    known = [name for name in names if row[name] is not None]
    return " · ".join(f"{metric_name(name)} {metric_text(name)(row[name])}" for name in known)
