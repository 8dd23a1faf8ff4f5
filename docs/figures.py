"""Write docs/benchmarks.md and the table of README.md from the figures of `make bench`.

python docs/figures.py [FOLDER]      the newer figures of bench/results, or of a folder, go first
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
KEPT = Path(__file__).with_name("figures.json")
BENCHES = {
    "peers": "Beside other stores",
    "commit": "Appending",
    "ingest": "Ingesting and saving",
    "queries": "Asking",
    "ten_million": "Asking of ten million runs",
    "overfit": "Selection bias",
    "run": "Running sweeps",
    "imports": "Importing",
    "page": "The page",
    "pages": "Reports beside quantstats and IAF",
}
COMMANDS = {"ten_million": "queries.py --runs 10000000 --curves 0"}  # where it is not NAME.py
OURS = "bt-lake"
MORE_IS_BETTER = {"runs/s"}

Figures = dict[str, Any]


def measured(folder: Path) -> dict[str, Figures]:
    """The figures kept, those found in the folder in place of older ones."""
    kept: dict[str, Figures] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    newest = kept | found
    return {name: newest[name] for name in BENCHES if name in newest}


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def on_what(figures: Figures) -> str:
    machine = figures["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return (
        f"{figures['date']}, {machine['cores']} cores, Python {machine['python']}, "
        f"{machine['system'].partition('-')[0]}; {versions}."
    )


def section(name: str, figures: Figures) -> str:
    rows = "".join(
        f"| {row['what'].strip()} | {row['who'].strip()} | {number(row['value'])} "
        f"| {row['unit']} | {row['goal']} |\n"
        for row in figures["rows"]
    )
    return (
        f"## {BENCHES[name]}\n\n`python bench/{COMMANDS.get(name, f'{name}.py')}`: "
        f"{on_what(figures)}\n\n"
        f"| what | who | figure | unit | goal |\n|---|---|--:|---|---|\n{rows}"
    )


def benchmarks(all_figures: dict[str, Figures]) -> str:
    head = (
        "# Figures\n\n"
        "Written by `make docs` from what `make bench` or `make bench FULL=1` measured: the whole "
        "output of the\nlast run of each, goals that were missed included. Compare what stands in "
        "one table only: each comes\nfrom one run on one machine.\n\n"
    )
    return head + "\n".join(section(name, figures) for name, figures in all_figures.items())


def best_first(row: dict[str, tuple[float, str]]) -> list[str]:
    more = next(iter(row.values()))[1] in MORE_IS_BETTER
    return sorted(row, key=lambda who: row[who][0], reverse=more)


def peers_table(figures: Figures) -> str:
    table: dict[str, dict[str, tuple[float, str]]] = {}
    for row in figures["rows"]:
        table.setdefault(row["what"], {})[row["who"]] = (row["value"], row["unit"])
    stores = list(dict.fromkeys(row["who"] for row in figures["rows"]))
    lines = [f"| | {' | '.join(stores)} |", f"|---{'|--:' * len(stores)}|"]
    faster = []
    for what, row in table.items():
        ranked = best_first(row)
        texts = {who: number(value) for who, (value, _) in row.items()}
        texts[ranked[0]] = f"**{texts[ranked[0]]}**"
        cells = " | ".join(texts.get(store, "") for store in stores)
        lines.append(f"| {what}, {row[OURS][1]} | {cells} |")
        ahead = ranked[: ranked.index(OURS)]
        if ahead:
            faster.append(f"{what} ({', '.join(ahead)})")
    return "\n".join(
        [
            f"The same {figures['runs']:,} runs (25 metrics, a curve of 252 days, 40 trades) in "
            "each store, the same",
            "questions, every answer checked; bt-lake and SQLite save durably, the others leave "
            "that to the system.",
            "The best is bold.",
            "",
            *lines,
            "",
            f"Others are better at: {'; '.join(faster)}." if faster else "",
            f"Repeat it with `python bench/peers.py` or `make bench`. {on_what(figures)}",
        ]
    )


def many_runs(figures: Figures) -> str:
    """The same questions of far more runs, beside an index and beside no lake at all."""
    table: dict[str, dict[str, str]] = {}
    what = ""
    for row in figures["rows"]:
        named = row["what"].strip()
        what = what if named in ("", "ratio") else named
        if row["who"] in (OURS, "SQLite", "raw DuckDB") and row["unit"] == "ms":
            table.setdefault(what, {})[row["who"]] = number(row["value"])
    stores = (OURS, "SQLite", "raw DuckDB")
    lines = [
        f"| {what} | {' | '.join(row[store] for store in stores)} |"
        for what, row in table.items()
        if set(row) == set(stores)
    ]
    return "\n".join(
        [
            f"And of {figures['runs']:,} runs, with {figures['points']:,} points, in ms: SQLite "
            "with the natural",
            "indexes, and raw DuckDB over one sorted Parquet file, which no second process could "
            "add to.",
            "",
            f"| | {' | '.join(stores)} |",
            "|---|--:|--:|--:|",
            *lines,
            "",
            f"Repeat it with `python bench/queries.py --runs {figures['runs']}`; all figures: "
            "[docs/benchmarks.md](docs/benchmarks.md).",
        ]
    )


def pages(all_figures: dict[str, Figures]) -> dict[Path, str]:
    readme = ROOT / "README.md"
    table = peers_table(all_figures["peers"]) + "\n\n" + many_runs(all_figures["queries"])
    return {
        ROOT / "docs" / "benchmarks.md": benchmarks(all_figures),
        readme: re.sub(
            r"(<!-- peers -->\n).*?(<!-- /peers -->)",
            lambda found: f"{found[1]}{table}\n{found[2]}",
            readme.read_text("utf-8"),
            flags=re.DOTALL,
        ),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench" / "results"
    figures = measured(folder)
    KEPT.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    for path, text in pages(figures).items():
        path.write_text(text, "utf-8")
