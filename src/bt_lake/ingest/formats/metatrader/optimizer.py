"""Optimisations of MetaTrader 5: every pass a run, in sample and forward."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.metatrader.labels import TIMEFRAMES
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets import xmlbook
from bt_lake.ingest.sheets.figures import UNDEFINED
from bt_lake.ingest.sheets.texts import decode
from bt_lake.ingest.times import shown
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import found

SHEET = "urn:schemas-microsoft-com:office:spreadsheet"
_OURS = "Tester Optimizator Results"
_TITLE = re.compile(
    r"(?P<expert>.+) (?P<symbol>\S+),(?P<timeframe>\w+) "
    r"(?P<first>\d{4}\.\d\d\.\d\d)-(?P<last>\d{4}\.\d\d\.\d\d)"
)
_DEPOSIT = re.compile(r"(\d[\d.\s]*+)([A-Z]{3,4})")
# Their name -> ours, and the divisor that brings it to the lake's unit.
_METRICS = {
    "Expected Payoff": ("expectancy", 1.0),
    "Profit Factor": ("profit_factor", 1.0),
    "Sharpe Ratio": ("sharpe_ratio", 1.0),
    "Equity DD %": ("max_drawdown", -100.0),
    "Trades": ("total_trades", 1.0),
    "Recovery Factor": ("recovery_factor", 1.0),
    "Result": ("result", 1.0),
    "Forward Result": ("result", 1.0),
    "Back Result": ("back_result", 1.0),
    "Custom": ("custom", 1.0),
}
_OTHERS = {"Pass", "Profit"}


def matches(head: bytes) -> bool:
    text = decode(head, whole=False)
    return SHEET in text and (_OURS in text or "<Author>MetaQuotes" in text)


def runs(data: bytes, path: Path) -> Iterator[Run | BadRow]:
    book = xmlbook.read(data)
    if not book.rows or not {"Pass", "Profit", "Trades"} <= set(book.rows[0]):
        raise BadInput("the workbook holds no passes of an optimisation")
    header = book.rows[0]
    title = _TITLE.fullmatch(book.properties.get("Title", "").strip())
    deposit = _DEPOSIT.fullmatch(book.properties.get("Deposit", "").strip())
    capital = float("".join(deposit.group(1).split())) if deposit else None
    if len(book.rows) < 2:
        raise BadInput("the optimisation has no passes; export it again when it is done")
    known = title.groupdict() if title else {}
    forward = "Forward Result" in header
    common: dict[str, Any] = {
        "symbol": known.get("symbol"),
        "timeframe": TIMEFRAMES.get(known.get("timeframe", "").upper()),
        "sample": "out" if forward else "in",
        "sweep": _sweep(title) or _stem(path),
        "currency": deposit.group(2) if deposit else None,
        "initial_capital": capital,
        "created_at": book.properties.get("Created") or None,
        # The title names the whole test: where it goes on forward, sampling ended before.
        "start_at": None if forward else _day(known.get("first")),
        "end_at": None if forward or _forward_of(path).exists() else _day(known.get("last")),
        "engine": "metatrader5",
    }
    for number, row in enumerate(book.rows[1:], 2):
        try:
            yield _run(header, row, number, path, known.get("expert"), common)
        except BadInput as error:
            yield BadRow(str(path), number, str(error))


def _run(
    header: list[str], row: list[str], number: int, path: Path, expert: str | None, common: Any
) -> Run:
    if len(row) > len(header):
        raise BadInput(f"{len(row)} values for {len(header)} columns")
    cells = dict(zip(header, row, strict=False))
    metrics: dict[str, float] = {}
    for name, (ours, divisor) in _METRICS.items():
        if name in cells and (value := _defined(cells, name)) is not None:
            metrics[ours] = value / divisor + 0.0
    profit, trades = _number(cells, "Profit"), _number(cells, "Trades")
    if metrics.get("custom") == 0:
        del metrics["custom"]
    if not trades or (metrics.get("profit_factor") == 0 and profit > 0):
        # a ratio without trades, or without a loss, is none
        for name in ("profit_factor", "sharpe_ratio", "recovery_factor", "expectancy"):
            if not trades or name == "profit_factor":
                metrics.pop(name, None)
    capital = common["initial_capital"]
    if capital:
        metrics |= {"final_equity": capital + profit, "total_return": profit / capital}
    fixed = _METRICS.keys() | _OTHERS
    run = Run(
        expert,
        params={name: found(value) for name, value in cells.items() if name not in fixed},
        metrics=metrics,
        config={"pass": int(_number(cells, "Pass"))},
        origin=f"{path}:{number}",
        **common,
    )
    run.row = number
    return run


def _defined(cells: dict[str, str], name: str) -> float | None:
    """None for what the tester calls infinite or undefined."""
    if cells[name].strip().lower() in UNDEFINED:
        return None
    value = _number(cells, name)
    return value if math.isfinite(value) else None


def _number(cells: dict[str, str], name: str) -> float:
    try:
        return float(cells.get(name, ""))
    except ValueError:
        raise BadInput(f"{name}: {shown(cells.get(name, ''))} is not a number") from None


def _sweep(title: re.Match[str] | None) -> str | None:
    """The same for an optimisation and its forward file, whatever periods they name."""
    return title and "{expert} {symbol},{timeframe} to {last}".format(**title.groupdict())


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _forward_of(path: Path) -> Path:
    return path.with_name(f"{_stem(path)}.forward.xml")


def _day(text: str | None) -> str | None:
    return text.replace(".", "-") if text else None
