"""Folders of returns, as quantstats and pyfolio take them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bt_lake.ingest.formats.return_files import read
from bt_lake.ingest.report import BadRow
from bt_lake.lake import Lake

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04"]
FILES = {
    "headed": "Date,returns\n2024-01-02,0.01\n2024-01-03,-0.02\n2024-01-04,0.03\n",
    "unnamed index": ",0\n2024-01-02,0.01\n2024-01-03,-0.02\n2024-01-04,0.03\n",
    "bare": "2024-01-02,0.01\n2024-01-03,-0.02\n2024-01-04,0.03\n",
    "percent": "date;return\n2024-01-02;1,00%\n2024-01-03;-2,00%\n2024-01-04;3,00%\n",
    "zoned": "ts,r\n2024-01-02T00:00:00Z,0.01\n2024-01-03T00:00:00Z,-0.02\n2024-01-04T00:00:00Z,0.03\n",
    "beside": "Date,fund,benchmark\n2024-01-02,0.01,0\n2024-01-03,-0.02,0.01\n2024-01-04,0.03,0\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_form_is_the_same_run(name: str, lake: Lake, tmp_path: Path):
    path = tmp_path / "fund.csv"
    path.write_text(FILES[name])
    (run,) = lake.ingest(path, returns=True).added
    row = lake.run(run).row
    assert row["strategy"] == "fund"
    assert row["total_return"] == pytest.approx(1.01 * 0.98 * 1.03 - 1)
    assert row["n_returns"] == 3
    if name == "beside":
        assert lake.equity(run)["benchmark"].to_list() == pytest.approx([1, 1.01, 1.01])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Date,returns\n2024-01-02,1.5\n2024-01-03,-2\n", "row 3: a return of -2 loses more"),
        ("Date,a,b,c\n2024-01-02,1,2,3\n", "this has 4 columns and 1 rows"),
        ("Date,a,other\n2024-01-02,1,2\n", 'is "other" a benchmark?'),
        ("Date,a\nsomeday,1\n", 'row 2: "someday" is not a time'),
        ("Date,a\n2024-01-02,x\n", 'row 2, return: "x" is not a number'),
    ],
)
def test_what_is_no_file_of_returns_is_refused(text: str, words: str, tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text(text)
    (bad,) = read(path)
    assert isinstance(bad, BadRow)
    assert words in bad.reason


def test_a_folder_of_returns(lake: Lake, tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(FILES["headed"])
    assert len(lake.ingest(tmp_path, returns=True).added) == 2
