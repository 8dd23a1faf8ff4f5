"""The snippets of docs/engines.md, run as they stand, each as a script of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import bt_lake

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "engines.md"
BEFORE = """
import sys
import bt_lake
from bt_lake import Run
from prices import ohlcv
prices, lake = ohlcv(), bt_lake.open(sys.argv[1])
"""


def rows_of_snippet(engine: str, folder: Path) -> list[dict[str, Any]]:
    """The rows of a fresh lake after the snippet of that engine's section."""
    text = DOCS.read_text(encoding="utf-8")
    (code,) = re.findall(rf"^## {re.escape(engine)}\n+```python\n(.*?)^```", text, re.M | re.S)
    script, lake = folder / "snippet.py", folder / "lake"
    script.write_text(BEFORE + code, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-W", "ignore", script, lake],
        check=True,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    )
    return bt_lake.open(lake).sql("select * from runs order by run_id").to_dicts()
