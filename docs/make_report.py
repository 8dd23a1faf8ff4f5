"""Draw the pictures of docs/report.md, in docs/report/, from the demo lake.

python docs/make_report.py
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from picture import demo_lake

import bt_lake
from bt_lake.drawing.picture import Picture

FOLDER = Path(__file__).with_name("report")
ID = re.compile(r"…[0-9a-f]{8}")  # another one each time


def best(lake: bt_lake.Lake) -> str:
    return str(lake.best("sharpe_ratio", 1, strategy="sma_cross")["run_id"].item())


def picked(lake: bt_lake.Lake) -> list[str]:
    return list(lake.pick(n=4)["run_id"])


PICTURES: dict[str, Callable[[bt_lake.Lake], Picture]] = {
    "run": lambda lake: lake.run(best(lake)).plot(),
    "sweep": lambda lake: lake.sweep("sma_cross", "fast", "slow").plot(),
    "compare": lambda lake: lake.compare(picked(lake)).plot(),
    "simulate": lambda lake: lake.simulate(best(lake)).plot(),
    "front": lambda lake: lake.front("sharpe_ratio", "max_drawdown"),
    "overfit": lambda lake: lake.overfit(strategy="sma_cross").plot(),
    "parallel": lambda lake: lake.importance("sma_cross").parallel(),
    "portfolio": lambda lake: lake.portfolio(picked(lake)).plot(),
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        lake = bt_lake.open(demo_lake(Path(folder)))
        for name, draw in PICTURES.items():
            text = ID.sub("…1f0f50fd", draw(lake).svg())
            (FOLDER / f"{name}.svg").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
