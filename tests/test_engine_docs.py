"""docs/engines.md: every engine has its section, and its snippets are Python that works.

Those of engines that install from PyPI run in tests/engines; here runs what needs no engine.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import bt_lake
from bt_lake.ingest import engines

TEXT = (Path(__file__).parents[1] / "docs" / "engines.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
TITLES = {"backtesting": "backtesting.py", "nautilus": "nautilus_trader", "returns": "Returns"}


def snippets(section: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", section, re.S)


@pytest.mark.parametrize("engine", [*engines.NAMES, "freqtrade", "LEAN"])
def test_every_engine_says_what_is_mapped_and_what_is_not(engine: str) -> None:
    section = SECTIONS[TITLES.get(engine, engine)]
    assert "```" in section
    assert "\n- Not mapped: " in section
    for code in snippets(section):
        compile(code, engine, "exec")


def test_the_snippet_of_returns_works(tmp_path: Path) -> None:
    prices = pd.DataFrame({"Close": [1.0, 1.1, 1.2]}, index=pd.bdate_range("2024-01-01", periods=3))
    lake = bt_lake.open(tmp_path / "lake")
    (code,) = snippets(SECTIONS["Returns"])
    exec(code, {"prices": prices, "lake": lake, "Run": bt_lake.Run})
    rows = lake.sql("select final_equity from runs order by 1").rows()
    assert [row[0] for row in rows] == pytest.approx([1.2, 60_000])
