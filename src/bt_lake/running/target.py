"""The function to run: found by name, in this process or another one."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from bt_lake.running.arguments import Arguments, Parameter
from bt_lake.running.provenance import code_hash, project_root
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

Function = Callable[..., Any]
# Names that say nothing about the strategy; its file does.
_PLAIN_NAMES = {"run", "main", "backtest"}
INSTALLED = {"site-packages", "dist-packages"}
_OURS = str(Path(__file__).parent)
_HOW = "name it as package.module:function or path/to/file.py:function"


@dataclass(frozen=True)
class Target:
    """A function that other processes find, too.

    `place` is `module:function` or `/where/it/is/file.py:function`; `entrypoint` is what the lake
    keeps of it: a file is named from the root of its project, so that it is the same in every
    clone.
    """

    function: Function
    place: str
    entrypoint: str
    root: str | None
    source: Path | None
    code_hash: str | None
    also: tuple[str, ...] = ()  # other names by which it may be called: of its file, of its module

    @property
    def name(self) -> str:
        """What its runs are called if neither they nor the user say so."""
        module, _, function = self.entrypoint.rpartition(":")
        last = Path(module).stem if self.root else module.rpartition(".")[2]
        return last if function in _PLAIN_NAMES else function.rpartition(".")[2]

    @cached_property
    def signature(self) -> inspect.Signature | None:
        try:
            return inspect.signature(self.function)
        except (TypeError, ValueError):  # not every compiled function tells
            return None

    @cached_property
    def arguments(self) -> Arguments:
        return Arguments(self.function, self.entrypoint)

    @property
    def parameters(self) -> list[Parameter]:
        return self.arguments.described(self.signature)

    def takes(self, name: str) -> bool:
        """Whether the function has an argument of this name."""
        if self.signature is None:
            return True
        found = self.signature.parameters
        return name in found or any(p.kind is p.VAR_KEYWORD for p in found.values())

    def check_name(self, name: str) -> None:
        """Refuse an argument that the function does not take, or not by its name."""
        if self.signature is None:
            return
        known = self.signature.parameters
        if not self.takes(name):
            raise UnknownName.near(f"argument of {self.entrypoint}", name, known)
        if name in known and known[name].kind is inspect.Parameter.POSITIONAL_ONLY:
            raise BadInput(
                f"{self.entrypoint}: '{name}' stands before the / in its definition, so that it "
                "cannot be given by name; take the / out"
            )

    def check_arguments(self, given: Mapping[str, Any]) -> None:
        """Refuse arguments that the function does not take, and say which it needs."""
        if self.signature is None:
            return
        for name in given:
            self.check_name(name)
        try:
            self.signature.bind(**given)
        except TypeError as error:
            raise BadInput(f"{self.entrypoint}: {error}; give it with -p or --grid") from None


def load(text: str, root: str | None = None) -> Target:
    """The target that a text names; a relative file counts from `root`, else from here."""
    module, function = split(text)
    if is_file(module):
        return _in_file(found_file(module, root), function)
    return _in_module(module, function)


def split(text: str) -> tuple[str, str]:
    """The module or file, and the function in it."""
    module, colon, function = text.rpartition(":")
    if not (colon and module and function):
        raise BadInput(f"'{text}' names no function: {_HOW}")
    return module, function


def of(function: Function | str) -> Target:
    """The target of a function at hand, or of a text."""
    if isinstance(function, str):
        return load(function)
    name = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    of_object = not isinstance(getattr(function, "__self__", type), (type, ModuleType))
    if name is None or module is None or "<" in name or of_object:
        raise BadInput(
            f"{function!r} cannot be found by name, and neither worker processes nor `reproduce` "
            "would find it: define it with def at the top of a file"
        )
    if module != "__main__":
        return _as_file(_in_module(module, name))
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None:
        return _in_module(main.__spec__.name, name)  # type: ignore[union-attr]
    if not Path(getattr(main, "__file__", None) or "").is_file():  # or "<stdin>"
        raise BadInput(
            f"{name} was typed in here, and worker processes cannot see it: put it in a file"
        )
    return _in_file(Path(main.__file__).absolute(), name)  # type: ignore[arg-type]


def is_file(module: str) -> bool:
    return module.endswith(".py") or "/" in module or "\\" in module


def found_file(file: str, root: str | None) -> Path:
    named = Path(file).expanduser()
    folders = [os.path.expanduser(root or "."), ".", project_root(Path.cwd()) or "."]
    # Without following links: the name that the user knows is the one to keep.
    places = [Path(os.path.abspath(Path(folder, named))) for folder in folders]
    for place in places:
        if place.is_file():
            return place
    looked = " or ".join(dict.fromkeys(os.path.abspath(folder) for folder in folders))
    raise NotFound(f"there is no file {file} in {looked}; start it in the folder that has it")


def _in_module(module: str, function: str) -> Target:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    loaded = _importing(module, lambda: importlib.import_module(module))
    place = f"{module}:{function}"
    file = getattr(loaded, "__file__", None)
    also = _names(Path(file), function) if file else ()
    return _target(loaded, function, place, entrypoint=place, also=also)


def _in_file(file: Path, function: str) -> Target:
    loaded = _importing(str(file), lambda: _run_file(file))
    entrypoint, root = _from_root(file, function)
    return _target(
        loaded,
        function,
        place=f"{file}:{function}",
        entrypoint=entrypoint,
        root=root,
        also=_names(file, function),
    )


def _as_file(target: Target) -> Target:
    """A function at hand under the name that its file gives it, if that lies in the project."""
    file = target.source
    top = project_root(Path.cwd()) or Path.cwd()
    if file is None or not file.is_relative_to(top) or INSTALLED & {*file.relative_to(top).parts}:
        return target
    entrypoint, root = _from_root(file, target.entrypoint.rpartition(":")[2])
    if entrypoint not in target.also:  # the file only passes it on
        return target
    return replace(target, entrypoint=entrypoint, root=root)


def _from_root(file: Path, function: str) -> tuple[str, str]:
    """The entrypoint of a function in a file, and the folder that it is named from."""
    root = project_root(file.parent) or Path.cwd()
    inside = file.is_relative_to(root)
    shown = file.relative_to(root) if inside else file
    return f"{shown.as_posix()}:{function}", str(root if inside else file.parent)


def _names(file: Path, function: str) -> tuple[str, ...]:
    """Every name of the function: from its file, and as a module from each place of imports."""
    found = [_from_root(file, function)[0]]
    for place in (Path.cwd(), *map(Path, sys.path)):
        if file.is_relative_to(place):
            parts = file.relative_to(place).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if parts and all(part.isidentifier() for part in parts):
                found.append(f"{'.'.join(parts)}:{function}")
    return tuple(dict.fromkeys(found))


def _run_file(file: Path) -> ModuleType:
    """Import a file by its path, as it is now: neither an earlier import nor a .pyc counts."""
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    name = file.stem
    there = sys.modules.get(name)
    if name in sys.stdlib_module_names or (there and getattr(there, "__file__", "") != str(file)):
        name = f"_file_{name}"
    try:
        return _executed(name, file)
    except ImportError as error:
        if (
            "no known parent package" not in str(error)
            or not (file.parent / "__init__.py").exists()
        ):
            raise
    return _executed(_in_package(file), file)


def _in_package(file: Path) -> str:
    """The name of a file in a package, which imports from its neighbours by `from . import`."""
    top = file.parent
    while (top.parent / "__init__.py").exists():
        top = top.parent
    if str(top.parent) not in sys.path:
        sys.path.insert(0, str(top.parent))
    package = ".".join(file.parent.relative_to(top.parent).parts)
    importlib.import_module(package)
    return f"{package}.{file.stem}"


def _executed(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look it up
    exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    return module


def _importing(what: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in (what, what.partition(".")[0]):
            raise NotFound(f"there is no module {error.name}; {_HOW}") from None
        told = "".join(traceback.format_exception(trimmed(error), chain=False)).rstrip()
        raise BadInput(f"{what} cannot be imported:\n{told}") from None


def trimmed(error: BaseException) -> BaseException:
    """The error with the traceback that begins in the user's own code."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return error.with_traceback(trace)


def _is_ours(file: str) -> bool:
    return file.startswith(("<frozen importlib", _OURS))


def _target(
    module: ModuleType,
    function: str,
    place: str,
    entrypoint: str,
    root: str | None = None,
    also: tuple[str, ...] = (),
) -> Target:
    found: Any = module
    for name in function.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise UnknownName.near(f"function in {place.rpartition(':')[0]}", name, known) from None
    if not callable(found):
        raise BadInput(f"{entrypoint} is {found!r}, not a function")
    source = _source_of(found, module)
    hashed = code_hash(source) if source else None
    return Target(found, place, entrypoint, root, source, hashed, also)


def _source_of(function: Any, module: ModuleType) -> Path | None:
    """The file with the code: where the function is defined, not where it is re-exported."""
    home = getattr(inspect.unwrap(function), "__module__", None)
    defined = sys.modules.get(home or "", module)
    file = getattr(defined, "__file__", None) or getattr(module, "__file__", None)
    return Path(file) if file and Path(file).is_file() else None
