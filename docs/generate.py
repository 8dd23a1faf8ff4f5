"""Write the parts of the documentation that follow from the schema; a test compares them.

python docs/generate.py
"""

from __future__ import annotations

import re
from pathlib import Path

from bt_lake.warehouse.schema import RUNS, TABLES, Table

ROOT = Path(__file__).parent.parent
GROUPS = {
    "identity": "Identity",
    "label": "Labels",
    "reproduction": "Reproduction",
    "period": "Period",
    "money": "Money",
    "curve": "From the equity curve",
    "trade": "From the trades",
    "source": "Source",
}


def columns(table: Table) -> str:
    head = f"### {table.name}\n\n| id | column | type | unit | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {c.field_id} | {c.name}{' *' if c.required else ''} | {c.kind} | {c.unit} "
        f"| {c.meaning} |\n"
        for c in table.columns
    )


def format_page(current: str) -> str:
    tables = "\n".join(columns(table) for table in TABLES.values())
    return re.sub(
        r"(<!-- columns -->\n).*?(<!-- /columns -->)",
        lambda found: f"{found[1]}\n{tables}\n{found[2]}",
        current,
        flags=re.DOTALL,
    )


def metrics_page() -> str:
    text = (
        "# Columns and metrics of a run\n\n"
        "Fractions (0.12 is 12 %), drawdowns and average losses negative, money in the account's\n"
        "currency, times in UTC. What is not defined is NULL. How each number is computed, and\n"
        "where that differs from others, stands in [design.md](design.md).\n"
    )
    for group, title in GROUPS.items():
        text += f"\n## {title}\n\n| column | unit | better | meaning |\n|---|---|---|---|\n"
        for c in RUNS.columns:
            if c.group == group:
                text += f"| `{c.name}` | {c.unit} | {c.better} | {c.meaning} |\n"
    return text


def pages() -> dict[Path, str]:
    spec = ROOT / "lake" / "FORMAT.md"
    return {
        spec: format_page(spec.read_text("utf-8")),
        ROOT / "docs" / "metrics.md": metrics_page(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
