"""Two rows a trade -> one; what they say of the capital; what they must agree on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from bt_lake.ingest.formats.tradingview.names import OPEN, Columns, is_exit, side_of
from bt_lake.ingest.numbers import Floats
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.sheets.figures import Figures, digits
from bt_lake.ingest.sheets.ledger import Ledger, check_running, is_empty
from bt_lake.ingest.times import shown
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput

_FIGURES = ("number", "price", "quantity", "value", "net", "net %", "cum", "cum %", "mfe", "mae",
            "commission", "bars")  # fmt: skip
Row = Sequence[Any]
_SURE = 4  # so many times as many profits must speak for one side (a cost may turn a small one)


class Table:
    """The rows of a list of trades, by column."""

    def __init__(self, columns: Columns, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        self.columns = columns
        self.rows = rows
        self.lines = numbers  # of the file, from 1

    def texts(self, key: str) -> list[Any]:
        at = self.columns.place[key]
        return [row[at] if at < len(row) else "" for row in self.rows]

    def has(self, key: str) -> bool:
        return key in self.columns.place


def ledger_of(table: Table, clock: Clock, decimal: str | None) -> tuple[Ledger, float | None]:
    """One trade of each pair, and the capital that the cumulative columns tell."""
    keys = [key for key in _FIGURES if table.has(key)]
    texts = {key: table.texts(key) for key in keys}
    figures = Figures.of(chain.from_iterable(map(_texts_of, texts.values())), decimal)
    rows = [f"row {line}" for line in table.lines]
    values = {key: figures.column(texts[key], rows, key) for key in keys}
    times = clock.read(table.texts("time"), rows)
    entries, exits = _pairs(values["number"], table, times)
    _check_end(table, entries, exits)

    def of(key: str, rows: Any = exits) -> Floats:
        return values[key][rows] if key in values else np.full(len(rows), np.nan)

    still_open = _open(table, exits, values["price"])
    places = [
        f"trade {int(n)} (row {table.lines[row]})"
        for n, row in zip(of("number"), exits, strict=True)
    ]
    shown_digits = max((digits(t, figures.decimal) for t in map(str, texts["net"])), default=0)
    half = 0.5 * 10.0**-shown_digits
    if table.has("cum"):
        sums = max((digits(t, figures.decimal) for t in map(str, texts["cum"])), default=0)
        slack = half + 2 * 0.5 * 10.0**-sums
        _check_total(of("cum"), of("net"), still_open, slack, places)
    kinds = table.texts("type")
    value = of("value", entries)
    price, quantity = of("price", entries), of("quantity")
    columns: dict[str, Any] = {
        "side": _sides([str(kinds[row]) for row in entries], of("price") - price, of("net")),
        "quantity": quantity,
        "entry_price": price,
        "exit_price": np.where(still_open, np.nan, of("price")),
        "return": np.where(still_open, np.nan, _returns(of("net"), value, of("net %"))),
        "fees": of("commission"),
        "mae": np.abs(of("mae")),
        "mfe": np.abs(of("mfe")),
        **_tags(table, entries, exits, still_open),
        **_extra(value / (price * quantity), of("bars")),
    }
    ledger = Ledger(
        times[entries], np.where(still_open, NONE, times[exits]), of("net"),
        {name: column for name, column in columns.items() if not is_empty(column)},
    )  # fmt: skip
    return ledger, capital_of(of("cum"), of("cum %"), half)


def _texts_of(cells: list[Any]) -> list[str]:
    """Of a workbook, whose numbers are numbers, those cells that are none."""
    return [cell for cell in cells if type(cell) is str]


def _pairs(numbers: Floats, table: Table, times: Any) -> tuple[list[int], list[int]]:
    """The rows of entries and of exits, in the order of the trades' numbers."""
    rows: dict[float, list[int]] = {}
    for row, number in enumerate(numbers.tolist()):
        if math.isnan(number):
            raise BadInput(f"row {table.lines[row]}: the number of the trade is missing")
        rows.setdefault(number, []).append(row)
    kinds = table.texts("type")
    entries, exits = [], []
    for number, pair in sorted(rows.items()):
        name = f"trade {number:g} (row {table.lines[pair[0]]})"
        if len(pair) != 2:
            raise BadInput(
                f"{name} has {len(pair)} rows, not an entry and an exit; export it again"
            )
        ends = [is_exit(str(kinds[row])) for row in pair]
        if None in ends:
            first, second = times[pair[0]], times[pair[1]]
            if first == second:
                raise BadInput(
                    f"{name}: {shown(kinds[pair[0]])} is a word that bt-lake does not know, and "
                    "both rows are of one time; export the list with TradingView in English"
                )
            ends = [bool(first > second), bool(first < second)]
        if ends[0] == ends[1]:
            raise BadInput(f"{name} has two {'exits' if ends[0] else 'entries'}; export it again")
        exits.append(pair[0] if ends[0] else pair[1])
        entries.append(pair[1] if ends[0] else pair[0])
        if times[exits[-1]] != NONE and times[exits[-1]] < times[entries[-1]]:
            raise BadInput(f"{name}: the exit is before the entry")
    return entries, exits


def _check_total(
    totals: Floats, nets: Floats, still_open: Any, slack: float, places: list[str]
) -> None:
    """The running result, with the profit that floats in it or without."""
    closed = np.where(still_open, 0.0, nets)
    # each of three printed figures is off by half of its last digit at the most
    check = partial(check_running, "the cumulative result", slack=slack + 1e-9, places=places)
    try:
        check(totals, nets)
    except BadInput:
        if not still_open.any():
            raise
        check(np.where(still_open, np.nan, totals), closed)


def _check_end(table: Table, entries: list[int], exits: list[int]) -> None:
    """Both rows of a trade say the same of its result: a last cell that does not was cut off.

    Where only the rows of exits have a result, nothing tells.
    """
    last = len(table.rows) - 1
    pairs = [(table.rows[a][-1], table.rows[b][-1]) for a, b in zip(entries, exits, strict=True)]
    told = all(entry != "" for entry, _ in pairs)
    for (entry, exit_), cells in zip(zip(entries, exits, strict=True), pairs, strict=True):
        if told and last in (entry, exit_) and cells[0] != cells[1]:
            raise BadInput(f"row {table.lines[last]}: the file is cut off; export it again")


def _open(table: Table, exits: list[int], prices: Floats) -> Any:
    signals = table.texts("signal") if table.has("signal") else [""] * len(table.rows)
    said = [str(signals[row]).strip().lower() in OPEN for row in exits]
    return np.array(said, bool) | np.isnan(prices[exits])


def _returns(net: Floats, value: Floats, percent: Floats) -> Floats:
    """To the digits of the money where the value of the position is there, else as printed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(value > 0, net / value, percent / 100)


def _sides(words: Sequence[str], moves: Floats, nets: Floats) -> list[str | None]:
    """Long or short by its word; a word that is not known means what its trades' profits tell."""
    sides: dict[str, str | None] = {word: side_of(word) for word in set(words)}
    for word in (word for word, side in sides.items() if side is None):
        mine = np.array([other == word for other in words])
        votes = np.sign(moves[mine] * nets[mine])
        ups, downs = int((votes > 0).sum()), int((votes < 0).sum())
        if max(ups, downs) > _SURE * min(ups, downs):
            sides[word] = "long" if ups > downs else "short"
    return [sides[word] for word in words]


def _tags(table: Table, entries: list[int], exits: list[int], still_open: Any) -> dict[str, Any]:
    if not table.has("signal"):
        return {}
    signals = [str(text).strip() or None for text in table.texts("signal")]
    left = zip(exits, still_open, strict=True)
    return {
        "entry_tag": [signals[row] for row in entries],
        "exit_reason": [None if is_open else signals[row] for row, is_open in left],
    }


def _extra(point: Floats, bars: Floats) -> dict[str, Any]:
    """What one contract is worth a point, where it is one number for all and not 1; bars."""
    extra: dict[str, Any] = {}
    known = point[np.isfinite(point)]
    if len(known):
        usual = float(f"{np.median(known):.4g}")
        if usual != 1 and np.allclose(known, usual, rtol=5e-3):
            extra["point_value"] = np.full(len(point), usual)
    if not np.isnan(bars).all():
        extra["bars"] = bars
    return extra


def capital_of(money: Floats, percent: Floats, half: float) -> float | None:
    """The capital behind running results in money and in percent with two digits.

    Each row allows an interval, the roundest number that all of them allow is it; None where they
    allow several as round, or none.
    """
    at_least, at_most = 0.0, math.inf
    for cash, share in zip(np.abs(money).tolist(), np.abs(percent).tolist(), strict=True):
        if math.isnan(cash) or math.isnan(share):
            continue
        at_least = max(at_least, (cash - half) / (share + 0.005) * 100)
        if share > 0.005:
            at_most = min(at_most, (cash + half) / (share - 0.005) * 100)
    if not math.isfinite(at_most) or at_least > at_most or at_most <= 0:
        return None
    step = 10.0 ** math.floor(math.log10(at_most))
    for _ in range(8):
        lowest, highest = math.ceil(at_least / step - 1e-9), math.floor(at_most / step + 1e-9)
        if lowest <= highest:
            return lowest * step if lowest == highest and lowest else None
        step /= 10
    return None
