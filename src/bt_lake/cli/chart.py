"""A terminal chart of an equity curve with its drawdown, in Braille dots: 2 x 4 to a character."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bt_lake.cli.style import PLAIN, Style
from bt_lake.wording.values import percent

_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column, then row from the top
_DOTS = 0x2800
_LABEL = 11


class Canvas:
    """Dots; (0, 0) is top left."""

    def __init__(self, columns: int, lines: int) -> None:
        self.across, self.down = columns * 2, lines * 4
        self._cells = [[0] * columns for _ in range(lines)]

    def bar(self, x: int, top: int, bottom: int) -> None:
        for y in range(max(0, top), min(self.down - 1, bottom) + 1):
            self._cells[y // 4][x // 2] |= _BITS[x % 2][y % 4]

    def lines(self) -> list[str]:
        return [
            "".join(chr(_DOTS + bits) if bits else " " for bits in row).rstrip()
            for row in self._cells
        ]


def equity_chart(
    times: Sequence[datetime],
    equity: Sequence[float],
    drawdown: Sequence[float | None],
    *,
    width: int,
    style: Style = PLAIN,
    height: int = 9,
) -> list[str]:
    columns = max(10, width - _LABEL - 1)
    spans = _spans(times, equity, columns * 2)
    falls = _spans(times, [value or 0.0 for value in drawdown], columns * 2)
    low, high = min(lo for lo, _ in spans), max(hi for _, hi in spans)
    deepest = min(lo for lo, _ in falls)
    labels = {0: _amount(high, high - low), height - 1: _amount(low, high - low)}
    lines = _labelled(_curve(spans, low, high, columns, height), labels, style, "cyan")
    if deepest < 0:
        labels = {0: "0%", 2: percent(deepest)}
        lines += _labelled(_hanging(falls, deepest, columns, 3), labels, style, "red")
    return [*lines, " " * (_LABEL + 1) + _dates(times, columns)]


def _spans(
    times: Sequence[datetime], values: Sequence[float], dots: int
) -> list[tuple[float, float]]:
    """Lowest and highest value of each dot column; a column without points goes on as before."""
    start, span = times[0], (times[-1] - times[0]).total_seconds() or 1.0
    found: list[tuple[float, float] | None] = [None] * dots
    for time, value in zip(times, values, strict=True):
        place = min(dots - 1, int((time - start).total_seconds() / span * dots))
        seen = found[place]
        found[place] = (min(seen[0], value), max(seen[1], value)) if seen else (value, value)
    spans: list[tuple[float, float]] = []
    for each in found:
        spans.append(each or spans[-1])
    return spans


def _curve(
    spans: list[tuple[float, float]], low: float, high: float, columns: int, height: int
) -> list[str]:
    canvas = Canvas(columns, height)
    scale = (canvas.down - 1) / ((high - low) or 1.0)
    before: tuple[int, int] | None = None
    for x, (lo, hi) in enumerate(spans):
        top, bottom = round((high - hi) * scale), round((high - lo) * scale)
        joined = (top, bottom)
        if before is not None:  # meet the column before, so that the line has no holes
            top, bottom = min(top, before[1]), max(bottom, before[0])
        canvas.bar(x, top, bottom)
        before = joined
    return canvas.lines()


def _hanging(
    spans: list[tuple[float, float]], deepest: float, columns: int, height: int
) -> list[str]:
    canvas = Canvas(columns, height)
    for x, (lo, _) in enumerate(spans):
        if lo < 0:
            canvas.bar(x, 0, round(lo / deepest * (canvas.down - 1)))
    return canvas.lines()


def _labelled(lines: list[str], labels: dict[int, str], style: Style, look: str) -> list[str]:
    return [
        style(labels.get(n, "").rjust(_LABEL), "dim") + " " + style(line, look)
        for n, line in enumerate(lines)
    ]


def _amount(value: float, spread: float) -> str:
    digits = 0 if spread >= 20 else 2 if spread >= 0.1 else 4
    text = f"{value:,.{digits}f}"
    return text if len(text) <= _LABEL else f"{value:.3e}"


def _dates(times: Sequence[datetime], columns: int) -> str:
    days = (times[-1] - times[0]).days
    pattern = "%Y-%m-%d" if days >= 2 else "%m-%d %H:%M"
    start, end = times[0].strftime(pattern), times[-1].strftime(pattern)
    middle = (times[0] + (times[-1] - times[0]) / 2).strftime(pattern)
    if columns < 3 * len(start) + 4:
        return start + end.rjust(columns - len(start))
    gap = columns - len(start) - len(end)
    return start + middle.center(gap) + end
