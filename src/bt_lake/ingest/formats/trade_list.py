"""Lists of trades, one row a trade: NinjaTrader's grid, and any whose columns the user names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets import hints as hinted
from bt_lake.ingest.sheets import naming
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.sheets.figures import Figures, digits
from bt_lake.ingest.sheets.grid import Grid, complete, peek
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.sheets.ledger import Ledger, check_running, run_of
from bt_lake.ingest.sheets.texts import decode
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput, LakeError, UnknownName
from bt_lake.warehouse.schema import TRADES

_NINJA = {
    "entry_at": "Entry time", "exit_at": "Exit time", "side": "Market pos.", "quantity": "Qty",
    "entry_price": "Entry price", "exit_price": "Exit price", "pnl": "Profit", "mae": "MAE",
    "mfe": "MFE", "entry_tag": "Entry name", "exit_reason": "Exit name", "symbol": "Instrument",
    "strategy": "Strategy", "cumulative": "Cum. net profit",
}  # fmt: skip
_NINJA_FEES = ("Commission", "Clearing Fee", "Exchange Fee", "IP Fee", "NFA Fee")
_NINJA_MARKS = {"Market pos.", "Entry price", "Exit price", "Cum. net profit"}
_NEEDED = ("entry_at", "exit_at", "side", "pnl")
_TIMES = ("entry_at", "exit_at")
_TEXTS = ("symbol", "entry_tag", "exit_reason", "strategy")
# Beside the columns of trades: one that names strategies, and one of running totals to check.
_ALSO = ("strategy", "cumulative")
_LONG, _SHORT = {"b", "l", "1"}, {"s", "-1"}
# "Long (2)", "Open Short", "Buy to open"; who buys to cover was short, which a list should say.
_SAYS_LONG = re.compile(r"\blong\b|^buy\b(?!.*\b(?:cover|close)\b)")
_SAYS_SHORT = re.compile(r"\bshort\b|^sell\b(?!.*\bclose\b)")


def matches(path: Path, head: bytes) -> bool:
    rows = peek(head, 1)
    return bool(rows) and set(rows[0]) >= _NINJA_MARKS


def read(path: Path, hints: Hints = hinted.NONE) -> Iterator[Run | BadRow]:
    try:
        rows = complete(decode(content(path)))
        ninja = set(rows[0]) >= _NINJA_MARKS and not hints.names
        names = _ninja(rows[0]) if ninja else _names(rows[0], hints.names)
        fees = [name for name in _NINJA_FEES if ninja and name in rows[0]]
        yield from _runs(_Columns(rows, names, fees, hints), path, ninja)
        if hints.names:
            naming.remember(rows[0], names)
    except LakeError as error:
        yield BadRow(str(path), None, str(error).removeprefix(f"{path}: "))


def _ninja(header: Sequence[str]) -> dict[str, str]:
    names = {ours: theirs for ours, theirs in _NINJA.items() if theirs in header}
    if lost := [_NINJA[name] for name in _NEEDED if name not in names]:
        raise BadInput(f"the grid has no column {_listed(lost)}; export it with all columns")
    return names


def _names(header: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Our names -> theirs: as given, as remembered, or where they are the same."""
    known = [*TRADES.names[2:], *_ALSO]
    same = {name: name for name in known if name in header}
    names = {**same, **naming.remembered(header), **given}
    for ours, theirs in names.items():
        if ours not in known:
            raise UnknownName.near("column of trades", ours, known)
        if theirs not in header:
            raise UnknownName.near("column", theirs, header, f" It has {_listed(header)}.")
    if missing := [name for name in _NEEDED if name not in names]:
        raise BadInput(
            f"which columns are {', '.join(missing)}? It has {_listed(header)}. Say it once with "
            f'--columns {missing[0]}="NAME"' + (f',{missing[1]}="NAME"' if missing[1:] else "")
        )
    return names


def _listed(header: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in header if name)


class _Columns:
    """A table of trades by our names."""

    def __init__(self, rows: Grid, names: Mapping[str, str], fees: list[str], hints: Hints) -> None:
        self.header, self.rows = rows[0], rows[1:]
        self.names, self.fees, self.hints = names, fees, hints
        self.places = [f"row {number}" for number in range(2, len(rows) + 1)]
        self.clock = Clock(hints.zone, hints.day_first)
        numbers = [n for ours, n in names.items() if ours not in (*_TIMES, *_TEXTS, "side")]
        self._texts = {name: self._column(name) for name in (*numbers, *fees)}
        every = (text for column in self._texts.values() for text in column)
        self._figures = Figures.of(every, hints.decimal)

    def _column(self, theirs: str) -> list[str]:
        at = self.header.index(theirs)
        return [row[at] for row in self.rows]

    def texts(self, ours: str) -> list[str]:
        return self._column(self.names[ours])

    def numbers(self, theirs: str) -> Any:
        return self._figures.column(self._texts[theirs], self.places, theirs)

    def times(self) -> dict[str, Any]:
        """Both columns at once: they are written alike, and either may tell day from month."""
        both = [text for name in _TIMES for text in self.texts(name)]
        read = self.clock.read(both, self.places * 2)
        return {"entry_at": read[: len(self.rows)], "exit_at": read[len(self.rows) :]}

    def sides(self) -> list[str]:
        return [_side(*cell) for cell in zip(self.texts("side"), self.places, strict=True)]

    def half_digit(self, ours: str) -> float:
        texts = self._texts[self.names[ours]]
        return 0.5 * 10.0 ** -max((digits(t, self._figures.decimal) for t in texts), default=0)


def _side(text: str, place: str) -> str:
    plain = text.strip().lower()
    if plain in _LONG or _SAYS_LONG.search(plain):
        return "long"
    if plain in _SHORT or _SAYS_SHORT.search(plain):
        return "short"
    raise BadInput(f'{place}, side: "{text}" is neither long nor short')


def _runs(table: _Columns, path: Path, ninja: bool) -> Iterator[Run]:
    """A run of each strategy that the list names, one where it names none."""
    times, sides = table.times(), table.sides()
    numbers = {
        ours: table.numbers(theirs)
        for ours, theirs in table.names.items()
        if ours not in (*_TIMES, *_TEXTS, "side")
    }
    if "cumulative" in numbers:
        slack = 3 * max(table.half_digit("cumulative"), table.half_digit("pnl")) + 1e-9
        check_running(
            "the cumulative result", numbers.pop("cumulative"), numbers["pnl"], slack, table.places
        )
    if table.fees:
        numbers["fees"] = np.sum([np.abs(table.numbers(name)) for name in table.fees], axis=0)
    for name in ("mae", "mfe"):
        if name in numbers:
            numbers[name] = np.abs(numbers[name])
    owners = table.texts("strategy") if "strategy" in table.names else [""] * len(sides)
    for strategy in dict.fromkeys(owners or [""]):
        chosen = np.array([owner == strategy for owner in owners], bool)

        def part(values: Sequence[Any], chosen: Any = chosen) -> list[Any]:
            return [value for value, there in zip(values, chosen, strict=True) if there]

        columns: dict[str, Any] = {n: v[chosen] for n, v in numbers.items() if n != "pnl"}
        columns["side"] = part(sides)
        texts = [name for name in _TEXTS[:3] if name in table.names]
        columns |= {name: [t or None for t in part(table.texts(name))] for name in texts}
        ledger = Ledger(
            times["entry_at"][chosen], times["exit_at"][chosen], numbers["pnl"][chosen], columns
        )
        if (ledger.entry_at == NONE).any():
            row = table.places[int(np.flatnonzero(chosen & (times["entry_at"] == NONE))[0])]
            raise BadInput(f"{row}: the time of the entry is missing")
        symbols = {symbol for symbol in columns.get("symbol", []) if symbol}
        yield run_of(
            ledger,
            table.clock,
            strategy=strategy or None,
            capital=table.hints.capital,
            config={},
            symbol=next(iter(symbols)) if len(symbols) == 1 else None,
            engine="ninjatrader" if ninja else None,
            origin=str(path),
        )
