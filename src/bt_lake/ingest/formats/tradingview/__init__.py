"""TradingView: the list of trades as CSV, or the whole report as a workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.formats.tradingview.names import columns_of
from bt_lake.ingest.formats.tradingview.trades import Table, ledger_of
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets import hints as hinted
from bt_lake.ingest.sheets import workbook
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.sheets.figures import Figures
from bt_lake.ingest.sheets.grid import complete, peek
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.sheets.ledger import run_of
from bt_lake.ingest.sheets.texts import decode
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.values import found

ENGINE = "tradingview"
_DATED = re.compile(r"_(\d{4}-\d\d-\d\d)(?:_[0-9a-f]{5})?(?: ?\(\d+\))?$")
_MARKET = re.compile(r"[A-Z0-9_]+:\S+")
_LIST = re.compile(r"_List_of_Trades$", re.IGNORECASE)
# Exchanges whose names hold an underscore: CME_MINI_MES1! is the MES1! of CME_MINI.
_SECOND = {"MINI", "DL", "EOD", "GBX", "DLY", "IDC"}
_TIMEFRAMES = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo"}
# What "Properties" always holds; every other name is an input of the strategy.
_FIXED = {
    "trading range", "backtesting range", "symbol", "timeframe", "currency", "tick size",
    "precision", "point value", "initial capital", "order size", "pyramiding", "commission",
    "slippage", "margin for long positions", "margin for short positions", "fill limit orders",
    "verify price for limit orders", "chart type", "bar magnifier", "on bar close",
    "recalculate after order is filled", "recalculate on every tick", "calculate on every tick",
    "using bar magnifier", "fill orders on standard ohlc", "strategy", "name",
}  # fmt: skip
_REPORTED = {"sharpe ratio": ("sharpe_ratio", 1.0), "sortino ratio": ("sortino_ratio", 1.0),
             "profit factor": ("profit_factor", 1.0)}  # fmt: skip


def matches(path: Path, head: bytes) -> bool:
    if workbook.is_one(head):
        return _is_trades(workbook.strings(path))
    rows = peek(head, 3)
    return bool(rows) and columns_of(rows[0], rows[1] if len(rows) > 1 else None) is not None


def read(path: Path, hints: Hints = hinted.NONE) -> Iterator[Run | BadRow]:
    try:
        with open(path, "rb") as file:
            book = workbook.is_one(file.read(4))
        yield (_of_workbook if book else _of_csv)(path, hints)
    except LakeError as error:
        yield BadRow(str(path), None, str(error).removeprefix(f"{path}: "))


def _is_trades(texts: set[str]) -> bool:
    percents = sum(text.endswith(" %") for text in texts)
    return percents >= 4 and columns_of(sorted(texts)) is not None


def _of_csv(path: Path, hints: Hints) -> Run:
    rows = complete(decode(content(path)))
    columns = columns_of(rows[0], rows[1] if len(rows) > 1 else None)
    if columns is None:
        raise BadInput("not the list of trades of TradingView")
    return _run(Table(columns, rows[1:], range(2, len(rows) + 1)), path, hints)


def _of_workbook(path: Path, hints: Hints) -> Run:
    sheets = workbook.read(path)
    for rows in sheets.values():
        columns = columns_of([str(cell) for cell in rows[0]]) if rows else None
        if columns is not None:
            table = Table(columns, rows[1:], range(2, len(rows) + 1))
            return _run(table, path, hints, _properties(sheets), sheets)
    raise BadInput("the workbook has no sheet with a list of trades")


def _run(
    table: Table,
    path: Path,
    hints: Hints,
    properties: dict[str, str] | None = None,
    sheets: workbook.Sheets | None = None,
) -> Run:
    clock = Clock(hints.zone, hints.day_first)
    ledger, capital = ledger_of(table, clock, hints.decimal)
    strategy, exchange, symbol = named(path.stem)
    said = properties or {}
    fixed = {name.lower(): value for name, value in said.items()}
    market = fixed.get("symbol") or next(filter(_MARKET.fullmatch, said.values()), "")
    if ":" in market:
        exchange, symbol = market.split(":", 1)
    # In another language nothing tells the strategy's inputs from the report's own names.
    known = "initial capital" in fixed
    inputs = {n: _param(v) for n, v in said.items() if known and n.lower() not in _FIXED}
    first, last = _range(fixed.get("trading range") or fixed.get("backtesting range"))
    return run_of(
        ledger,
        clock,
        strategy=strategy,
        capital=hints.capital or _figure(fixed.get("initial capital")) or capital,
        first=first,
        last=last,
        config={
            **({"exchange": exchange} if exchange else {}),
            **{n: v for n, v in fixed.items() if n in ("commission", "slippage", "order size")},
        },
        symbol=symbol,
        timeframe=_timeframe(fixed.get("timeframe")),
        currency=table.columns.currency or fixed.get("currency"),
        params=inputs or None,
        metrics=_reported(sheets or {}) or None,
        engine=ENGINE,
        origin=str(path),
    )


def named(stem: str) -> tuple[str | None, str | None, str | None]:
    """Strategy, exchange and symbol, as TradingView names its files."""
    dated = _DATED.search(stem)
    if not dated:
        return None, None, None
    rest = stem[: dated.start()]
    if _LIST.search(rest):
        return _LIST.sub("", rest) or None, None, None
    parts = rest.split("_")
    back = 2
    while len(parts) > back + 1 and parts[-back] in _SECOND:
        back += 1
    if len(parts) <= back:
        return rest or None, None, None
    return "_".join(parts[:-back]), "_".join(parts[-back:-1]), parts[-1]


def _properties(sheets: workbook.Sheets) -> dict[str, str]:
    """The sheet of names and values that knows a symbol with its exchange."""
    for rows in sheets.values():
        pairs = {str(r[0]).strip(): str(r[1]).strip() for r in rows if len(r) == 2 and r[0] != ""}
        if any(_MARKET.fullmatch(value) for value in pairs.values()):
            return {k: v for k, v in pairs.items() if k.lower() not in ("name", "") or v != "value"}
    return {}


def _param(text: str) -> Any:
    return {"On": True, "Off": False}.get(text, found(text))


def _timeframe(text: str | None) -> str | None:
    told = re.fullmatch(r"(\d+)\s*(second|minute|hour|day|week|month)s?", (text or "").lower())
    return told.group(1) + _TIMEFRAMES[told.group(2)] if told else None


def _range(text: str | None) -> tuple[int | None, int | None]:
    """The first and the last day of the test, as microseconds."""
    told = re.findall(r"[A-Z][a-z]{2} \d{1,2}, \d{4}", text or "")
    if len(told) != 2:
        return None, None
    epoch = datetime(1970, 1, 1)
    first, last = ((datetime.strptime(t, "%b %d, %Y") - epoch).days for t in told)
    return first * 86_400_000_000, last * 86_400_000_000


def _figure(text: str | None) -> float | None:
    if not text:
        return None
    try:
        return Figures.of([text], None).number(text)
    except (ValueError, BadInput):
        return None


def _reported(sheets: workbook.Sheets) -> dict[str, float]:
    """What the report says of itself, in the lake's names and units."""
    told: dict[str, float] = {}
    for rows in sheets.values():
        for row in rows:
            if len(row) < 2 or not isinstance(row[0], str):
                continue
            name = row[0].strip().lower()
            numbers: Sequence[Any] = [cell for cell in row[1:] if isinstance(cell, float)]
            if name in _REPORTED and numbers:
                told.setdefault(_REPORTED[name][0], numbers[0])
            elif name.startswith("max equity drawdown") and len(numbers) > 1:
                told["max_drawdown"] = -abs(numbers[1]) / 100
            elif name == "net profit" and len(numbers) > 1:
                told.setdefault("total_return", numbers[1] / 100)
    return told
