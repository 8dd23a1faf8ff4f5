"""The report of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bt_lake.drawing import charts
from bt_lake.drawing.theme import BAD, SERIES
from bt_lake.metrics.drawdowns import Fall
from bt_lake.metrics.periods import DAY
from bt_lake.queries.more import QUANTILES, more_of, seasons_of
from bt_lake.queries.regimes import WINDOW, regimes_of
from bt_lake.queries.wholerows import flat
from bt_lake.report.document import (
    Abreast,
    Block,
    Card,
    Cards,
    Cell,
    Figure,
    Part,
    Remark,
    Table,
    Words,
)
from bt_lake.report.subject import Subject, moment
from bt_lake.report.trades import trade_blocks
from bt_lake.report.written import Report
from bt_lake.wording.metrics import BESIDE, SECTIONS, full_name, metric_text, number
from bt_lake.wording.more import MORE
from bt_lake.wording.values import (
    MISSING,
    MONTHS,
    count,
    general,
    money,
    one_decimal,
    percent,
    share,
    share_of_few,
    text,
    tick,
    tick_share,
    times,
)

_CARDS = {
    "total_return": "Return",
    "cagr": "CAGR",
    "sharpe_ratio": "Sharpe",
    "max_drawdown": "Max drawdown",
    "win_rate": "Win rate",
    "total_trades": "Trades",
}
_SHADED = 3
_ORIGIN = (
    "run_id", "created_at", "engine", "engine_version", "entrypoint", "reproduced_from",
    "code_hash", "data_hash", "data_source", "params_hash", "definitions", "sweep", "fold",
    "sample",
)  # fmt: skip


def single(subject: Subject) -> Report:
    left: list[str] = []
    parts = [Part("", [Cards(list(_cards(subject))), *_remarks(subject)])]
    made: list[tuple[str, Callable[[Subject, list[str]], list[Block]]]] = [
        ("Return", _equity),
        ("Drawdown", _underwater),
        ("Monthly returns", _monthly),
        (f"Rolling, {subject.window:,} returns" if subject.has_curve else "Rolling", _rolling),
        ("Returns", _distribution),
        ("Seasons", _seasons),
        ("Regimes", _regimes),
        ("Deepest drawdowns", _falls),
        ("Metrics", _metrics),
        ("More numbers", _more_numbers),
        ("Beside the benchmark", _relative),
        ("Trades", trade_blocks),
        ("Parameters", _params),
        ("The source says otherwise", _disagreements),
        ("Origin", _origin),
    ]
    for title, make in made:
        if blocks := make(subject, left):
            parts.append(Part(title, blocks))
    row = subject.row
    title = " ".join(filter(None, (row["strategy"], row["symbol"], row["timeframe"])))
    return Report(title, _subtitle(subject), parts, left)


def _subtitle(subject: Subject) -> str:
    row = subject.row
    params = [f"{name} {text(value)}" for name, value in flat(row["params"] or {}).items()]
    words = [", ".join(params[:8]) + (", ..." if len(params) > 8 else "")]
    if row["start_at"] and row["end_at"]:
        words.append(" to ".join(times([row["start_at"], row["end_at"]])))
    return " · ".join(filter(None, [*words, f"run {row['run_id']}"]))


def _cards(subject: Subject) -> Iterator[Card]:
    for name, title in _CARDS.items():
        value = subject.row[name]
        if value is not None:
            yield Card(title, metric_text(name)(value))


def _remarks(subject: Subject) -> Iterator[Block]:
    row = subject.row
    if row["status"] == "failed":
        yield Remark(f"This run failed: {row['error'] or 'nobody says why'}")
    if (luck := _luck(subject)) is not None:
        yield Remark(luck)
    if row["metrics_from"] == "reported":
        yield Remark(
            "The metrics are as the source reported them: there is no curve to check them by."
        )
    if (row["config"] or {}).get("curve") == "closed trades":
        yield Remark("The curve is one of closed trades: its falls are too small.")
    if row["notes"]:
        yield Words(row["notes"])


def _luck(subject: Subject) -> str | None:
    """The Sharpe ratio as one of many: what none of the tries would be without."""
    standing = subject.standing
    if standing is None:
        return None
    if standing.trials is None:
        return f"{standing}."
    family = standing.family
    if standing.trials == 1:
        return f"The only trial of {family} in this lake: nothing to be the luckiest of."
    words = f"One of {standing.trials:,} trials of {family} in this lake."
    shown = standing.sharpe_ratio
    if standing.expected_max_sharpe is None or shown is None:
        return words
    whose = "its stitched folds show" if standing.part == "fold" else "this run shows"
    return (
        f"{words} The luckiest of as many coin flips would show a Sharpe ratio of "
        f"{standing.expected_max_sharpe:.2f}; {whose} {shown:.2f}."
    )


def _equity(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve:
        left.append("equity, drawdown, months, rolling numbers: the run has no curve")
        return []
    track = subject.track
    bands = []
    for fall in subject.falls[:_SHADED]:
        start, stop = _ends(subject, fall)
        tip = f"{percent(fall.depth)} in {one_decimal(_days(start, stop))} days"
        bands.append(charts.Band(start, stop, tip))
    if not np.isfinite(track.growth).all():
        curve = [charts.Series("equity", track.ts, track.equity)]
        return [Figure.of(charts.lines("Equity", curve, show=tick, bands=bands))]
    grown = [("run", track.ts, track.growth)]
    if subject.benchmark is not None and subject.pair is not None:
        grown.append((subject.pair.name, *subject.benchmark))
    else:
        left.append("benchmark: none in the curve; name one with --benchmark RUN|FILE.csv|RATE")
    plain = [charts.Series(name, ts, growth - 1.0) for name, ts, growth in grown]
    drawn = [("linear", charts.lines("Return", plain, show=tick_share, base=0.0, bands=bands))]
    if all((growth > 0).all() for *_, growth in grown):
        many = [charts.Series(name, ts, growth) for name, ts, growth in grown]
        show = _times_the_start
        drawn.append(("log", charts.lines("Growth", many, show=show, log=True, bands=bands)))
    note = f"Shaded: the {len(bands)} deepest drawdowns." if len(bands) > 1 else ""
    return [Figure(drawn), *([Words(note)] if note else [])]


def _ends(subject: Subject, fall: Fall) -> tuple[int, int]:
    """When it began, and when it was made good, or the curve ends."""
    ts = subject.track.ts
    start, stop = fall.peak or 0, ts.size - 1 if fall.recovered is None else fall.recovered
    return int(ts[start]), int(ts[stop])


def _days(start: int, stop: int) -> float:
    return (stop - start) / DAY


def _times_the_start(value: float) -> str:
    return f"{value:.3g}x"


def _underwater(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve or not (subject.track.drawdown < 0).any():
        return []
    falls = [charts.Series("drawdown", subject.track.ts, subject.track.drawdown, BAD)]
    return [
        Figure.of(
            charts.lines("Drawdown", falls, show=tick_share, height=150, base=0.0, filled=True)
        )
    ]


def _monthly(subject: Subject, left: list[str]) -> list[Block]:
    years: dict[int, dict[int, float]] = {}
    for year, month, value in subject.months:
        years.setdefault(year, {})[month] = value
    if not years:
        return []
    scale = _scale([value for *_, value in subject.months])
    rows: list[list[str | Cell]] = []
    for year, months in sorted(years.items()):
        cells = [_tinted(months.get(month), scale) for month in range(1, 13)]
        whole = float(np.prod([1.0 + value for value in months.values()])) - 1.0
        rows.append([str(year), *cells, Cell(_short(whole), bold=True)])
    return [Table(["", *MONTHS, "Year"], rows)]


def _scale(values: list[float]) -> float:
    """What counts as strong: a few extremes should not make all others pale."""
    return float(np.quantile(np.abs(values), 0.9)) or 1.0


def _tinted(value: float | None, scale: float) -> Cell:
    return Cell("") if value is None else Cell(_short(value), max(-1.0, min(1.0, value / scale)))


def _short(value: float) -> str:
    return percent(value, sign="-")


def _rolling(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve:
        return []
    frame = subject.rolling
    if frame.height < 2:
        left.append(f"rolling numbers: {subject.track.returns.ts.size} returns are too few")
        return []
    ts = frame["ts"].dt.epoch("us").to_numpy()
    within = float(subject.track.ts[0]), float(subject.track.ts[-1])
    found: list[Block] = []
    looks = (
        ("sharpe_ratio", "Sharpe ratio", tick, 0.0),
        ("volatility", "Volatility", tick_share, None),
        ("beta", "Beta", tick, None),
    )
    for place, (name, title, show, base) in enumerate(looks):
        values = frame[name].cast(float).fill_null(float("nan")).to_numpy()
        if np.isfinite(values).sum() > 1:
            series = [charts.Series(title, ts, values, SERIES[place])]
            drawn = charts.lines(title, series, show=show, height=130, base=base, within=within)
            found += [Words(title), Figure.of(drawn)]
    return found


def _distribution(subject: Subject, left: list[str]) -> list[Block]:
    r = subject.track.returns.r
    if r.size < 12:
        return []
    months = np.array([value for *_, value in subject.months])
    marks = [(float(np.quantile(r, 0.05)), "5% quantile")]
    moved = r[r != 0]
    if moved.size < 12:
        moved = r
    drawn = charts.distribution("Returns", moved, show=tick_share, marks=marks, height=190)
    head = ["", "number", "gains", "mean", "worst", "5%", "25%", "median", "75%", "95%", "best"]
    samples = ((_period(subject), r), ("month", months))
    rows = [_quantiles(name, values) for name, values in samples if values.size > 1]
    still = r.size - moved.size
    note = f"{still:,} returns of 0 are not drawn." if still else ""
    return [Figure.of(drawn), Table(head, rows, note=note)]


def _period(subject: Subject) -> str:
    named = {"1d": "day", "1w": "week", "1mo": "month", "1h": "hour"}
    return named.get(subject.row["timeframe"] or "", subject.row["timeframe"] or "period")


def _quantiles(name: str, values: Any) -> list[str | Cell]:
    found = np.quantile(values, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    shown = [percent(float(value), sign="-", digits=2) for value in [values.mean(), *found]]
    gains = share(float((values > 0).mean()))
    return [name, count(values.size), gains, *shown]


def _seasons(subject: Subject, left: list[str]) -> list[Block]:
    """What months of the year and weekdays brought."""
    head = ["number", "gains", "mean", "worst", "5%", "25%", "median", "75%", "95%", "best"]
    names = ("mean", "worst", *QUANTILES, "best")
    tables: dict[str, list[list[str | Cell]]] = {}
    for row in seasons_of(subject.track):
        shown = [percent(row[name], sign="-", digits=2) for name in names]
        gains = share_of_few(row["gains"])
        line: list[str | Cell] = [row["season"], count(row["returns"]), gains, *shown]
        tables.setdefault(row["by"], []).append(line)
    return [Table([by, *head], rows) for by, rows in tables.items()]


def _regimes(subject: Subject, left: list[str]) -> list[Block]:
    """Calendar years, and thirds of how wild the benchmark was."""
    if not subject.has_curve:
        return []
    made = [("year", regimes_of(subject.track, "year", None, None))]
    if subject.pair is not None and subject.pair.b.size >= 3 * WINDOW:
        made.append(("benchmark", regimes_of(subject.track, "volatility", None, subject.against)))
    tables = []
    for head, regimes in made:
        rows: list[list[str | Cell]] = [
            [
                each.name,
                count(each.r.size),
                *(
                    MISSING if value != value else metric_text(name)(value)
                    for name, value in each.metrics.items()
                ),
            ]
            for each in regimes
        ]
        if len(rows) > 1:
            names = [full_name(name) for name in regimes[0].metrics]
            tables.append(Table([head, "returns", *names], rows))
    return [*tables]


def _falls(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve or not subject.falls:
        return []
    rows: list[list[str | Cell]] = []
    for place, fall in enumerate(subject.falls, start=1):
        start, stop = _ends(subject, fall)
        from_, trough, back = times([*map(moment, (start, subject.track.ts[fall.trough], stop))])
        from_ = "start" if fall.peak is None else from_
        back = "not yet" if fall.recovered is None else back
        depth = percent(fall.depth, sign="-", digits=2)
        days = one_decimal(round(_days(start, stop), 1))
        rows.append([str(place), depth, from_, trough, back, days])
    return [Table(["", "depth", "from", "trough", "back", "days"], rows)]


def _metrics(subject: Subject, left: list[str]) -> list[Block]:
    theirs = subject.benchmark_metrics
    tables = []
    for title, names in SECTIONS.items():
        if title == BESIDE:  # a section of its own, with the benchmark that was named
            continue
        rows: list[list[str | Cell]] = []
        for name in names:
            value = subject.row[name]
            other = theirs.get(name)
            if value is None and other is None:
                continue
            shown = [MISSING if v is None else metric_text(name)(v) for v in (value, other)]
            rows.append([full_name(name), shown[0], *([shown[1]] if theirs else [])])
        if rows:
            head = (
                ["", "run", "benchmark"]
                if theirs and title not in ("Trades", "Per trade")
                else ["", "run"]
            )
            rows = [each[: len(head)] for each in rows]
            tables.append(Table(head if len(head) > 2 else ["", ""], rows, caption=title))
    own = subject.row["extra"] or {}
    if own:
        rows = [[name, general(value)] for name, value in own.items()]
        tables.append(Table(["", ""], rows, caption="Your own"))
    return [Abreast(tables)] if tables else []


def _more_numbers(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve:
        return []
    found = more_of(subject.track, subject.detail.trade_log.frame(), subject.rf, draws=0)
    rows: list[list[str | Cell]] = [
        [name.replace("_", " "), number(MORE[name])(value)]
        for name, value in found.items()
        if value is not None
    ]
    half = (len(rows) + 1) // 2
    tables = [Table(["", ""], part) for part in (rows[:half], rows[half:]) if part]
    return [Words(f"Risk-free rate: {share(subject.rf)} a year."), Abreast(tables)]


def _relative(subject: Subject, left: list[str]) -> list[Block]:
    if subject.pair is None:
        return []
    found = subject.pair.numbers(subject.rf)
    rows: list[list[str | Cell]] = [
        [full_name(name), metric_text(name)(value)]
        for name, value in found.items()
        if value is not None
    ]
    rate = f"Risk-free rate: {share(subject.rf)} a year." if subject.rf else ""
    half = (len(rows) + 1) // 2
    tables = [Table(["", ""], part) for part in (rows[:half], rows[half:]) if part]
    said = f"Benchmark: {subject.pair.name}. {rate}".strip()
    return [Words(said), Abreast(tables)]


def _params(subject: Subject, left: list[str]) -> list[Block]:
    tables = []
    for caption, column in (("", "params"), ("Config", "config")):
        rows: list[list[str | Cell]] = [
            [name, text(value)] for name, value in flat(subject.row[column] or {}).items()
        ]
        if rows:
            tables.append(Table(["", ""], rows[:60], 2, caption, _more(rows, 60)))
    return [Abreast(tables)] if tables else []


def _more(rows: list[Any], most: int) -> str:
    return f"The first {most} of {len(rows):,}." if len(rows) > most else ""


def _disagreements(subject: Subject, left: list[str]) -> list[Block]:
    rows: list[list[str | Cell]] = [
        [full_name(name), metric_text(name)(reported), metric_text(name)(computed)]
        for name, reported, computed in subject.detail.disagreements
    ]
    return [Table(["", "reported", "computed"], rows)] if rows else []


def _origin(subject: Subject, left: list[str]) -> list[Block]:
    row = subject.row
    rows: list[list[str | Cell]] = [
        [name.replace("_", " "), text(row[name])] for name in _ORIGIN if row[name] is not None
    ]
    if row["tags"]:
        rows.append(["tags", text(row["tags"])])
    if row["initial_capital"] is not None and row["final_equity"] is not None:
        capital = " to ".join(map(money, (row["initial_capital"], row["final_equity"])))
        rows.append(["capital", f"{capital} {row['currency'] or ''}".strip()])
    return [Table(["", ""], rows, 2)]
