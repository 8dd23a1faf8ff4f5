"""Reports: what stands in them, that every label is text, and how large they get."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli_lake import Cli, run_id

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, NotFound

pytest_plugins = ["cli_fixtures"]

HOSTILE = "<img src=x onerror=alert(1)>|*&\"'"
DAYS = [datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(900)]
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """A page as its elements in order; fails where one is not closed as it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.heads: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and "style" not in self.open:
            self.texts.append(data.strip())
            if self.open[-1] == "h2":
                self.heads.append(data)


def walk(seed: int) -> list[float]:
    moves = np.random.default_rng(seed).normal(0.0004, 0.01, len(DAYS))
    return (1000 * np.cumprod(1 + moves)).tolist()


def trade(n: int, name: str) -> dict:
    entry = DAYS[n * 5] + timedelta(hours=n % 7)
    return {
        "symbol": name, "side": "long" if n % 3 else "short", "entry_at": entry,
        "exit_at": entry + timedelta(days=1 + n % 40), "pnl": 10.0 - n % 23, "return": 0.01,
        "entry_tag": f"{name}{n % 2}", "exit_reason": f"{name}{n % 3}", "mae": -1.0 * n, "mfe": 2.0 * n,
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    """Runs 0 to 2 with curve, benchmark and trades, 3 with a hostile name everywhere, 4 without a
    curve, 5 failed."""
    lake = Lake(tmp_path_factory.mktemp("report") / "lake")
    ids = []
    for n in range(4):
        name = HOSTILE if n == 3 else "SPY"
        ids.append(
            lake.save(
                strategy=HOSTILE if n == 3 else "sma",
                symbol=name,
                timeframe="1d",
                params={"fast": n, "slow": 50, name: name},
                equity={"ts": DAYS, "equity": walk(n), "benchmark": walk(9)},
                trades=[trade(k, name) for k in range(120)],
                metrics={"sharpe_ratio": 9.0, f"mine{name}": 1.0},
                notes=name,
                tags=[name],
                periods_per_year=252,
                initial_capital=1000.0,
            )
        )
    ids.append(lake.save(strategy="sma", metrics={"sharpe_ratio": 1.0}))
    ids.append(lake.save(strategy="sma", error=f"Boom: {HOSTILE}"))
    return lake, ids


@pytest.mark.slow
def test_one_run_has_every_part(made):
    lake, ids = made
    found = lake.report(ids[0])
    page = Page(found.html())
    assert page.heads == [
        "Return", "Drawdown", "Monthly returns", "Rolling, 126 returns", "Returns", "Seasons", "Regimes",
        "Deepest drawdowns", "Metrics", "More numbers", "Beside the benchmark", "Trades", "Parameters", "The source says otherwise", "Origin",
    ]  # fmt: skip
    assert found.left_out == []
    assert page.texts[0] == "sma SPY 1d" and f"run {ids[0]}" in page.texts[2]
    run = lake.run(ids[0]).row
    texts = " ".join(page.texts)
    for shown in (
        f"{run['sharpe_ratio']:.2f}",
        f"{run['max_drawdown']:.2%}",
        "One of 5 trials of sma",
    ):
        assert shown in texts
    assert run["sharpe_ratio"] != 9.0 and "9.00" in texts  # what the source reported
    beta = lake.relative(ids[0])["beta"].item()
    assert f"{beta:.2f}" in texts


def test_excursions_are_told_by_tag(made):
    lake, ids = made
    text = lake.report(ids[0]).markdown()
    trades = lake.trades(ids[0]).filter(entry_tag="SPY0")
    against, gone = trades["mae"].abs(), trades["mfe"]
    row = next(
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| SPY0 |") and line.count("|") == 7 and f"{against.max():,.0f}" in line
    )
    assert row[1] == str(trades.height)
    assert row[-1] == f"{gone.mean() / against.mean():.2f}"


def test_the_months_of_the_page_are_those_of_the_lake(made):
    lake, ids = made
    text = lake.report(ids[1]).markdown()
    rows = [
        line
        for line in text.splitlines()
        if re.match(r"(\|[^|]*){13}", line) and re.match(r"\| 20\d\d \|", line)
    ]
    shown = [cell.strip() for row in rows for cell in row.split("|")[2:14] if cell.strip()]
    assert shown == [
        f"{value:.1%}".replace("-0.0%", "0.0%") for _, value in lake.run(ids[1]).monthly
    ]


@pytest.mark.parametrize("which", [[3], [5], [4], [0, 3], [0, 1, 2, 3, 4, 5]])
def test_every_label_is_text(made, which):
    lake, ids = made
    found = lake.report([ids[n] for n in which])
    page = Page(found.html())
    assert not {"img", "script", "a", "iframe", "link"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "src" not in page.attributes and "href" not in page.attributes
    assert any(HOSTILE in text for text in page.texts) or which == [4]
    assert not re.search(r"(?<!\\)<img", found.markdown())
    assert (
        "onerror" not in found._repr_html_().replace(HOSTILE, "")
        or "<img" not in found._repr_html_()
    )


def test_what_cannot_be_told_is_left_out_and_said(made):
    lake, ids = made
    found = lake.report(ids[4])
    assert any("no curve" in each for each in found.left_out)
    assert "trades: none are stored" in found.left_out
    assert Page(found.html()).heads == ["Metrics", "Origin", "Left out"]
    failed = Page(lake.report(ids[5]).html())
    assert any(text.startswith("This run failed: Boom") for text in failed.texts)


def test_several_runs(made):
    lake, ids = made
    found = lake.report(ids[:3])
    page = Page(found.html())
    assert page.heads == [
        "Who is best in what", "What sets them apart", "Growth", "Drawdown", "Return against risk",
        "By year", "Months", "Correlation of daily returns",
    ]  # fmt: skip
    assert page.texts[0] == "3 runs" and {"fast=0", "fast=1", "fast=2"} <= set(page.texts)
    alike = lake.compare(ids[:3]).correlation
    assert f"{alike[1][0]:.2f}" in page.texts
    text = found.markdown()
    for year in ("2019", "2020", "2021"):
        assert year in text
    with pytest.raises(BadInput, match="report of one run"):
        lake.report(ids[:2], benchmark=0.02)


def test_a_year_is_what_its_part_of_the_curve_says(made):
    lake, ids = made
    text = lake.report(ids[:2]).markdown()
    curve = pl.DataFrame({"ts": DAYS, "equity": walk(0)})
    first, second = (
        curve.filter(pl.col("ts").dt.year() == year)["equity"] for year in (2019, 2020)
    )
    returns = np.diff(np.r_[first[-1], second]) / np.r_[first[-1], second[:-1]]
    row = next(
        line for line in text.splitlines() if line.startswith("| fast=0 |") and "of 3" in line
    )
    assert row.split("|")[3].strip() == f"{second[-1] / first[-1] - 1:.1%}"
    sharpe = returns.mean() / returns.std(ddof=1) * 252**0.5
    assert f"| {sharpe:.2f} |" in text


def test_the_benchmark_grows_from_where_the_run_stood(made):
    lake, ids = made
    assert "run …" + ids[1][-8:] in lake.report(ids[0], benchmark=ids[1]).html()
    assert lake.report(ids[0], benchmark=0.02, rf=0.01).html().count("0.02 a year") >= 2
    with pytest.raises(BadInput, match="rf: a rate"):
        lake.report(ids[0], rf=3)


@pytest.mark.slow
def test_a_long_run_is_small_and_keeps_its_extremes(tmp_path: Path):
    lake = Lake(tmp_path / "lake")
    equity = 1000 + np.cumsum(np.random.default_rng(0).normal(0, 1, 200_000)) / 50
    equity[123_456] *= 0.5
    ts = (
        pl.datetime_range(datetime(2020, 1, 1), None, "1m", time_zone="UTC", eager=True)
        if False
        else None
    )
    start = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    ts = pl.Series((np.arange(200_000) * 60 + start) * 1_000_000).cast(pl.Datetime("us", "UTC"))
    run = lake.save(strategy="s", equity=pl.DataFrame({"ts": ts, "equity": equity}))
    page = lake.report(run).html()
    assert len(page.encode()) < 120_000
    assert "-50" in page


@pytest.mark.slow
def test_the_command(cli: Cli, tmp_path: Path):
    page = tmp_path / "r.html"
    said = cli("report", "07", "-o", page)
    assert (said.code, said.out) == (0, "") and said.err.startswith(f"wrote {page} · ")
    assert Page(page.read_text("utf-8")).texts[0] == "sma_cross WAVE 1d"
    text = cli("report", "07", "--format", "md").out
    assert text.startswith("## sma\\_cross WAVE 1d\n") and "\n| Return | " in text
    assert cli("report", "07").out.startswith("<!doctype html>")
    several = tmp_path / "r.md"
    assert cli("report", "06", "05", "-o", several).code == 0
    assert several.read_text("utf-8").startswith("## 2 runs\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["07", "-o", "r.pdf"], 2, "cannot write a report to r.pdf: end it with .html or .md"),
        (["nowhere", "-o", "r.html"], 3, "no run 'nowhere'"),
        (["-o", "r.html"], 2, "which runs?"),
        (["07", "--rf", "3", "-o", "r.html"], 2, "rf: a rate a year is a fraction"),
        (["07", "-f", "pdf"], 2, "--format"),
    ],
)
def test_mistakes(cli: Cli, arguments: list[str], code: int, message: str):
    said = cli("report", *arguments)
    assert (said.code, said.out) == (code, "")
    assert message in said.err


def test_a_report_is_of_runs_that_are_there(made, tmp_path: Path):
    lake, ids = made
    with pytest.raises(BadInput, match=r"\.html, \.md"):
        lake.report(ids[0]).save(tmp_path / "r.pdf")
    with pytest.raises(NotFound):
        lake.report(run_id(77))
    assert (
        lake.report(ids[0]).save(tmp_path / "r.md").read_text("utf-8").startswith("## sma SPY 1d")
    )


@pytest.mark.slow
def test_a_family(made, cli: Cli, tmp_path: Path):
    lake, _ids = made
    found = lake.report(strategy="sma")
    page = Page(found.html())
    assert page.texts[0] == "sma: 5 trials"
    report = lake.overfit(strategy="sma")
    assert report.verdict in page.texts
    assert {"All trials", "The best", "Growth of the best", "Return against risk"} <= set(
        page.heads
    )
    file = tmp_path / "f.html"
    assert cli("report", "--strategy", "sma_cross", "--symbol", "SYNTH", "-o", file).code == 0
    texts = Page(file.read_text("utf-8")).texts
    assert {"Sharpe ratio by parameters", "slow 60, fast 10: 2.50"} <= set(texts)
    Page(lake.report(symbol=HOSTILE).html())
    with pytest.raises(NotFound, match="Did you mean sma"):
        lake.report(strategy="smaa")
    with pytest.raises(BadInput, match="runs or filters, not both"):
        lake.report(_ids[0], strategy="sma")
