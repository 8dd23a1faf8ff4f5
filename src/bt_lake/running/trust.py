"""Whether code that a lake names may run. It is found and read here; nothing of it is imported.

A lake may come from anybody, and a run in it can name any function of this machine. So what is
called for a lake, by `reproduce` or a page or a server, must lie in the current folder or be
allowed by the user, be a function that is defined there, and be the code that made the run.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import unwrap
from pathlib import Path
from types import FunctionType

from bt_lake.running import allowed
from bt_lake.running.provenance import code_hash
from bt_lake.running.target import INSTALLED, Target, found_file, is_file, split
from bt_lake.warehouse.bounds import SOURCE_BYTES
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName
from bt_lake.warehouse.layout import Layout

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_EXAMPLES = Path(__file__).parent.parent / "examples"
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


class NotTrusted(BadInput):
    """Code that a lake names and the user has not said may run."""


@dataclass(frozen=True)
class Code:
    """A function that a run names, as it stands in its file."""

    entrypoint: str
    file: Path
    line: int
    decorated: bool
    code_hash: str

    def __str__(self) -> str:
        return f"{self.entrypoint} ({self.file}, line {self.line})"

    def confirm(self, target: Target) -> None:
        """What was imported is what was read."""
        code = getattr(unwrap(target.function), "__code__", None)
        same = isinstance(unwrap(target.function), FunctionType) and _is(
            getattr(code, "co_filename", ""), self.file
        )
        if not (same or self.decorated) or target.code_hash is None:
            raise NotTrusted(f"{self.entrypoint} is not the function defined in {self.file}")


def find(entrypoint: str, root: str | None = None) -> Code:
    """Where the function is defined, without running a line of it."""
    module, function = split(entrypoint)
    if not _DOTTED.fullmatch(function):
        raise BadInput(f"{entrypoint!a} names no function")
    file = found_file(module, root) if is_file(module) else _file_of(module)
    file = Path(os.path.realpath(file))
    if _is_pythons(file):
        raise NotTrusted(f"{entrypoint}: Python's own modules are never run for a lake")
    if file.suffix != ".py" or file.stat().st_size > SOURCE_BYTES:
        raise NotTrusted(f"{entrypoint}: {file} is not Python source")
    node = _defined(_parsed(file), function.split("."))
    if node is None:
        known = [found.name for found in _functions(_parsed(file)) if found.name[0] != "_"]
        hint = " Only functions defined there with def are run for a lake, nothing it imports."
        raise UnknownName.near(f"function in {file}", function, known, hint)
    return Code(entrypoint, file, node.lineno, bool(node.decorator_list), code_hash(file))


def permit(
    code: Code,
    layout: Layout,
    *,
    recorded: str | None,
    allow: Collection[str] = (),
    changed_code: bool = False,
) -> None:
    """Refuse code that may not run for this lake; `recorded` is the hash that the run has."""
    if code.file.is_relative_to(os.path.realpath(layout.root)):
        raise NotTrusted(f"{code} lies in the lake itself: what is in a lake is data")
    if not (_is_here(code.file) or code.entrypoint in allow or allowed.is_allowed(layout, code)):
        raise NotTrusted(
            f"{code} is not in the current folder, and a lake may name any code there is. "
            f"Run it for this lake with: --allow {code.entrypoint}"
        )
    if recorded != code.code_hash and not changed_code:
        why = "the run does not say which code made it" if recorded is None else "it has changed"
        raise NotTrusted(f"{code}: {why}. --changed-code runs it as it is now")


def _is_here(file: Path) -> bool:
    """In the current folder and not installed there; or one of our own examples."""
    here = Path(os.path.realpath(Path.cwd()))
    if file.is_relative_to(os.path.realpath(_EXAMPLES)):
        return True
    return file.is_relative_to(here) and not INSTALLED & set(file.relative_to(here).parts)


def _is(name: str, file: Path) -> bool:
    return bool(name) and os.path.realpath(name) == str(file)


def _is_pythons(file: Path) -> bool:
    homes = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    return any(
        file.is_relative_to(home) and not INSTALLED & set(file.relative_to(home).parts)
        for home in homes
    )


def _file_of(module: str) -> Path:
    """The source of a module, as an import would find it; packages above it are not imported."""
    if not _DOTTED.fullmatch(module):
        raise BadInput(f"{module!a} is no name of a module")
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        raise NotTrusted(f"{module}: Python's own modules are never run for a lake")
    importlib.invalidate_caches()
    places: Sequence[str] | None = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        looked = [str(Path.cwd()), *sys.path] if places is None else list(places)
        origin, places = _spec(name, looked, first=count == 1)
        if origin is None and (count == len(parts) or not places):
            raise NotFound(f"there is no module {name} with Python source")
    assert origin is not None
    return Path(origin)


def _spec(name: str, places: list[str], *, first: bool) -> tuple[str | None, Sequence[str] | None]:
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(name, places)
    for finder in sys.meta_path if spec is None else ():
        find_spec = getattr(finder, "find_spec", None)  # of editable installs, say
        spec = find_spec(name, None if first else places) if find_spec else None
        if spec is not None:
            break
    if spec is None:
        return None, None
    inside = list(spec.submodule_search_locations or ()) or None
    return (spec.origin if spec.has_location else None), inside


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInput(f"{file} is not Python source: {error}") from None


def _defined(tree: ast.Module | ast.ClassDef, names: list[str]) -> _Definition | None:
    """The last definition of the name, as it is the one that counts."""
    name, *rest = names
    found = None
    for node in _statements(tree.body):
        if not rest and isinstance(node, _Definition) and node.name == name:
            found = node
        elif rest and isinstance(node, ast.ClassDef) and node.name == name:
            found = _defined(node, rest)
    return found


def _functions(tree: ast.Module) -> list[_Definition]:
    return [node for node in _statements(tree.body) if isinstance(node, _Definition)]


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under its conditions included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            inner = [*node.body, *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
            inner += [each for handler in getattr(node, "handlers", ()) for each in handler.body]
            yield from _statements(inner)
