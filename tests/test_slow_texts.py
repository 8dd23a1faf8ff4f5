"""No text makes an expression slow: each of the sources' is pumped with texts made from itself.

What DuckDB, polars and Arrow match is linear by construction (RE2, Rust); Python's is not.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import itertools
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from re import _constants as sre
from re import _parser
from typing import Any

import pytest

SOURCES = Path(__file__).parent.parent / "src"
USES = {"match", "fullmatch", "search", "sub", "findall", "finditer", "split"}
FEW = 18  # and yet slow: the time doubles with each letter
MANY = 4_000
SLOW_S = 0.004  # where a linear match of so many takes some 0.1 milliseconds
TAILS = ["", "\0", "\n!"]
Use = Callable[[Any], object]


@cache
def expressions() -> dict[str, tuple[Any, set[str]]]:
    """Every expression of the sources by its place, with what is done with it."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(SOURCES.rglob("*.py"))}
    uses = {path: _uses(tree) for path, tree in trees.items()}
    importing = defaultdict(list)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    importing[node.module, alias.name].append(uses[path])
    found = {}
    for path, tree in trees.items():
        module = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
        for statement in ast.walk(tree):
            for call in ast.iter_child_nodes(statement):
                if not (isinstance(call, ast.Call) and ast.unparse(call.func).startswith("re.")):
                    continue
                what = call.func.attr  # type: ignore[attr-defined]
                if what == "escape":
                    continue
                name = getattr(getattr(statement, "targets", [None])[0], "id", "")
                done = uses[path][name].union(*(u[name] for u in importing[module, name]))
                if what != "compile":
                    done = {what}
                found[f"{module}:{call.lineno}"] = (
                    _compiled(call, module, path),
                    done or {"search"},
                )
    return found


def _uses(tree: ast.Module) -> dict[str, set[str]]:
    """What is done with each name."""
    found = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in USES:
            found[getattr(node.value, "id", getattr(node.value, "attr", ""))].add(node.attr)
    return found


class _Names(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "name"  # what a function was given


def _compiled(call: ast.Call, module: str, path: Path) -> Any:
    """The call's expression, as its module would compile it."""
    flags = [a for a in call.args[1:] if "re." in ast.unparse(a)] + [
        k.value for k in call.keywords if k.arg == "flags"
    ]
    names = _Names(
        vars(builtins)
        | vars(importlib.import_module(module))
        | {"re": re, "mark": ".", "other": ","}
    )
    asked = ast.Tuple([call.args[0], *flags], ast.Load())
    expression, *options = eval(compile(ast.Expression(ast.fix_missing_locations(ast.copy_location(asked, call))), str(path), "eval"), {}, names)  # fmt: skip
    return re.compile(expression, *options)


# Texts that nearly fit


def samples(parsed: Any) -> Iterator[tuple[str, list[str]]]:
    """For each repetition: a text that leads to it, and what it repeats."""
    lead = ""
    for kind, value in parsed:
        for inner in _inside(kind, value):
            yield from ((lead + before, units) for before, units in samples(inner))
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and value[1] > 50:
            units = _texts(value[2])
            yield lead, units
            yield lead + units[0], units
        lead += _texts([(kind, value)])[0]


def _inside(kind: Any, value: Any) -> list[Any]:
    if kind is sre.SUBPATTERN:
        return [value[-1]]
    if kind is sre.BRANCH:
        return list(value[1])
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [value[2]]
    return [value] if kind is sre.ATOMIC_GROUP else []


CATEGORIES = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_NOT_WORD: "-",
    sre.CATEGORY_NOT_DIGIT: "a",
}
PROBES = "a1 .,-_\"'\\<=;:/A(%\n"


def _texts(parsed: Any) -> list[str]:
    """Short texts that fit, one of each kind there is."""
    texts = [""]
    for kind, value in parsed:
        texts = [text + more for text, more in itertools.product(texts, _of(kind, value))][:12]
    return texts


def _of(kind: Any, value: Any) -> list[str]:
    if kind is sre.LITERAL:
        return [chr(value)]
    if kind in (sre.NOT_LITERAL, sre.ANY):
        return [c for c in "a ." if ord(c) != value]
    if kind is sre.IN:
        return _of_a_set(value)
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, _, inner = value
        return [text * max(least, 0) for text in _texts(inner)] if least else ["", *_texts(inner)]
    if kind is sre.BRANCH:
        return [text for branch in value[1] for text in _texts(branch)]
    inner = _inside(kind, value)
    return _texts(inner[0]) if inner else [""]


def _of_a_set(members: Any) -> list[str]:
    if members[0][0] is sre.NEGATE:
        barred = re.compile("|".join(re.escape(text) for text in _of_a_set(members[1:])))
        return [c for c in PROBES if not barred.fullmatch(c)][:8]
    found = []
    for kind, value in members:
        if kind is sre.RANGE:
            found.append(chr(value[0]))
        elif kind is sre.CATEGORY:
            found.append(CATEGORIES[value])
        else:
            found.append(chr(value))
    return found


def pumped(expression: Any) -> Iterator[Callable[[int], Any]]:
    """Texts that grow, made from what the expression repeats."""
    made = set()
    pattern = expression.pattern
    as_text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    for lead, units in samples(_parser.parse(as_text, expression.flags & ~re.UNICODE)):
        mixed = ["".join(pair) for pair in itertools.product(units[:4], repeat=2)]
        for unit in dict.fromkeys([*units, *mixed, lead, lead + units[0]]):
            made |= {(before, unit, tail) for before in ("", lead) for tail in TAILS if unit}
    for before, unit, tail in sorted(made):

        def text(many: int, before: str = before, unit: str = unit, tail: str = tail) -> Any:
            whole = before + unit * (many // len(unit)) + tail
            return whole if isinstance(pattern, str) else whole.encode("latin-1", "replace")

        yield text


def took(expression: Any, use: str, text: Any) -> float:
    arguments = (text[:0], text) if use == "sub" else (text,)
    start = time.process_time()
    done = getattr(expression, use)(*arguments)
    if use == "finditer":
        list(done)
    return time.process_time() - start


def slow_text(expression: Any, use: str) -> str:
    """A text for which the time grows much faster than its length."""
    for text in pumped(expression):
        for many in (FEW, MANY):
            if took(expression, use, text(many)) < SLOW_S:
                continue
            # Not a busy machine: again. Three times the text: 3 times the time, or 9.
            once = min(took(expression, use, text(many)) for _ in range(3))
            if once < SLOW_S:
                continue
            if many == FEW or took(expression, use, text(3 * many)) > 5 * once:
                return f"{text(40)!r}: {once:.3f} s for {many:,} of it"
    return ""


@pytest.mark.slow
def test_they_are_found():
    assert len(expressions()) > 80
    assert {"match", "fullmatch", "search", "sub", "findall", "finditer"} <= {
        use for _, uses in expressions().values() for use in uses
    }


@pytest.mark.slow
def test_no_text_makes_it_slow():
    slow = []
    for place, (expression, uses) in expressions().items():
        for use in uses:
            if found := slow_text(expression, use):
                slow.append(f"{place} {expression.pattern!r}.{use}\n{found}")
    assert not slow, "\n".join(slow)


@pytest.mark.parametrize(
    ("pattern", "use"),
    [(r"(a+)+b", "match"), (r"1+%", "search"), (r"<[^>]*>", "sub")],
)
def test_a_slow_one_is_found(pattern, use):
    assert slow_text(re.compile(pattern), use)
