"""Tester reports of MetaTrader 4."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bt_lake.ingest.formats.metatrader.labels import TIMEFRAMES, key_of
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.sheets.figures import Figures
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.sheets.ledger import Ledger, check_sum, run_of
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import found

_TIME = re.compile(r"\d{4}\.\d\d\.\d\d \d\d:\d\d(?::\d\d)?")
_PERIOD = re.compile(r"\((\w+)\)\s+(\d{4}\.\d\d\.\d\d)(?: \d\d:\d\d)? - (\d{4}\.\d\d\.\d\d)")
_OPENING = {"buy": "long", "sell": "short"}
_CLOSING = {"close": None, "s/l": "stop_loss", "t/p": "take_profit", "close at stop": "end of test",
            "swap close": "swap close"}  # fmt: skip
# NAME=VALUE; with quotes around a value that may hold semicolons.
_INPUT = re.compile(r'(?<![^=;"])([^=;"]++)=\s*+("[^"]*+"|[^;]*+);?')
Row = Sequence[str]


def is_order(row: Row) -> bool:
    return len(row) in (9, 10) and row[0].isdigit() and bool(_TIME.fullmatch(row[1]))


def run_from(rows: Sequence[Row], headings: Sequence[str], path: Path, hints: Hints) -> Run:
    orders = [row for row in rows if is_order(row)]
    head = [row for row in rows if not is_order(row)]
    settings = [row for row in head if len(row) == 2]
    if len(settings) < 3:
        raise BadInput("the report has no settings; save it again when the test is done")
    figures = Figures.of(
        (cell for row in orders for cell in (row[4], row[5], *row[8:]) if cell), hints.decimal
    )
    trades, deposit = _trades(orders, figures)
    told = _results(head, figures)
    capital = told.get("deposit", deposit)
    ledger = _ledger(trades)
    check_sum("the number of trades", told.get("trades"), float(ledger.closed.sum()), 0)
    check_sum("the net profit", told.get("net_profit"), float(np.nansum(ledger.pnl)), 0.0051)
    period = _PERIOD.search(settings[1][1])
    clock = Clock(hints.zone)
    span = Clock().read(period.group(2, 3), ["period"] * 2) if period else (None, None)
    return run_of(
        ledger,
        clock,
        strategy=headings[1] if len(headings) > 1 else None,
        capital=hints.capital or capital,
        first=None if span[0] is None else int(span[0]),
        last=None if span[1] is None else int(span[1]),
        config={"model": settings[2][1]},
        symbol=settings[0][1].split(" ")[0],
        timeframe=TIMEFRAMES.get(period.group(1).upper()) if period else None,
        params=inputs_of(settings[3][1]) or None if settings[3:] else None,
        metrics=_metrics(told) or None,
        engine="metatrader4",
        origin=str(path),
    )


def inputs_of(text: str) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for named, value in _INPUT.findall(text):
        name = named.strip()
        if value.startswith('"'):
            inputs[name] = value.strip('"')
        else:
            inputs[name] = found(value.strip())
    return inputs


def _trades(orders: Sequence[Row], figures: Figures) -> tuple[list[dict[str, Any]], float | None]:
    """A trade for each close; what is left of a partly closed one goes on under its next ticket."""
    clock = Clock()
    times = clock.read([row[1] for row in orders], [f"order row {row[0]}" for row in orders])
    standing: dict[str, dict[str, Any]] = {}
    rests: list[dict[str, Any]] = []
    trades: list[dict[str, Any]] = []
    balance: float | None = None
    deposit: float | None = None

    def value(row: Row, at: int) -> float:
        try:
            return figures.number(row[at]) or 0.0
        except ValueError as error:
            raise BadInput(f"order row {row[0]}: {error}") from None

    for row, at in zip(orders, times.tolist(), strict=True):
        kind, ticket = row[2].lower(), row[3]
        if kind in _OPENING:
            opened = {
                "side": _OPENING[kind],
                "size": value(row, 4),
                "price": value(row, 5),
                "at": at,
            }
            rest = next((r for r in rests if _goes_on(r, opened)), None)
            if rest is not None:
                opened["at"] = rest["at"]
                rests.remove(rest)
            standing[ticket] = opened
        elif kind in _CLOSING:
            if ticket not in standing:
                raise BadInput(f"order row {row[0]}: {kind} of order {ticket}, which is not open")
            opened = standing.pop(ticket)
            size, profit = value(row, 4), value(row, 8)
            if size < opened["size"] - 1e-9:
                rests.append({**opened, "size": opened["size"] - size})
            if len(row) > 9:
                after = value(row, 9)
                if balance is None:
                    deposit = after - profit
                else:
                    check_sum("the balance", after, balance + profit, 0.0051, f"order row {row[0]}")
                balance = after
            trades.append(
                {**opened, "size": size, "exit_at": at, "exit_price": value(row, 5), "pnl": profit,
                 "reason": _CLOSING[kind]}
            )  # fmt: skip
    trades += [{**left, "exit_at": None} for left in standing.values()]
    return trades, deposit


def _goes_on(rest: dict[str, Any], opened: dict[str, Any]) -> bool:
    return bool(
        rest["side"] == opened["side"]
        and abs(rest["size"] - opened["size"]) < 1e-9
        and abs(rest["price"] - opened["price"]) < 1e-9
    )


def _ledger(trades: list[dict[str, Any]]) -> Ledger:
    def floats(key: str) -> Any:
        return np.array([trade.get(key, np.nan) for trade in trades], np.float64)

    exits = [NONE if trade["exit_at"] is None else trade["exit_at"] for trade in trades]
    return Ledger(
        np.array([trade["at"] for trade in trades], np.int64),
        np.array(exits, np.int64),
        floats("pnl"),
        {
            "side": [trade["side"] for trade in trades],
            "quantity": floats("size"),
            "entry_price": floats("price"),
            "exit_price": floats("exit_price"),
            "exit_reason": [trade.get("reason") for trade in trades],
        },
    )


def _results(rows: Sequence[Row], figures: Figures) -> dict[str, float]:
    results: dict[str, float] = {}
    for row in rows:
        for label, text in pairwise(row):
            key = key_of(label)
            if key is None or not text:
                continue
            share = re.match(r"([\d.,]+)%", text) if key == "relative_drawdown" else None
            try:
                value = figures.number(share.group(1) if share else text.split("(")[0])
            except ValueError:
                continue
            if value is not None:
                results.setdefault(key, value)
    return results


def _metrics(told: dict[str, float]) -> dict[str, float]:
    metrics = {n: told[n] for n in ("profit_factor", "expectancy") if told.get(n)}
    if "relative_drawdown" in told:
        metrics["max_drawdown"] = -told["relative_drawdown"] / 100 + 0.0
    return metrics
