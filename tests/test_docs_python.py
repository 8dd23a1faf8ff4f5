"""docs/python.md runs: each block in turn, on one lake, and what it shows is what the page says.

The value of a block's last expression is shown as a notebook would; `...` stands for anything.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from doctest import ELLIPSIS, REPORT_NDIFF, Example, OutputChecker
from pathlib import Path
from typing import Any

import polars as pl
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", re.M | re.S)


def blocks() -> list[tuple[int, str, str]]:
    """The line of each block, its code, and what it should show."""
    text = PAGE.read_text("utf-8")
    return [
        (text.count("\n", 0, found.start(1)) + 1, found[1], found[2] or "")
        for found in BLOCK.finditer(text)
    ]


def shown_by(code: str, names: dict[str, Any], line: int) -> str:
    tree = ast.parse("\n" * (line - 1) + code, PAGE.name)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(tree, PAGE.name, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), PAGE.name, "eval"), names)
            if value is not None:
                print(repr(value).rstrip("\n"))
    return out.getvalue()


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    checker, options = OutputChecker(), ELLIPSIS | REPORT_NDIFF
    with pl.Config(restore_defaults=True):
        for line, code, want in blocks():
            got = shown_by(code, names, line)
            example = Example(code, want)
            assert checker.check_output(example.want, got, options), (
                f"{PAGE.name}:{line}\n{checker.output_difference(example, got, options)}"
            )


def test_every_part_of_the_face_is_on_the_page() -> None:
    from bt_lake.lake import Lake

    text = PAGE.read_text("utf-8")
    public = {name for name in vars(Lake) if not name.startswith("_")} - {"path", "store", "reader"}
    assert {name for name in public if not re.search(rf"\b{name}\b", text)} == set()
