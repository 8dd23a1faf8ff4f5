"""What the curve of one run did: drawn, and by months, seasons, regimes and falls."""

from __future__ import annotations

from typing import Any

import numpy as np

from bt_lake.drawing import charts
from bt_lake.drawing.theme import BAD, SERIES
from bt_lake.metrics.drawdowns import Fall
from bt_lake.metrics.periods import DAY
from bt_lake.queries.more import QUANTILES, seasons_of
from bt_lake.queries.regimes import WINDOW, regimes_of
from bt_lake.report.document import (
    Block,
    Cell,
    Figure,
    Table,
    Words,
)
from bt_lake.report.subject import Subject, moment
from bt_lake.wording.metrics import full_name, metric_text
from bt_lake.wording.values import (
    MISSING,
    MONTHS,
    count,
    one_decimal,
    percent,
    share,
    share_of_few,
    tick,
    tick_share,
    times,
)

_SHADED = 3


def equity(subject: Subject, left: list[str]) -> list[Block]:
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


def underwater(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve or not (subject.track.drawdown < 0).any():
        return []
    falls = [charts.Series("drawdown", subject.track.ts, subject.track.drawdown, BAD)]
    return [
        Figure.of(
            charts.lines("Drawdown", falls, show=tick_share, height=150, base=0.0, filled=True)
        )
    ]


def monthly(subject: Subject, left: list[str]) -> list[Block]:
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


def rolling(subject: Subject, left: list[str]) -> list[Block]:
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


def distribution(subject: Subject, left: list[str]) -> list[Block]:
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


def seasons(subject: Subject, left: list[str]) -> list[Block]:
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


def regimes(subject: Subject, left: list[str]) -> list[Block]:
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


def falls(subject: Subject, left: list[str]) -> list[Block]:
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
