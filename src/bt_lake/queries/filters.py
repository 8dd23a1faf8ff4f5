"""The filters every reading question shares, as one SQL condition over `runs`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from numbers import Real
from re import fullmatch
from typing import TYPE_CHECKING, Any, Self

from bt_lake.queries.given import ByLabel, GivenLabels, Texts
from bt_lake.queries.guard import checked_condition
from bt_lake.queries.names import any_run_has_param, number, own_params, param, same_number
from bt_lake.warehouse.errors import BadInput, UnknownName, did_you_mean
from bt_lake.warehouse.params import EXACT_INTEGERS, to_json
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import FILTERS
from bt_lake.warehouse.values import AnyOf, is_number
from bt_lake.warehouse.values import value as typed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COMPARISONS = ("==", "<=", ">=", "!=", "<", ">")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Time = datetime | date | str | None


class Given(GivenLabels, total=False):
    """The filters as keywords."""

    tag: Texts
    since: Time
    until: Time
    min_trades: int | None
    min_days: float | None
    params: Mapping[str, Any] | None
    run_ids: Iterable[str] | None
    where: str | None


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over the columns of `runs`, with its named values.

    A `costly` one is better not evaluated twice for each run.
    """

    sql: str = "true"
    values: Mapping[str, Any] = field(default_factory=dict)
    costly: bool = False

    def __and__(self, other: Condition) -> Condition:
        return Condition(
            f"({self.sql}) and ({other.sql})",
            {**self.values, **other.values},
            self.costly or other.costly,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters(ByLabel):
    """Which runs a question is about; what is None does not filter.

    - labels such as strategy, symbol, engine, status: a value, or several of which one must fit.
    - tag: a tag, or several all of which must be there.
    - since, until: when the run was made, both ends included; a date or its text means the whole
      day, "30d", "12h", "2w" mean so long ago.
    - min_trades, min_days: at least so many closed trades, or days from the first bar to the last.
    - params: values of parameters. 10, 10.0 and "10" are the same; a set means any of its values,
      a list or tuple is a list, None is null. A name may end in <, <=, >, >=, != : {"fast>=": 10}.
    - run_ids: the runs of these ids, whole, and no others.
    - where: a condition in SQL over the columns of `runs`.
    """

    tag: Texts = None
    since: Time = None
    until: Time = None
    min_trades: int | None = None
    min_days: float | None = None
    params: Mapping[str, Any] | None = None
    run_ids: Iterable[str] | None = None
    where: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Filters from keywords, with near matches for those that do not exist."""
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                raise UnknownName.near("filter", name, known, f" There are {', '.join(known)}.")
        return cls(**given)

    @property
    def given(self) -> bool:
        """Whether there is any filter at all."""
        return any(getattr(self, f.name) is not None for f in fields(self))

    @property
    def user_sql(self) -> bool:
        return self.where is not None

    def condition(self, connection: DuckDBPyConnection) -> Condition:
        parts: list[str] = []
        values: dict[str, Any] = {}

        def bind(value: Any) -> str:
            name = f"filter{len(values)}"
            values[name] = value
            return f"${name}"

        for label in FILTERS:
            wanted = _texts(label, getattr(self, label))
            if wanted is not None:
                parts.append(_one_of(identifier(label), [bind(text) for text in wanted]))
        if self.run_ids is not None:
            parts.append(f"run_id in (select unnest({bind(list(self.run_ids))}::varchar[]))")
        for tag in _texts("tag", self.tag) or ():
            parts.append(f"list_contains(tags, {bind(tag)})")
        if self.since is not None:
            start = moment("since", self.since).isoformat()
            parts.append(f"created_at >= {bind(start)}::timestamptz")
        if self.until is not None:
            last = moment("until", self.until)
            operator, end = ("<", last + timedelta(days=1)) if is_day(self.until) else ("<=", last)
            parts.append(f"created_at {operator} {bind(end.isoformat())}::timestamptz")
        if self.min_trades is not None:
            parts.append(f"total_trades >= {bind(_least('min_trades', self.min_trades))}")
        if self.min_days is not None:
            days = bind(_least("min_days", self.min_days))
            parts.append(f"epoch(end_at) - epoch(start_at) >= 86400 * {days}")
        for name, value in (self.params or {}).items():
            parts.append(_param_condition(name, value, bind))
        if self.where is not None:
            parts.append(f"({checked_condition(connection, self.where)})")
        costly = bool(self.params) or self.where is not None
        return Condition(" and ".join(parts) or "true", values, costly)

    def hint(self, connection: DuckDBPyConnection) -> str:
        """Why nothing may have been found: no runs at all, or a label that none of them has."""
        if not connection.execute("select 1 from trials limit 1").fetchall():
            return "the lake is empty: `bt-lake ingest` and `lake.save()` put runs in"
        for label in FILTERS:
            for text in _texts(label, getattr(self, label)) or ():
                known = _values_of(connection, label)
                if text not in known:
                    several = _one_by_one(label, text) if "," in text else ""
                    return f"no run has {label} '{text}'{several or did_you_mean(text, known)}"
        for given, value in (self.params or {}).items():
            name = _compared(given)[0]
            if not any_run_has_param(connection, name):
                near = did_you_mean(name, own_params(connection), _unmistakable)
                return f"no run has parameter '{name}'{near}"
            if isinstance(value, list | tuple) and not isinstance(value, AnyOf):
                each = ", ".join(map(repr, value))
                one_by_one = " ".join(f"-p {name}={one}" for one in value)
                told = f"no run has the list {name}=[{each}]"
                return f"{told}; any of several values: {{{each}}} in Python, {one_by_one}"
        return ""


ALL = Filters()


def moment(name: str, given: datetime | date | str, now: datetime | None = None) -> datetime:
    """A point in time from what a user may give; text without a zone is UTC."""
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    ago = fullmatch(r"(\d+)\s*([mhdw])", given.strip())
    if ago:
        span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return (now or datetime.now(UTC)) - span
    try:
        return moment(name, datetime.fromisoformat(given.strip()))
    except ValueError:
        raise BadInput(
            f"{name}: '{given}' is not a time. Use 2026-11-20, "
            "2026-11-20T14:00:00Z, or 30d for 30 days ago."
        ) from None


def _values_of(connection: DuckDBPyConnection, label: str) -> list[str]:
    name = identifier(label)
    rows = connection.execute(f"select distinct {name} from runs where {name} is not null")
    return [row[0] for row in rows.fetchall()]


def is_day(given: Time) -> bool:
    if isinstance(given, str):
        return fullmatch(r"\d{4}-?\d{2}-?\d{2}", given.strip()) is not None
    return not isinstance(given, datetime)


def _texts(name: str, given: Texts) -> list[str] | None:
    if given is None:
        return None
    texts = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for text in texts:
        if not isinstance(text, str):
            raise BadInput(f"{name}: {text!r} is not a text")
    return texts


def _least(name: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, Real) or not given >= 0:  # type: ignore[operator]
        raise BadInput(f"{name} is a number, 0 or more, not {given!r}")
    return float(given)


def _one_of(column: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{column} = {values[0]}"
    return f"{column} in ({', '.join(values)})" if values else "false"


def _one_by_one(label: str, text: str) -> str:
    option = "--" + label.replace("_", "-")
    each = " ".join(f"{option} {part.strip()}" for part in text.split(","))
    return f". Give several one by one: {each}"


def _compared(name: str) -> tuple[str, str]:
    """`fast>=` as its name and comparison; `==` asks for a name that ends like one."""
    operator = next((c for c in _COMPARISONS if name.endswith(c)), "")
    bare = name.removesuffix(operator)
    if operator in ("", "=="):
        return bare, "="
    return bare.rstrip(), operator


def _unmistakable(name: str) -> str:
    """A parameter's name, in quotes where they belong to it or it would be taken for another."""
    plain = name == name.strip() and _compared(name) == (name, "=") and name[:1] != '"'
    return name if plain else to_json(name)


def _param_condition(name: str, value: Any, bind: Callable[[Any], str]) -> str:
    name, operator = _compared(name)
    if isinstance(value, AnyOf | set | frozenset):
        _check_single(name, operator)
        fits = [_param_fits(name, "=", each, bind) for each in value]
        return f"(({' or '.join(fits) or 'false'}) is {'not ' * (operator == '!=')}true)"
    return _param_fits(name, operator, value, bind)


def _param_fits(name: str, operator: str, value: Any, bind: Callable[[Any], str]) -> str:
    plain = json.loads(to_json(value, f"params.{name}"))
    if isinstance(plain, dict | list):
        _check_single(name, operator)
    if isinstance(plain, dict) and plain:
        parts = [_param_fits(f"{name}.{part}", "=", each, bind) for part, each in plain.items()]
        return f"(({' and '.join(parts)}) is {'not ' * (operator == '!=')}true)"
    sql = param(name)
    if plain is None:
        return (
            f"{sql} is not null" if operator == "!=" else f"{param(name, '->')}::varchar = 'null'"
        )
    given = _as_number(plain, exactly=operator in ("=", "!="))
    if operator == "!=":
        operator = "is distinct from"
    if given is not None:
        bound = bind(given)
        fits = same_number(sql, bound) if operator == "=" else f"{number(sql)} {operator} {bound}"
        if abs(given) < EXACT_INTEGERS or operator not in ("=", "is distinct from"):
            return fits
        whole = f"regexp_full_match({sql}, '[+-]?[0-9]+')"  # and so another number than this one
        return f"({fits} {'or' if operator != '=' else 'and not'} {whole})"
    return f"{sql} {operator} {bind(plain if isinstance(plain, str) else to_json(plain))}"


def _check_single(name: str, operator: str) -> None:
    if operator not in ("=", "!="):
        raise BadInput(f"params: {name} {operator} takes one value")


def _as_number(value: Any, *, exactly: bool) -> float | None:
    """The number a value or its text stands for, unless a double does not tell it from others."""
    if isinstance(value, str) and is_number(value):
        value = typed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if exactly and isinstance(value, int) and abs(value) >= EXACT_INTEGERS:
        return None
    return float(value)
