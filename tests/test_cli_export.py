"""What `export` writes is what `list -o` writes: one dialect of CSV."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from bt_lake.lake import Lake

pytest_plugins = ["cli_fixtures"]


def test_both_ways_to_a_csv_file_give_the_same_bytes(own, tmp_path):
    Lake(own.lake).save(
        strategy='a "quoted", name\nof two lines',
        symbol="=1+1",
        tags=["q", "naïve"],
        start_at="2024-01-01",
        end_at="2024-01-02T03:04:05.000006Z",
        metrics={"sharpe_ratio": 1e-7, "total_return": 0.1 + 0.2, "mine": 1e300},
        params={"on": True, "half": 0.5},
    )
    listed, exported, asked = (tmp_path / f"{name}.csv" for name in ("list", "export", "sql"))
    assert own("list", "-n", "1000", "-o", listed).code == 0
    assert own("export", exported).code == 0
    hidden = [name for name in rows_of(exported)[0] if name not in rows_of(listed)[0]]
    assert hidden == ["sealed"]
    place = rows_of(exported)[0].index("sealed")
    bare = [row[:place] + row[place + 1 :] for row in rows_of(exported)]
    assert sorted(bare) == sorted(rows_of(listed))
    stored = "select * exclude drawdown from equity order by run_id, ts"
    assert own("sql", stored, "-o", asked).code == 0
    assert own("export", exported, "--curves").code == 0
    assert told(tmp_path / "export.equity.csv") == told(asked)


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader("\n".join(told(path)).splitlines(keepends=True)))


def told(path: Path) -> list[str]:
    """The lines, where 1e-07 is 1e-7 and 1e+300 is 1e300: every reader takes both for the same number."""
    return re.sub(r"(?<=e)(-?)[+0]+(?=[0-9])", r"\1", path.read_text("utf-8")).split("\n")
