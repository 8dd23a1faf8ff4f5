"""Weights & Biases: the table of a project's runs, exported as CSV. Its SDK is not needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.sheets.grid import complete
from bt_lake.ingest.sheets.texts import decode
from bt_lake.ingest.stores.report import Lost
from bt_lake.ingest.stores.source import NOTHING, Dialect, Rows
from bt_lake.ingest.stores.survey import parsed
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.values import found

# What the page's table calls what every run has.
_NAMES = {
    "id": "id", "name": "name", "state": "status", "notes": "notes", "tags": "tags",
    "created": "created_at", "runtime": "duration_s", "sweep": "sweep",
}  # fmt: skip
_MARKS = ({"name", "state"}, {"name", "config", "summary"})
_WORDS = {"preempted": "failed", "preempting": "running"}
_NONE = {"", "nan", "null", "none", "-", "infinity", "-infinity"}


class WandbSource:
    """A run a row, known by its id, else by its name and the time when it was made."""

    kind = "wandb"
    table = "runs"
    strategy: str
    dialect = Dialect()

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.strategy = path.stem
        self.remarks: list[str] = []
        self.lost = Lost()
        self._rows = [_run(cells) for cells in _cells(path)]
        known = [
            name for name in ("id", "name", "created_at") if any(name in r for r in self._rows)
        ]
        self.key: tuple[str, ...] = tuple(known[:1] if known[:1] == ["id"] else known)

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        names = dict.fromkeys(name for run in self._rows for name in run)
        columns = {name: [run.get(name) for run in self._rows] for name in names}
        if self._rows:
            yield Rows([f"run {run.get('name')}" for run in self._rows], columns)
        if not any(name.startswith("params.") for name in names):
            self.remarks = [
                "the table does not tell parameters from metrics: numbers of unknown names are in "
                "extra; --map NAME=params.NAME says which are parameters"
            ]

    def close(self) -> None:
        pass


def _cells(path: Path) -> list[dict[str, str]]:
    if path.is_dir():
        raise BadInput(
            f"{path}: the folders of W&B hold a binary log that only its own SDK reads; sync them "
            "with `wandb sync`, then export the table of the project's runs as CSV"
        )
    if not path.is_file():
        raise NotFound(f"{path}: no such file")
    try:
        header, *rows = complete(decode(content(path)))
    except BadInput as error:
        raise BadInput(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    names = {name.strip().lower() for name in header}
    if not any(marks <= names for marks in _MARKS):
        raise BadInput(f"{path}: no table of W&B's runs: it has no columns Name and State")
    return [dict(zip(header, row, strict=True)) for row in rows]


def _run(cells: dict[str, str]) -> dict[str, Any]:
    """One value a column; parameters and metrics apart where the file tells them apart."""
    run: dict[str, Any] = {}
    for name, text in cells.items():
        plain = name.strip().lower()
        if not plain or text.strip().lower() in _NONE:
            continue
        if plain in ("config", "summary"):
            run |= _members("params" if plain == "config" else "metrics", text)
        elif plain in _NAMES:
            run[_NAMES[plain]] = text.strip()
        else:
            run[name.strip()] = found(text)
    run["status"] = _WORDS.get(str(run.get("status")), run.get("status"))
    run["tags.name"] = run.get("name")
    return run


def _members(space: str, text: str) -> dict[str, Any]:
    """A dict as JSON or as Python writes it; what W&B notes itself begins with an underscore."""
    value = parsed(text)
    if not isinstance(value, dict):
        try:
            value = ast.literal_eval(_Undefined().visit(ast.parse(text.strip(), mode="eval")))
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return {space: text}
    if not isinstance(value, dict):
        return {space: text}
    members = {f"{space}.{k}": v for k, v in value.items() if not str(k).startswith("_")}
    return {name: NOTHING if value is None else value for name, value in members.items()}


class _Undefined(ast.NodeTransformer):
    """nan, inf and -inf, which are no literals, are none."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(None) if node.id in ("nan", "inf") else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        lone = isinstance(node.operand, ast.Name) and node.operand.id in ("nan", "inf")
        return ast.Constant(None) if lone else node
