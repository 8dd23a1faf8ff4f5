"""Write the parts of documentation and code that follow from the schema; a test compares them.

python docs/generate.py
"""

from __future__ import annotations

import re
from pathlib import Path

from bt_lake.warehouse.schema import FILTERS, RUNS, TABLES, TOLD, Column, Table
from bt_lake.wording.more import MORE

ROOT = Path(__file__).parent.parent
GROUPS = {
    "identity": "Identity",
    "label": "Labels",
    "reproduction": "Reproduction",
    "period": "Period",
    "money": "Money",
    "curve": "From the equity curve",
    "trade": "From the trades",
    "benchmark": "Beside the benchmark in the curve",
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
        "where that differs from others, stands in [design.md](design.md). A column holds numbers\n"
        "of one definition: the lake's, or that of a source which is not known to have another.\n"
        "What a source means otherwise stays in `reported`, where it can be ranked, swept and\n"
        "grouped by as `reported.sharpe_ratio`.\n"
    )
    for group, title in GROUPS.items():
        text += f"\n## {title}\n\n| column | unit | better | meaning |\n|---|---|---|---|\n"
        for c in RUNS.columns:
            if c.group == group:
                text += f"| `{c.name}` | {c.unit} | {c.better} | {c.meaning} |\n"
    text += (
        "\n## On request\n\n"
        "Not stored: `lake.more(runs, rf=0.03)`, `bt-lake show RUN --more --rf 0.03` and the\n"
        "report of a run compute them. The risk-free rate is one a year, 0 unless it is given.\n\n"
        "| number | unit | better | meaning |\n|---|---|---|---|\n"
    )
    for c in MORE.values():
        text += f"| `{c.name}` | {c.unit} | {c.better} | {c.meaning} |\n"
    return text


TYPES = {
    "string": "Text",
    "timestamp": "Time",
    "double": "Number",
    "int64": "Count",
    "json": "Mapping[str, Any] | None",
    "map<string,double>": "Mapping[str, Any] | None",
    "list<string>": "Sequence[str] | None",
}
OTHER_TYPES = {"error": "BaseException | str | None"}
DERIVED = {"commit_id", "ingested_at", "params_hash", "metrics_from", "sealed"}
# What a run is given beside its columns; `metric` is what the cells of an engine's heat map hold.
BESIDE = (
    "    equity: Any\n    trades: Any\n    metrics: Mapping[str, Any] | None\n    metric: str\n"
    "    duplicates: str | None\n"
)


def keywords() -> str:
    """The names that `save` and a sweep take, for editors and type checkers."""

    def line(column: Column) -> str:
        return f"    {column.name}: {OTHER_TYPES.get(column.name) or TYPES[column.kind]}\n"

    groups = sorted(RUNS.columns, key=lambda c: (c.group != "label", c.group != "reproduction"))
    own = "".join(line(c) for c in groups if c.name not in DERIVED)
    told = "".join(f"    {name}: OneOrMore\n" for name in TOLD)
    return (
        '"""What `save` and a sweep take by name; written by docs/generate.py."""\n\n'
        "from __future__ import annotations\n\n"
        "from collections.abc import Iterable, Mapping, Sequence\n"
        "from typing import Any, TypeAlias, TypedDict\n\n"
        "Text: TypeAlias = str | None\nNumber: TypeAlias = float | None\n"
        "Count: TypeAlias = int | None\n"
        "# A datetime, a date, their ISO text, a time of numpy or pandas, or a number.\n"
        "Time: TypeAlias = Any\nOneOrMore: TypeAlias = str | Iterable[str] | None\n\n\n"
        f"class RunKeywords(TypedDict, total=False):\n{BESIDE}{own}\n\n"
        f"class ToldKeywords(TypedDict, total=False):\n{told}"
    )


def given() -> str:
    """The labels that filter, as keywords and as fields."""
    keys = "".join(f"    {name}: Texts\n" for name in FILTERS)
    fields = "".join(f"    {name}: Texts = None\n" for name in FILTERS)
    return (
        '"""The labels that filter; written by docs/generate.py from the schema."""\n\n'
        "from __future__ import annotations\n\n"
        "from collections.abc import Iterable\n"
        "from dataclasses import dataclass\n"
        "from typing import TypeAlias, TypedDict\n\n"
        "Texts: TypeAlias = str | Iterable[str] | None\n\n\n"
        f"class GivenLabels(TypedDict, total=False):\n{keys}\n\n"
        f"@dataclass(frozen=True, slots=True, kw_only=True)\nclass ByLabel:\n{fields}"
    )


def pages() -> dict[Path, str]:
    spec = ROOT / "lake" / "FORMAT.md"
    return {
        spec: format_page(spec.read_text("utf-8")),
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "src" / "bt_lake" / "ingest" / "keywords.py": keywords(),
        ROOT / "src" / "bt_lake" / "queries" / "given.py": given(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
