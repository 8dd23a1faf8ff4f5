"""The report of several runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bt_lake.drawing import charts
from bt_lake.drawing.cells import Axis, Cells
from bt_lake.drawing.heatmap import heatmap
from bt_lake.drawing.theme import Paint, series_paint
from bt_lake.queries.comparing import Comparison
from bt_lake.queries.heads import heads
from bt_lake.queries.periods import by_period, period_name
from bt_lake.queries.reading import Reader
from bt_lake.queries.tracks import Track, tracks
from bt_lake.queries.wholerows import Row
from bt_lake.report.document import Block, Cell, Figure, Part, Remark, Words, table
from bt_lake.report.written import Report
from bt_lake.warehouse.schema import LABELS
from bt_lake.wording.metrics import full_name, metric_name, metric_text
from bt_lake.wording.values import MISSING, one_line, percent, short_id, text, tick_share, times

_DRAWN = 12
_ROWS = 100
_CORRELATED = 30
_MONTHS = 24
_NAMES = 12
_HEADLINES = (
    "total_return", "cagr", "volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "max_drawdown", "total_trades", "win_rate", "profit_factor",
)  # fmt: skip
_ALIKE = 0.95


@dataclass(frozen=True)
class Runs:
    """Runs with their names and curves, in the order asked for."""

    comparison: Comparison
    tracks: list[Track]

    @classmethod
    def of(cls, reader: Reader, comparison: Comparison) -> Runs:
        return cls(comparison, tracks(reader, comparison.runs))

    @property
    def rows(self) -> list[Row]:
        return self.comparison.runs

    @cached_property
    def names(self) -> list[str]:
        return heads(self.rows)

    @cached_property
    def drawn(self) -> list[int]:
        """The places of those with a curve: the first of them, where they are many."""
        known = [n for n, track in enumerate(self.tracks) if track.ts.size > 1]
        return [n for n in known if np.isfinite(self.tracks[n].growth).all()][:_DRAWN]

    @property
    def with_curve(self) -> int:
        return sum(track.ts.size > 1 for track in self.tracks)


def several(runs: Runs) -> Report:
    left: list[str] = []
    parts = [Part("", _remarks(runs))]
    for title, make in (
        ("Who is best in what", _metrics),
        ("What sets them apart", _differences),
        ("Growth", _growth),
        ("Drawdown", _drawdowns),
        ("Return against risk", _risk),
        ("By year", _years),
        ("Months", _months),
        ("Correlation of daily returns", _correlation),
    ):
        if blocks := make(runs, left):
            parts.append(Part(title, blocks))
    return Report(f"{len(runs.rows):,} runs", _shared(runs), parts, left)


def _shared(runs: Runs) -> str:
    """What all have in common."""
    first = runs.rows[0]

    def same(name: str) -> bool:
        return first[name] is not None and all(row[name] == first[name] for row in runs.rows)

    words = [text(first[name]) for name in LABELS if same(name)]
    words += [
        f"{one_line(name)} {text(value)}" for name, value in runs.comparison.shared_params.items()
    ]
    if same("start_at") and same("end_at"):
        words.append(" to ".join(times([first["start_at"], first["end_at"]])))
    return ", ".join(dict.fromkeys(words)) or "Nothing in common."


def _remarks(runs: Runs) -> list[Block]:
    """For each family the luck that the best of these has to beat."""
    best: dict[str, tuple[float, float, int]] = {}
    for one in runs.comparison.standings:
        if one is None or one.trials is None or one.expected_max_sharpe is None:
            continue
        shown = -np.inf if one.sharpe_ratio is None else one.sharpe_ratio
        if one.family not in best or shown > best[one.family][0]:
            best[one.family] = shown, one.expected_max_sharpe, one.trials
    return [
        Remark(
            f"{family}: {trials:,} trials in this lake. The luckiest of as many coin flips would "
            f"show a Sharpe ratio of {luck:.2f}; the best here shows {shown:.2f}."
        )
        for family, (shown, luck, trials) in best.items()
        if trials > 1 and np.isfinite(shown)
    ]


def _metrics(runs: Runs, left: list[str]) -> list[Block]:
    return metrics_of(runs)


def metrics_of(runs: Runs) -> list[Block]:
    """A row a run, the best of each metric marked."""
    lines = [line for line in runs.comparison.metrics if line.name in _HEADLINES]
    own = [
        line for line in runs.comparison.metrics if line.unit == "" and line.name not in _HEADLINES
    ]
    lines += own[: _NAMES - len(lines)] if len(lines) < _NAMES else []
    rows: list[list[str | Cell]] = [
        [name, *(_marked(metric_text(line.name)(line.values[n]), n in line.best) for line in lines)]
        for n, name in enumerate(runs.names)
    ]
    head = ["", *(metric_name(line.name) for line in lines)]
    return [table(head, rows, most=_ROWS)] if lines else []


def _marked(shown: str, best: bool) -> Cell:
    return Cell(shown, 0.5 if best else 0.0, best)


def _differences(runs: Runs, left: list[str]) -> list[Block]:
    ordered = sorted(runs.comparison.differences, key=lambda line: line.section != "param")
    lines = ordered[:_NAMES]
    if not lines:
        return []
    rows: list[list[str | Cell]] = [
        [short_id(row["run_id"]), *(text(line.values[n]) for line in lines)]
        for n, row in enumerate(runs.rows)
    ]
    head = ["run", *(line.name.replace("_", " ") for line in lines)]
    found: list[Block] = [table(head, rows, most=_ROWS, texts=len(head))]
    if len(ordered) > len(lines):
        others = ", ".join(line.name for line in ordered[len(lines) :])
        found.append(Words(f"They differ in {others}, too."))
    return found


def _growth(runs: Runs, left: list[str]) -> list[Block]:
    if not runs.drawn:
        left.append("curves, drawdowns, years, months: none of these runs has a curve")
        return []
    return [*drawn_over(runs), *_capped(runs)]


def drawn_over(runs: Runs, most: int = _DRAWN) -> list[Block]:
    """Their growth from the same start."""
    places = runs.drawn[:most]
    if not places:
        return []
    plain = [_series(runs, n, runs.tracks[n].growth - 1.0) for n in places]
    drawn = [("linear", charts.lines("Return", plain, show=tick_share, base=0.0, height=320))]
    if all((runs.tracks[n].growth > 0).all() for n in places):
        many = [_series(runs, n, runs.tracks[n].growth) for n in places]
        drawn.append(("log", charts.lines("Growth", many, show=_multiple, log=True, height=320)))
    return [Figure(drawn)]


def _capped(runs: Runs) -> list[Block]:
    more = runs.with_curve - len(runs.drawn)
    return [Words(f"{more:,} more are not drawn.")] if more else []


def _multiple(value: float) -> str:
    return f"{value:.3g}x"


def _series(runs: Runs, place: int, values: Any) -> charts.Series:
    order = runs.drawn.index(place)
    return charts.Series(
        runs.names[place], runs.tracks[place].ts, values, series_paint(order), order > 7
    )


def _drawdowns(runs: Runs, left: list[str]) -> list[Block]:
    many = [_series(runs, n, runs.tracks[n].drawdown) for n in runs.drawn]
    return [Figure.of(charts.lines("Drawdown", many, show=tick_share, base=0.0))] if many else []


def _risk(runs: Runs, left: list[str]) -> list[Block]:
    up = "cagr" if any(row["cagr"] is not None for row in runs.rows) else "total_return"
    known = [
        (n, row["volatility"], row[up])
        for n, row in enumerate(runs.rows)
        if row["volatility"] is not None and row[up] is not None
    ]
    if len(known) < 2:
        return []
    few = len(known) <= 3 * _DRAWN
    paints = [
        series_paint(runs.drawn.index(n) if n in runs.drawn else 7 if few else 0) for n, *_ in known
    ]
    points = [(across, value, runs.names[n]) for n, across, value in known]
    return [risk_of(points, up, labelled=few, paints=paints)]


def risk_of(
    points: Sequence[tuple[float, float, str]],
    up: str = "cagr",
    *,
    labelled: bool = False,
    paints: Sequence[Paint] = (),
) -> Figure:
    drawn = charts.scatter(
        "Return against risk",
        points,
        across=("volatility a year", tick_share),
        up=(f"{full_name(up)}{' a year' if up == 'cagr' else ''}", tick_share),
        labelled=labelled,
        paints=paints,
    )
    return Figure.of(drawn)


def _years(runs: Runs, left: list[str]) -> list[Block]:
    """A run by year table: return and Sharpe ratio, and how many years were good."""
    found = {n: by_period(runs.tracks[n], "year") for n in _with_points(runs)}
    years = sorted({int(number) for each in found.values() for number in each.numbers})
    if len(years) < 2:
        return []
    blocks: list[Block] = []
    for name, caption in (("total_return", "Return"), ("sharpe_ratio", "Sharpe ratio")):
        rows: list[list[str | Cell]] = []
        for n, each in found.items():
            known = dict(zip(each.numbers.tolist(), each.metrics[name].tolist(), strict=True))
            values = [known.get(year, np.nan) for year in years]
            good = [value > 0 for value in values if np.isfinite(value)]
            cells = [_tinted(name, value) for value in values]
            rows.append([runs.names[n], *cells, f"{sum(good)} of {len(good)}"])
        head = ["", *(period_name(year, "year") for year in years), "above 0"]
        blocks.append(table(head, rows, most=_ROWS, caption=caption))
    return blocks


def _with_points(runs: Runs) -> list[int]:
    return [n for n, track in enumerate(runs.tracks) if track.ts.size > 1]


def _tinted(name: str, value: float) -> Cell:
    if not np.isfinite(value):
        return Cell("")
    strong = 2.0 if name == "sharpe_ratio" else 0.3
    shown = f"{value:.2f}" if name == "sharpe_ratio" else percent(value, sign="-")
    return Cell(shown, max(-1.0, min(1.0, value / strong)))


def _months(runs: Runs, left: list[str]) -> list[Block]:
    """The newest months, a column a run."""
    places = _with_points(runs)[:_DRAWN]
    found = {n: by_period(runs.tracks[n], "month") for n in places}
    numbers = sorted({int(number) for each in found.values() for number in each.numbers})
    if len(numbers) < 2:
        return []
    known = {
        n: dict(zip(each.numbers.tolist(), each.metrics["total_return"].tolist(), strict=True))
        for n, each in found.items()
    }
    rows: list[list[str | Cell]] = [
        [period_name(number, "month"), *(_month(known[n].get(number, np.nan)) for n in places)]
        for number in reversed(numbers)
    ]
    shown = table(["", *(runs.names[n] for n in places)], rows[:_MONTHS], most=_MONTHS)
    note = f"The newest {_MONTHS} of {len(rows)} months." if len(rows) > _MONTHS else ""
    return [shown, *([Words(note)] if note else [])]


def _month(value: float) -> Cell:
    shown = percent(value, sign="-") if np.isfinite(value) else ""
    return Cell(shown, max(-1.0, min(1.0, value / 0.06)) if shown else 0.0)


def _correlation(runs: Runs, left: list[str]) -> list[Block]:
    found = runs.comparison.correlation
    size = min(len(found), _CORRELATED)
    known = [found[i][j] for i in range(size) for j in range(i) if found[i][j] is not None]
    if not known:
        left.append("correlation: no two runs have three days in common")
        return []
    axis = Axis("", runs.names[:size])
    cells = [[found[i][j] if j < i else None for j in range(size)] for i in range(size)]
    shown = Cells(
        axis, Axis("", [charts.shortened(n, 14) for n in axis.values]), cells, _two, signed=True
    )
    blocks: list[Block] = [Figure.of(heatmap("Correlation of daily returns", shown))]
    pairs = sum(value >= _ALIKE for value in known)
    if pairs:
        said = "1 pair is" if pairs == 1 else f"{pairs:,} pairs are"
        blocks.append(Words(f"{said} nearly the same bet: correlated by {_ALIKE} or more."))
    if len(found) > size:
        blocks.append(Words(f"The first {size} of {len(found):,} runs."))
    return blocks


def _two(value: Any) -> str:
    return MISSING if value is None else f"{value:.2f}"
