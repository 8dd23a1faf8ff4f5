"""Run the examples of docs/python.md and docs/howto.md, each in order on one lake, and write below
each what it shows.

python docs/make_python.py

The value of a block's last expression is shown as a notebook would. What the page says already
stays where it is still true; `...` stands for anything.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import Any, NamedTuple

PAGES = [Path(__file__).with_name(name) for name in ("python.md", "howto.md")]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:^```text\n(?P<says>.*?)^```\n)?", re.M | re.S
)
CHANGING = (
    (r"Lake\('.*/lake'\)", "Lake('.../lake')"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC$", "..."),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "..."),
    (r"…[0-9a-f]{8}", "..."),
)


class Shown(NamedTuple):
    line: int
    code: str
    says: str  # the page
    shows: str  # the code

    @property
    def is_true(self) -> bool:
        return OutputChecker().check_output(self.says, self.shows, ELLIPSIS)

    def __str__(self) -> str:
        text = self.says
        if not self.is_true:
            text = self.shows
            for pattern, dots in CHANGING:
                text = re.sub(pattern, dots, text, flags=re.M)
        return f"```python\n{self.code}```\n" + (f"```text\n{text}```\n" if text else "")


def examples(page: str) -> Iterator[Shown]:
    """Run each block of the page; it must be used to the end, in a folder of its own."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for found in BLOCK.finditer(page):
        line = page.count("\n", 0, found.start("code")) + 1
        shows = run(found["code"], names, line)
        yield Shown(line, found["code"], found["says"] or "", shows)


def run(code: str, names: dict[str, Any], line: int) -> str:
    tree = ast.parse("\n" * (line - 1) + code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(tree, "the page", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "the page", "eval"), names)
            if value is not None:
                print(repr(value).rstrip("\n"))
    return out.getvalue()


def main() -> None:
    os.environ.pop("BT_LAKE", None)
    for path in PAGES:
        page = path.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            shown = map(str, list(examples(page)))
        path.write_text(BLOCK.sub(lambda _, shown=shown: next(shown), page), "utf-8")


if __name__ == "__main__":
    main()
