"""How the columns of an answer read in a table: title, alignment, and the text of a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bt_lake.warehouse.schema import TABLES, TITLES
from bt_lake.warehouse.values import is_number
from bt_lake.wording.metrics import fraction, number
from bt_lake.wording.values import (
    MISSING,
    count,
    one_line,
    ratio,
    short_id,
    text,
    times,
)

# Gains and losses, where colour says what the sign says.
_COLOURED = {
    "total_return", "cagr", "pnl", "return", "avg_trade_return", "expectancy", "best_trade",
    "worst_trade", "best_period", "worst_period",
}  # fmt: skip

# What a narrow terminal keeps: the higher, the longer.
_TELLING = {
    "#": 100,
    "run_id": 99,
    "strategy": 90,
    "symbol": 70,
    "sharpe_ratio": 66,
    "total_return": 65,
    "max_drawdown": 64,
    "total_trades": 60,
    "error": 43,
    "created_at": 75,
    "timeframe": 50,
    "exit_rule": 48,
    "win_rate": 45,
    "cagr": 44,
    "status": 68,
    "tags": 40,
}
_ORDINARY = 30
# Beside the columns of `runs` where luck was asked for.
JUDGED = ("p_luck", "dsr", "haircut_sharpe", "expected_max_sharpe")


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a table: `telling` is what is dropped last, `shrink` how far text may be cut."""

    name: str
    title: str
    texts: Callable[[Sequence[Any]], list[str]]
    right: bool = False
    telling: int = _ORDINARY
    shrink: int | None = None
    look: Callable[[Any], str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))  # it may be a user's own name

    def titled(self, title: str) -> Field:
        return replace(self, title=title)

    def at(self, telling: int) -> Field:
        return replace(self, telling=telling)

    def bold(self) -> Field:
        return replace(self, look=lambda _: "bold")

    def text(self, value: Any) -> str:
        return self.texts([value])[0]


def field(name: str, *, table: str = "runs", full_ids: bool = True) -> Field:
    """The field of a column of the schema, or of a value that nothing is known about."""
    if name == "#":
        return figure(name, count, telling=_TELLING[name])
    if name == "run_id":
        return run_field(full_ids)
    column = TABLES[table].by_name.get(name)
    title = TITLES.get(name, name.replace("_", " "))
    telling = _TELLING.get(name, _ORDINARY)
    if name == "drawdown":
        return figure(name, fraction(name), telling=telling)
    if column is None:
        return plain(name).titled(title).at(telling)
    if column.kind == "timestamp":
        return Field(name, title, times, telling=telling)
    if column.is_number:
        look = _gain_or_loss if name in _COLOURED else None
        return Field(name, title, _each(number(column)), right=True, telling=telling, look=look)
    return Field(name, title, _each(text), telling=telling, shrink=10)


def figure(
    name: str, show: Callable[[Any], str], *, title: str = "", telling: int = _ORDINARY
) -> Field:
    """A column of figures that the schema does not know."""
    return Field(name, title or name.replace("_", " "), _each(show), right=True, telling=telling)


def run_field(full: bool = True) -> Field:
    def shorts(values: Sequence[Any]) -> list[str]:
        return [MISSING if v is None else one_line(v) if full else short_id(v) for v in values]

    return Field("run_id", "run", shorts, telling=_TELLING["run_id"], look=lambda _: "cyan")


def plain(name: str) -> Field:
    """A column of unknown meaning: numbers to the right, everything as it is."""

    def texts(values: Sequence[Any]) -> list[str]:
        return [text(value) for value in values]

    return Field(name, name, texts, shrink=12)


def fitted(fields: Iterable[Field], rows: Sequence[Sequence[Any]]) -> list[Field]:
    """The fields, those of unknown meaning to the right where they hold only numbers."""
    out = []
    for place, each in enumerate(fields):
        values = [row[place] for row in rows if row[place] is not None]
        loose = each.shrink is not None and values and all(map(_is_number, values))
        out.append(replace(each, right=True, shrink=None) if loose else each)
    return out


def _is_number(value: Any) -> bool:
    if isinstance(value, str):  # a parameter may come as text
        return is_number(value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def judged(name: str) -> Field:
    """What a Sharpe ratio is worth: a probability, or what is left of it."""
    from bt_lake.overfit.verdict import p_text

    if name not in ("p_luck", "dsr"):
        title = name.removesuffix("_sharpe").replace("_", " ")
        return figure(name, ratio, title=title, telling=62)
    title = name.removesuffix("_luck")
    return figure(name, p_text, title=title, telling=67).bold()


def parameter(name: str) -> Field:
    """A strategy's parameter; its values come as JSON or as plain values."""
    return replace(plain(name), telling=80)


def _each(one: Callable[[Any], str]) -> Callable[[Sequence[Any]], list[str]]:
    """Of the values one by one; what is not there reads as everywhere."""
    return lambda values: [MISSING if value is None else one(value) for value in values]


def _gain_or_loss(value: Any) -> str:
    return "" if not value else "green" if value > 0 else "red"
