"""Heatmaps and charts of the terminal: what is drawn, and where."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from bt_lake.cli.chart import equity_chart
from bt_lake.cli.heatmap import Heatmap, shade_of
from bt_lake.cli.style import Style
from bt_lake.drawing.cells import Axis
from bt_lake.drawing.theme import colour_of
from bt_lake.wording.widths import columns_of

FAST, SLOW = Axis("fast", [5, 10]), Axis("slow", [50, 60, 70])
CELLS = [[0.0, 1.0, 2.0], [3.0, None, 4.0]]


def two(value: float) -> str:
    return f"{value:.2f}"


def test_numbers_with_a_shaded_map_beside_them():
    assert Heatmap(FAST, SLOW, CELLS, two).lines() == [
        "             slow",
        "fast      50    60    70",
        "   5    0.00  1.00  2.00    ░░▒▒▓▓",
        "  10    3.00        4.00    ██  ██",
    ]


def test_lower_is_better_turns_the_map_round():
    lines = Heatmap(FAST, SLOW, CELLS, two, lower_is_better=True).lines()
    assert lines[2].endswith("    ████▓▓")
    assert lines[3].endswith("    ▒▒  ░░")


def test_colour_takes_the_place_of_shades():
    lines = Heatmap(FAST, SLOW, CELLS, two, style=Style(colour=True)).lines(80)
    assert "░" not in "".join(lines)
    assert "\x1b[38;5;231;48;5;" in lines[2]
    assert lines[3].count("48;5;") == 2  # the empty cell has no ground


@pytest.mark.parametrize("width", [30, 50, 80, 120])
@pytest.mark.parametrize("count", [3, 12, 30, 200])
def test_no_heatmap_is_wider_than_the_terminal(width: int, count: int):
    slow = Axis("slow", list(range(count)))
    cells = [[math.sin(x * y) for x in range(count)] for y in range(2)]
    for line in Heatmap(FAST, slow, cells, two).lines(width):
        assert columns_of(line) <= width


def test_shades_and_colours_span_the_whole_range():
    assert [shade_of(share) for share in (None, 0.0, 0.3, 0.6, 1.0)] == [" ", "░", "▒", "▓", "█"]
    assert colour_of(0.0) == (68, 1, 84)
    assert colour_of(1.0) == (253, 231, 37)


def test_one_value_everywhere_is_neither_good_nor_bad():
    assert Heatmap(FAST, Axis("slow", [1]), [[2.0], [2.0]], two).shares == [[0.5], [0.5]]


def curve(count: int = 300) -> tuple[list, list, list]:
    times = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(count)]
    equity = [100_000 + 1_000 * math.sin(n / 20) + 10 * n for n in range(count)]
    peak, falls = -math.inf, []
    for value in equity:
        peak = max(peak, value)
        falls.append(value / peak - 1)
    return times, equity, falls


def test_a_chart_names_its_extremes_and_its_dates():
    times, equity, falls = curve()
    lines = equity_chart(times, equity, falls, width=80)
    assert lines[0].startswith(f"{max(equity):,.0f}".rjust(11))
    assert lines[8].startswith(f"{min(equity):,.0f}".rjust(11))
    assert lines[9].startswith("0%".rjust(11))
    assert lines[11].split()[0] == f"{min(falls):+.1%}"
    assert lines[12].split() == ["2024-01-01", "2024-05-29", "2024-10-26"]
    assert max(map(columns_of, lines)) <= 80


@pytest.mark.parametrize("count", [2, 3, 10_000])
def test_a_chart_of_few_or_many_points(count: int):
    lines = equity_chart(*curve(count), width=40)
    assert max(map(columns_of, lines)) <= 40


def test_a_flat_curve_is_drawn_without_a_drawdown():
    times, _, _ = curve(10)
    lines = equity_chart(times, [100.0] * 10, [0.0] * 10, width=60)
    assert len(lines) == 10
