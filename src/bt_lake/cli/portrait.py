"""One run in full, as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from bt_lake.cli.chart import equity_chart
from bt_lake.cli.fields import field, judged
from bt_lake.cli.sections import Section, abreast, stacked
from bt_lake.cli.style import Style
from bt_lake.queries.wholerows import flat
from bt_lake.warehouse.schema import SHOWN
from bt_lake.wording import values
from bt_lake.wording.metrics import SECTIONS, full_name, metric_text
from bt_lake.wording.values import text

if TYPE_CHECKING:
    from bt_lake.queries.detail import Detail

# Labels on a line of their own; the others stand together with what they belong to.
_LABELS = [
    name
    for name in SHOWN
    if name not in ("strategy", "strategy_version", "symbol", "timeframe", "engine")
]
_YEAR_WIDTH = 74

Row = Mapping[str, Any]


def portrait(detail: Detail, *, width: int, style: Style, family: str = "strategy") -> list[str]:
    row = detail.row
    parts = [
        stacked(_identity(row), width=width, style=style),
        stacked(_strategy(row), width=width, style=style),
        stacked(_context(row), width=width, style=style),
        abreast(_metrics(row), width=width, style=style),
        stacked(_beside_luck(detail, family), width=width, style=style),
        *_history(detail, width, style),
        _disagreements(detail.disagreements, style),
    ]
    return [line for part in parts if part for line in [*part, ""]][:-1]


def _identity(row: Row) -> Section:
    section = Section(f"Run {row['run_id']}")
    section.add("created", _time(row["created_at"]))
    failed = row["status"] == "failed"
    took = "" if row["duration_s"] is None else f", took {values.duration(row['duration_s'])}"
    section.add("status", row["status"] + took, "red" if failed else "")
    section.add("error", row["error"], "red")
    if row["log"]:
        lines = row["log"].count("\n") + (row["log"][-1:] != "\n")
        section.add("printed", f"{lines:,} line{'s' * (lines != 1)}; --log shows them")
    section.add("deleted", _time(row["deleted_at"]), "yellow")
    section.add("tags", ", ".join(row["tags"] or []))
    section.add("notes", row["notes"])
    section.add("reproduces", row["reproduced_from"])
    return section


def _strategy(row: Row) -> Section:
    section = Section("Strategy")
    kind = f" ({row['strategy_type']})" if row["strategy_type"] else ""
    section.add("name", row["strategy"] + kind)
    section.add("version", row["strategy_version"])
    params = flat(row["params"] or {})
    section.add("params", _listed(params))
    for name in (*_LABELS, "model_path", "entrypoint"):
        section.add(name.replace("_", " "), row[name])
    config = flat(row["config"] or {})
    section.add("config", _listed(config))
    engine = " ".join(filter(None, (row["engine"], row["engine_version"])))
    section.add("engine", engine)
    return section


def _listed(parts: Row) -> str:
    return ", ".join(f"{values.one_line(name)} {text(value)}" for name, value in parts.items())


def _context(row: Row) -> Section:
    section = Section("Context")
    section.add("market", " ".join(filter(None, (row["symbol"], row["timeframe"]))))
    section.add("data", row["data_source"])
    if row["start_at"]:
        bars = "" if row["bars"] is None else f", {row['bars']:,} bars"
        year = row["periods_per_year"]
        rate = "" if year is None else f", {year:,.0f} a year"
        start, end = values.times([row["start_at"], row["end_at"]])
        section.add("period", f"{start} to {end}{bars}{rate}")
    if row["initial_capital"] is not None or row["final_equity"] is not None:
        start, end = map(values.money, (row["initial_capital"], row["final_equity"]))
        currency = f" {row['currency']}" if row["currency"] else ""
        section.add("capital", f"{start} to {end}{currency}")
    if row["metrics_from"] == "reported":
        section.add("metrics", "as the source reported them: there is no curve to check them by")
    if (row["config"] or {}).get("curve") == "closed trades":
        section.add("curve", f"of closed trades: its falls are too small{_reported_fall(row)}")
    return section


def _reported_fall(row: Row) -> str:
    reported = (row["reported"] or {}).get("max_drawdown")
    return (
        "" if reported is None else f"; the platform says {metric_text('max_drawdown')(reported)}"
    )


def _metrics(row: Row) -> list[Section]:
    sections = [_group(title, names, row) for title, names in SECTIONS.items()]
    sections.append(_drawdown(row))
    own = Section("Your own")
    for name, value in (row["extra"] or {}).items():
        own.add(name, values.general(value))
    return [*sections, own]


def _beside_luck(detail: Detail, family: str) -> Section:
    """What the Sharpe ratio is worth as one of many."""
    section = Section("Beside luck")
    standing = detail.standing(family)
    if standing is None or (standing.dsr is None and standing.part != "in sample"):
        return section
    section.add("family", str(standing))
    if standing.part == "fold" and standing.sharpe_ratio is not None:
        section.add("stitched folds", f"sharpe {standing.sharpe_ratio:.2f}")
    if standing.expected_max_sharpe is not None:
        section.add("best by luck", f"sharpe {standing.expected_max_sharpe:.2f}")
    if standing.dsr is not None:
        section.add("dsr", judged("dsr").text(standing.dsr))
    return section


def _group(title: str, names: Sequence[str], row: Row) -> Section:
    section = Section(title)
    for name in names:
        if row[name] is not None:
            made = field(name)
            look = made.look(row[name]) if made.look else ""
            section.add(full_name(name), made.text(row[name]), look)
    return section


def _drawdown(row: Row) -> Section:
    """When the deepest fall began, ended and was made good."""
    section = Section("Deepest fall")
    for title, name in (("peak", "peak"), ("trough", "trough"), ("recovered", "recovered")):
        value = row[f"drawdown_{name}_at"]
        if value is not None:
            section.add(title, values.times([value])[0])
        elif name == "recovered" and row["drawdown_trough_at"] is not None:
            section.add(title, "not yet")
    return section


def _history(detail: Detail, width: int, style: Style) -> list[list[str]]:
    """The curve and its months; those of a deleted run are out of reach, or gone."""
    if detail.row["deleted_at"] is not None:
        return []
    return [_curve(detail, width, style), _months(detail.monthly, width, style)]


def _curve(detail: Detail, width: int, style: Style) -> list[str]:
    answer = detail.curve
    rows = answer.rows()
    if len(rows) < 2:
        return []
    places = {name: n for n, name in enumerate(answer.columns)}
    times = [row[places["ts"]] for row in rows]
    equity = [row[places["equity"]] for row in rows]
    falls = [row[places["drawdown"]] for row in rows]
    head = style("Equity and drawdown", "bold")
    return [head, *equity_chart(times, equity, falls, width=width, style=style)]


def _months(
    monthly: Sequence[tuple[date | datetime, float | None]], width: int, style: Style
) -> list[str]:
    """A line a year, a column a month, in percent; half a year where twelve do not fit."""
    years: dict[int, dict[int, float]] = {}
    for month, value in monthly:
        if value is not None:
            years.setdefault(month.year, {})[month.month] = value
    if not years:
        return []
    lines = [style("Returns by month, %", "bold")]
    per = 12 if width >= _YEAR_WIDTH else 6
    for first in range(1, 13, per):
        names = values.MONTHS[first - 1 : first - 1 + per]
        last = first + per > 12
        head = "      " + "".join(name.rjust(5) for name in names) + ("    year" if last else "")
        lines.append(style(head, "dim"))
        for year, months in sorted(years.items()):
            line = style(f"  {year}", "dim")
            for number in range(first, first + per):
                value = months.get(number)
                line += "     " if value is None else _month(value, 5, style)
            lines.append((line + _month(_chained(months), 8, style)) if last else line.rstrip())
    return lines


def _chained(months: Mapping[int, float]) -> float:
    whole = 1.0
    for value in months.values():
        whole *= 1 + value
    return whole - 1


def _month(value: float, room: int, style: Style) -> str:
    points = value * 100
    shown = f"{points:.1f}" if abs(points) < 99.95 else f"{points:.0f}"
    shown = "0.0" if shown == "-0.0" else shown
    return style(shown.rjust(room), "green" if value > 0 else "red" if value < 0 else "")


def _disagreements(found: Sequence[tuple[str, Any, Any]], style: Style) -> list[str]:
    """Where the source's own numbers are others than those computed from the curve."""
    if not found:
        return []
    lines = [(full_name(n), metric_text(n)(r), metric_text(n)(c)) for n, r, c in found]
    widths = [max(len(line[place]) for line in lines) for place in range(3)]
    name, told, ours = max(widths[0], 6), max(widths[1], 8), max(widths[2], 8)
    head = f"  {'':<{name}}  {'reported':>{told}}  {'computed':>{ours}}"
    body = [f"  {a:<{name}}  {b:>{told}}  {c:>{ours}}" for a, b, c in lines]
    return [style("The source says otherwise", "bold"), style(head, "dim"), *body]


def _time(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
