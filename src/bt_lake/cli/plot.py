"""Sweeps and curves as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.cli import picture as pic
from bt_lake.cli.fields import metric_name, metric_text
from bt_lake.cli.heatmap import Heatmap, colour_of, heatmap_of, short
from bt_lake.cli.messages import many
from bt_lake.cli.picture import Area, Line, Picture, Rect, Text
from bt_lake.cli.values import percent, short_id
from bt_lake.warehouse.errors import NotFound

if TYPE_CHECKING:
    from bt_lake.queries.detail import Detail
    from bt_lake.queries.sweeping import Grid

_BLUE = (33, 102, 172)
_RED = (214, 96, 77)
_MARGIN = 24
_TOP = 78
_CELL_HEIGHT = 34
_GLYPH = 7.6  # width of an average letter at size 13


def plot_grid(grid: Grid, path: Path) -> None:
    pic.check_kind(path)
    if not grid.rows:
        raise NotFound(f"no run of {grid.strategy} has {short(grid.x)} and {grid.metric}")
    title = f"{metric_name(grid.metric)} of {grid.strategy}"
    over = f"{grid.how} over {', '.join(map(short, grid.mixed))} · " if grid.mixed else ""
    subtitle = f"{over}{many(grid.runs, 'trial')}"
    heatmap = heatmap_of(grid)
    draw = _bars if grid.y is None else _grid
    pic.save(draw(title, subtitle, heatmap), path)


def _grid(title: str, subtitle: str, heatmap: Heatmap) -> Picture:
    heads, sides = heatmap.across.labels, heatmap.down.labels
    numbers, shares = heatmap.numbers, heatmap.shares
    cell = max(40.0, max(map(len, [*heads, *(n for r in numbers for n in r)])) * _GLYPH + 14)
    left = _MARGIN + max(map(len, [heatmap.down.name, *sides])) * _GLYPH + 12
    top, across = _TOP + 36, cell * len(heads)
    width = max(left + across + _MARGIN, _width_of(title), _width_of(subtitle))
    drawn = Picture(title, width, top + _CELL_HEIGHT * len(sides) + 64)
    _titles(drawn, title, subtitle)
    drawn.add(Text(left + across / 2, _TOP + 8, heatmap.across.name, anchor="middle", bold=True))
    drawn.add(Text(left - 10, top - 10, heatmap.down.name, anchor="end", bold=True))
    for place, head in enumerate(heads):
        middle = left + cell * (place + 0.5)
        drawn.add(Text(middle, top - 10, head, anchor="middle", fill=pic.FAINT))
    for row, side in enumerate(sides):
        y = top + row * _CELL_HEIGHT
        drawn.add(Text(left - 10, y + 22, side, anchor="end", fill=pic.FAINT))
        for column, share in enumerate(shares[row]):
            if share is not None:
                number = numbers[row][column]
                tip = f"{heatmap.down.name} {side}, {heatmap.across.name} {heads[column]}: {number}"
                _cell(drawn, left + column * cell, y, cell, number, share, tip)
    _scale(drawn, left, top + _CELL_HEIGHT * len(sides) + 24, heatmap)
    return drawn


def _cell(
    drawn: Picture, x: float, y: float, width: float, number: str, share: float, tip: str
) -> None:
    ground = colour_of(share)
    dark = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] < 128
    drawn.add(
        Rect(x, y, width - 1, _CELL_HEIGHT - 1, ground, tip),
        Text(x + width / 2, y + 22, number, 13, "middle", pic.PAPER if dark else pic.INK),
    )


def _scale(drawn: Picture, x: float, y: float, heatmap: Heatmap) -> None:
    """The ramp of colours, from the worst to the best."""
    known = [cell for row in heatmap.cells for cell in row if cell is not None]
    worst, best = sorted((min(known), max(known)), reverse=heatmap.lower_is_better)
    start, steps = x + len(heatmap.show(worst)) * _GLYPH + 8, 40
    drawn.add(Text(x, y + 11, heatmap.show(worst), fill=pic.FAINT))
    drawn.add(*(Rect(start + n * 3, y, 3.5, 14, colour_of(n / (steps - 1))) for n in range(steps)))
    drawn.add(Text(start + steps * 3 + 8, y + 11, heatmap.show(best), fill=pic.FAINT))


def _bars(title: str, subtitle: str, heatmap: Heatmap) -> Picture:
    name, labels, show = heatmap.down.name, heatmap.down.labels, heatmap.show
    values = [row[0] for row in heatmap.cells]
    known = [value for value in values if value is not None]
    low, high = min(0.0, *known), max(0.0, *known)
    step = max(44.0, max(map(len, [*labels, *map(show, known)])) * _GLYPH + 12)
    height, left = 260.0, float(_MARGIN)
    width = max(left * 2 + step * len(labels), _width_of(title))
    drawn = Picture(title, width, _TOP + height + 90)
    _titles(drawn, title, subtitle)
    unit = height / ((high - low) or 1.0)
    zero = _TOP + 20 + high * unit
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        x = left + place * step
        drawn.add(Text(x + step / 2, _TOP + height + 56, label, anchor="middle", fill=pic.FAINT))
        if value is None:
            continue
        top = min(zero, zero - value * unit)
        tip = f"{name} {label}: {show(value)}"
        drawn.add(Rect(x + 4, top, step - 8, abs(value) * unit, _BLUE if value >= 0 else _RED, tip))
        above = top - 5 if value >= 0 else top + abs(value) * unit + 14
        drawn.add(Text(x + step / 2, above, show(value), 12, "middle"))
    drawn.add(Line([(left, zero), (left + step * len(labels), zero)], pic.FAINT))
    drawn.add(
        Text(left + step * len(labels) / 2, _TOP + height + 78, name, 13, "middle", bold=True)
    )
    return drawn


def plot_curve(detail: Detail, path: Path) -> None:
    pic.check_kind(path)
    rows = detail.curve.rows()
    places = {name: n for n, name in enumerate(detail.curve.columns)}
    if len(rows) < 2:
        raise NotFound(f"run {short_id(detail.row['run_id'])} has no equity curve to draw")
    times, equity, falls = (
        [row[places[name]] for row in rows] for name in ("ts", "equity", "drawdown")
    )
    row = detail.row
    names = (row["strategy"], row["symbol"], row["timeframe"], short_id(row["run_id"]))
    pic.save(_curve(" ".join(filter(None, names)), _facts(row), times, equity, falls), path)


def _facts(row: Any) -> str:
    names = ("total_return", "sharpe_ratio", "max_drawdown")
    known = [name for name in names if row[name] is not None]
    return " · ".join(f"{metric_name(name)} {metric_text(name)(row[name])}" for name in known)


def _curve(
    title: str,
    subtitle: str,
    times: Sequence[datetime],
    equity: Sequence[float],
    falls: Sequence[float | None],
) -> Picture:
    drawn = Picture(title, 920, 520)
    _titles(drawn, title, subtitle)
    left, right = 110.0, 900.0
    span = (times[-1] - times[0]).total_seconds() or 1.0
    across = [left + (time - times[0]).total_seconds() / span * (right - left) for time in times]
    low, high = min(equity), max(equity)
    _rules(drawn, left, right, (_TOP + 10, 340), (f"{high:,.0f}", f"{low:,.0f}"))
    scale = (340 - _TOP - 10) / ((high - low) or 1.0)
    drawn.add(
        Line(
            [(x, 340 - (v - low) * scale) for x, v in zip(across, equity, strict=True)], _BLUE, 1.6
        )
    )
    depths = [value or 0.0 for value in falls]
    deepest = min(depths) or -1.0
    under = [(x, 370 + d / deepest * 90) for x, d in zip(across, depths, strict=True)]
    _rules(drawn, left, right, (370, 460), ("0%", percent(deepest)))
    drawn.add(Area([(left, 370), *under, (right, 370)], _RED))
    drawn.add(
        Text(left, 488, f"{times[0]:%Y-%m-%d}", fill=pic.FAINT),
        Text(right, 488, f"{times[-1]:%Y-%m-%d}", anchor="end", fill=pic.FAINT),
    )
    return drawn


def _rules(
    drawn: Picture, left: float, right: float, heights: Sequence[float], labels: Sequence[str]
) -> None:
    for y, label in zip(heights, labels, strict=True):
        drawn.add(Line([(left, y), (right, y)], pic.RULE))
        drawn.add(Text(left - 10, y + 4, label, 13, "end", pic.FAINT))


def _titles(drawn: Picture, title: str, subtitle: str) -> None:
    drawn.add(Text(_MARGIN, 36, title, 18, bold=True), Text(_MARGIN, 58, subtitle, fill=pic.FAINT))


def _width_of(text: str) -> float:
    return len(text) * _GLYPH * 1.4 + 2 * _MARGIN
