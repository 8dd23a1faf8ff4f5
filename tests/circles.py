"""Circles of imports, which no contract on rooms sees: `make check` runs this.

Imports within functions count; those for type checkers alone do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
# A report draws itself when it is printed; its text, which draws reports, is imported for that.
DRAWS_ITSELF = {
    ("bt_lake.overfit.results", "bt_lake.overfit.text"),
    ("bt_lake.overfit.walking", "bt_lake.overfit.walktext"),
}

Graph = dict[str, set[str]]


def graph(root: Path) -> Graph:
    """What each module imports, by their names."""
    files = {
        ".".join(path.with_suffix("").relative_to(root).parts).removesuffix(".__init__"): path
        for path in root.rglob("*.py")
    }
    found = {
        name: set(imports(ast.parse(path.read_text("utf-8")), files))
        for name, path in files.items()
    }
    return {
        name: {other for other in others - {name} if (name, other) not in DRAWS_ITSELF}
        for name, others in found.items()
    }


def imports(node: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for part in node.orelse:
            yield from imports(part, known)
        return
    if isinstance(node, ast.ImportFrom) and node.module in known:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else node.module
    for part in ast.iter_child_nodes(node):
        yield from imports(part, known)


def circles(modules: Graph) -> list[list[str]]:
    """Groups of modules each of which is imported by way of the others."""
    reached = {name: _reached(name, modules) for name in modules}
    found = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in modules
        if name in reached[name]
    }
    return [list(group) for group in sorted(found)]


def _reached(name: str, modules: Graph) -> set[str]:
    seen: set[str] = set()
    left = list(modules[name])
    while left:
        if (next_one := left.pop()) not in seen:
            seen.add(next_one)
            left += modules.get(next_one, ())
    return seen


def main() -> int:
    found = circles(graph(SOURCE))
    for group in found:
        print("circle:", ", ".join(group))
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
