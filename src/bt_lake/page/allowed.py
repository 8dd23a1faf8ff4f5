"""What may be run from the page: what whoever started the server named, and nothing else."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bt_lake.warehouse.errors import BadInput

_MOST_FILES = 500
_MOST_BYTES = 1_000_000
_PASSED_OVER = {"__pycache__", "node_modules", "site-packages", "tests"}


class Allowed:
    """Functions by name (`module:function`, `file.py:function`), or every one in a folder."""

    def __init__(self, given: Sequence[str]) -> None:
        self._functions: list[str] = []
        self._folders: list[Path] = []
        for text in given:
            if Path(text).is_dir():
                self._folders.append(Path(text).resolve())
            elif ":" in text and all(text.rpartition(":")[::2]):
                self._functions.append(text)
            else:
                raise BadInput(
                    f"--allow {text}: write package.module:function, path/to/file.py:function, or "
                    "a folder that is there"
                )

    def __bool__(self) -> bool:
        return bool(self._functions or self._folders)

    def functions(self) -> list[str]:
        """All of them, as they are run."""
        found = (name for folder in self._folders for name in _in_folder(folder))
        return [*self._functions, *found]

    def check(self, target: object) -> str:
        if not isinstance(target, str) or target not in self.functions():
            raise BadInput(
                f"{target!r} may not be run from here; whoever starts the page allows functions by "
                "`bt-lake page --allow module:function`"
            )
        return target


def _in_folder(folder: Path) -> Iterator[str]:
    for number, file in enumerate(_files(folder)):
        if number == _MOST_FILES:
            return
        for name in _public(file):
            yield f"{file}:{name}"


def _files(folder: Path) -> Iterator[Path]:
    """The Python files of a folder; no link leads out of it."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(n for n in folders if n[0] not in "._" and n not in _PASSED_OVER)
        for name in sorted(files):
            file = Path(where, name)
            if name.endswith(".py") and name[0] not in "._" and not file.is_symlink():
                yield file


def _public(file: Path) -> list[str]:
    """The functions at the top of a file, which is not imported for that."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return []
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
