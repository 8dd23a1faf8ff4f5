"""docs/overfitting.md: what it shows is what the demo lake says, and its figures are computed."""

from __future__ import annotations

import re
import sys
from difflib import ndiff
from pathlib import Path

import pytest

from bt_lake.overfit.sharpe import expected_max

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "overfitting.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_what_it_shows_is_what_the_lake_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from make_overfitting import answers, plain
    from picture import demo_lake

    found = list(answers(PAGE, demo_lake(tmp_path)))
    assert len(found) == PAGE.count("```console") >= 5
    for asked, says, shows in found:
        change = "\n".join(ndiff(says.splitlines(), shows.splitlines()))
        assert plain(says) == plain(shows), f"{asked}; run: make docs\n{change}"


def test_the_table_of_luck():
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.M)
    assert len(rows) == 5
    for trials, *luck in rows:
        most = float(expected_max(float(trials.replace(",", ""))))
        assert luck == [f"{most / years**0.5:.2f}" for years in (1, 3, 6)]


def test_the_reading_names_the_numbers_of_the_report():
    """What the text says of the report stands in the report."""
    report = " ".join(re.search(r"overfit --strategy sma_cross\n(.*?)```", PAGE, re.S)[1].split())
    reading = PAGE.partition("Read from the top:")[2].partition("A family can be")[0]
    for number in re.findall(r"\d[\d,.]*\d%?|\d+%", reading):
        assert number in report or f"0.{number.removesuffix('%')}" in report, number
