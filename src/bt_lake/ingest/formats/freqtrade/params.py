"""Parameters of a freqtrade strategy, read from its source and its params file; nothing is run."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from typing import Any

SPACES = {"buy", "sell", "enter", "exit", "protection"}
# Freqtrade's own settings, which its hyperopt tunes like any parameter.
SETTINGS = ("stoploss", "minimal_roi", "max_open_trades", "trailing_stop")
TRAILING = ("trailing_stop_positive", "trailing_stop_positive_offset")
MOST_SOURCE = 1 << 20


def of_settings(stats: Mapping[str, Any]) -> dict[str, Any]:
    names = SETTINGS + (TRAILING if stats.get("trailing_stop") else ())
    return {
        name: stats[name]
        for name in names
        if stats.get(name) is not None and not _is_unbounded(stats[name])
    }


def of_file(document: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a params file (as hyperopt exports it) gives to the strategy's parameters."""
    spaces = document.get("params")
    if not isinstance(spaces, dict):
        return {}
    named = [values for space, values in spaces.items() if space in SPACES]
    return {
        name: value
        for values in named
        if isinstance(values, dict)
        for name, value in values.items()
    }


def of_source(source: bytes, strategy: str) -> dict[str, Any]:
    """Defaults such as `fast = IntParameter(3, 20, default=10)`, of bases in the file as well."""
    try:
        module = ast.parse(source[:MOST_SOURCE])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    found: dict[str, Any] = {}
    for node in reversed(list(_lineage(strategy, classes))):
        found |= dict(_assigned(node))
    return found


def _lineage(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    seen: set[str] = set()
    queue = [name]
    while queue:
        name = queue.pop(0)
        if name in classes and name not in seen:
            seen.add(name)
            yield classes[name]
            queue += [base.id for base in classes[name].bases if isinstance(base, ast.Name)]


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Defaults of parameters, then what `buy_params = {...}` and the like set them to."""
    overrides: dict[str, Any] = {}
    for statement in node.body:
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            continue
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        name, value = getattr(target, "id", ""), statement.value
        if isinstance(value, ast.Call) and _called(value).endswith("Parameter"):
            yield from _default(name, value)
        elif name.removesuffix("_params") in SPACES and isinstance(value, ast.Dict):
            overrides |= _literal(value) or {}
    yield from overrides.items()


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _default(name: str, call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        value = _literal(keyword.value) if keyword.arg == "default" else None
        if value is not None and not _is_unbounded(value):
            yield name, value


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _is_unbounded(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
