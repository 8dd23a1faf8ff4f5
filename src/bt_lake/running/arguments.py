"""The arguments of a function: as given, as the lake keeps them, and as the function gets them."""

from __future__ import annotations

import copy
import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from bt_lake.running.exact import restored, told
from bt_lake.running.hints import Misfit, allowed, fit, free, name_of, plain
from bt_lake.running.provenance import parameters_of
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.params import PLAIN, to_json
from bt_lake.warehouse.values import Typed


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function, as `--help-function` shows it."""

    name: str
    type: str
    takes: str
    default: str | None  # None where a value must be given


class Arguments:
    """What a function takes. Each call gets values of its own: it may change them."""

    def __init__(self, function: Callable[..., Any], entrypoint: str) -> None:
        self._entrypoint = entrypoint
        self._names, self._hints = _hints_of(function)
        known = parameters_of(function)
        self._defaults = {n: p.default for n, p in known.items() if p.default is not p.empty}
        self._exact: dict[str, dict[str, Any]] = {}

    def reader(self, name: str) -> tuple[Callable[[str], Any], bool]:
        """How the values of a grid's text are read, and whether `1:9:2` is a range there."""
        if name not in self._hints:
            return lambda text: free(Typed(text)), True
        return Typed, any(self._fits(name, number) for number in (1, 1.5))

    def keep(self, name: str, given: Any) -> Any:
        """The value as the lake keeps it; it must be what the parameter's hint asks for."""
        value = self._fit(name, given)
        hinted = name in self._hints
        if type(value) in PLAIN and not hinted:
            return value
        where = f"params.{name}"
        kept = json.loads(to_json(plain(value) if hinted else value, where))
        if not (hinted and _same(self._fit(name, kept), value)):
            self._remember(name, kept, value)
        elif name in self._exact:
            self._exact[name].setdefault(to_json(kept), None)
        return kept

    def _remember(self, name: str, kept: Any, value: Any) -> None:
        """Of values that the lake keeps alike the first one counts."""
        try:
            said = json.loads(to_json(told(value)))
        except BadInput:
            said = kept
        differs = said != kept or type(said) is not type(kept)
        if differs or name in self._exact:
            self._exact.setdefault(name, {}).setdefault(to_json(kept), said if differs else None)

    def exact(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What else is to be kept of those parameters that would come back as something else."""
        found = {
            name: known.get(to_json(params[name]))
            for name, known in self._exact.items()
            if name in params
        }
        return {name: said for name, said in found.items() if said is not None}

    def made(self, kept: Mapping[str, Any], exact: Mapping[str, Any]) -> dict[str, Any]:
        """What the function is called with."""
        return {
            name: restored(exact[name], self._names)
            if name in exact
            else value
            if type(value) in PLAIN and name not in self._hints
            else copy.deepcopy(self._fit(name, value))
            for name, value in kept.items()
        }

    def defaults(self) -> dict[str, Any]:
        """Those that a condition may name, as the lake would keep them."""
        found = {}
        for name, value in self._defaults.items():
            try:
                found[name] = json.loads(to_json(plain(value)))
            except BadInput:
                continue
        return found

    def described(self, signature: inspect.Signature | None) -> list[Parameter]:
        found = []
        for each in signature.parameters.values() if signature else ():
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                continue
            hint = self._hints.get(each.name, Any)
            known = each.name in self._hints
            found.append(
                Parameter(
                    each.name,
                    name_of(hint) if known else "",
                    allowed(hint) if known else "anything",
                    None if each.default is each.empty else _shown(each.default),
                )
            )
        return found

    def _fits(self, name: str, value: Any) -> bool:
        try:
            self._fit(name, value)
        except BadInput:
            return False
        return True

    def _fit(self, name: str, given: Any) -> Any:
        if name not in self._hints:
            return free(given)
        hint = self._hints[name]
        if self._defaults.get(name, ...) is None and (given is None or free(given) is None):
            return None
        try:
            return fit(hint, given)
        except (Misfit, ValueError, TypeError) as error:
            inner = f" ({error})" if str(error) else ""
            shown = f"'{given}'" if isinstance(given, str) else repr(given)
            raise BadInput(
                f"{name}: {shown} does not fit; {self._entrypoint} takes {allowed(hint)}{inner}"
            ) from None


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(told(one) == told(other))


def _shown(value: Any) -> str:
    try:
        return to_json(plain(value))
    except BadInput:
        return repr(value)


def _hints_of(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names its file knows, and the hints of its parameters that can be read."""
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    inner = inner.__init__ if isinstance(inner, type) else inner  # type: ignore[misc]
    inner = getattr(inner, "__func__", inner)
    names = getattr(inner, "__globals__", {})
    found = {}
    for name, hint in getattr(inner, "__annotations__", {}).items():
        read = _read(name, hint, names)
        if name != "return" and read is not Any:
            found[name] = read
    return names, found


def _read(name: str, hint: Any, names: dict[str, Any]) -> Any:
    def one() -> None: ...

    one.__annotations__ = {name: hint}
    try:
        return get_type_hints(one, names, include_extras=True)[name]
    except Exception:  # a name that only type checkers import, say
        return Any
