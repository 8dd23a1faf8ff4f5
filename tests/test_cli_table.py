"""Tables: what is aligned, cut, dropped and coloured."""

from __future__ import annotations

from datetime import datetime

import pytest

from bt_lake.cli.fields import Field, field, plain
from bt_lake.cli.style import Style
from bt_lake.cli.table import Markdown, Table
from bt_lake.wording.values import duration, percent, short_id, text, times
from bt_lake.wording.widths import columns_of, shortened

FIELDS = [plain("name").at(95), field("sharpe_ratio"), field("total_return"), field("total_trades")]
ROWS = [("alpha", 1.924, 0.384, 41), ("a name that is long", None, -0.0912, 1234)]


def drawn(width: int | None = None, fields: list[Field] = FIELDS, rows=ROWS) -> tuple:
    made = Table(width)
    return made.lines(fields, rows), made.dropped


def test_numbers_stand_to_the_right_and_nothing_is_cut_without_a_width():
    assert drawn()[0] == [
        "name                 sharpe  return  trades",
        "alpha                  1.92  +38.4%      41",
        "a name that is long       -   -9.1%   1,234",
    ]


def test_text_is_cut_before_a_column_is_dropped():
    lines, dropped = drawn(width=36)
    assert lines[2] == "a name that…       -   -9.1%   1,234"
    assert dropped == []


def test_the_least_telling_column_goes_first_and_is_named():
    lines, dropped = drawn(width=30)
    assert lines[0] == "name            sharpe  return"
    assert dropped == ["trades"]
    assert all(columns_of(line) <= 30 for line in lines)


@pytest.mark.parametrize("width", range(1, 80))
def test_no_line_is_wider_than_the_terminal(width: int):
    lines, _ = drawn(width)
    assert max(map(columns_of, lines)) <= max(width, 6)  # one column of numbers stays whole


def test_later_pieces_keep_the_columns_of_the_first():
    made = Table(28)
    first = made.lines(FIELDS, ROWS[:1])
    later = made.lines(FIELDS, ROWS[1:])
    assert len(first) == 2
    assert len(later) == 1
    assert columns_of(later[0]) <= 28


def test_colour_surrounds_cells_without_changing_their_width():
    made = Table(style=Style(colour=True))
    lines = made.lines(FIELDS, ROWS)
    assert "\x1b[32m+38.4%\x1b[0m" in lines[1]
    assert "\x1b[31m -9.1%\x1b[0m" in lines[2]


def test_wide_letters_are_counted_as_two_columns():
    rows = [("日本", 1.0, 0.0, 1), ("ab", 1.0, 0.0, 1)]
    lines, _ = drawn(rows=rows)
    assert columns_of(lines[1]) == columns_of(lines[2])
    assert shortened("日本語", 4) == "日…"


def test_markdown_escapes_bars_and_aligns_numbers():
    assert Markdown().lines([plain("a"), plain("n")], [("x|y", 1), (None, 2)]) == [
        "| a | n |",
        "| --- | ---: |",
        "| x\\|y | 1 |",
        "| - | 2 |",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.384, "+38.4%"),
        (-0.0912, "-9.1%"),
        (0.0, "0.0%"),
        (-0.00001, "0.0%"),
        (12.3456, "+1,235%"),
    ],
)
def test_fractions_are_percent_with_a_sign(value: float, shown: str):
    assert percent(value) == shown


def test_shares_of_a_whole_have_no_sign():
    assert field("win_rate").text(0.625) == "62.5%"
    assert field("max_drawdown").text(-0.25) == "-25.0%"
    assert field("final_equity").text(125470.0) == "125,470.00"
    assert field("total_trades").text(1234) == "1,234"
    assert field("sharpe_ratio").text(None) == "-"


def test_times_are_days_where_they_all_are():
    noon = datetime(2026, 11, 19, 12, 30)
    midnight = datetime(2026, 11, 19)
    assert times([midnight, None]) == ["2026-11-19", "-"]
    assert times([midnight, noon]) == ["2026-11-19 00:00", "2026-11-19 12:30"]


def test_text_cannot_steer_the_terminal_or_break_the_line():
    assert text("a\nb\x1b[31mc") == "a b�[31mc"
    assert text(["x", "y"]) == "x, y"
    assert text(True) == "true"
    assert text({"a": 1}) == '{"a": 1}'


def test_short_ids_show_the_end():
    assert short_id("0193a1b2-0000-7000-8000-0000b7d2f19a") == "…b7d2f19a"
    assert short_id("run-1") == "run-1"


def test_what_is_left_out_is_told_where_all_rows_have_the_same():
    fields = [plain("name").at(95), plain("kind"), plain("place"), plain("none")]
    made = Table(8)
    made.lines(fields, [("alpha", "x", "here", None), ("beta", "x", "there", None)])
    assert made.dropped == ["kind x", "place", "none"]
    made.lines(fields, [("gamma", "y", "here", None)])
    assert made.dropped == ["kind", "place", "none"]


def test_times_taken():
    assert [duration(s) for s in (0.0042, 1.25, 119.94, 300, 9000)] == [
        "4 ms", "1.2 s", "119.9 s", "5 min", "2.5 h"
    ]  # fmt: skip
