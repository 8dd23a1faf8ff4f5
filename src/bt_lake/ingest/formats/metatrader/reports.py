"""The tester reports of MetaTrader 5, and its account history: HTML or a workbook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.metatrader.deals import (
    Account,
    Deal,
    account_of,
    drawdown_of,
    ledger_of,
)
from bt_lake.ingest.formats.metatrader.labels import TIMEFRAMES, key_of, pairs
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.sheets.figures import Figures
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.sheets.ledger import DAY, Ledger, check_sum, run_of
from bt_lake.warehouse import values
from bt_lake.warehouse.errors import BadInput

TIME = re.compile(r"\d{4}\.\d\d\.\d\d \d\d:\d\d(?::\d\d)?")
PERIOD = re.compile(r"(\w+) \((\d{4}\.\d\d\.\d\d) - (\d{4}\.\d\d\.\d\d)\)")
_SIDES = {"buy", "sell"}
_TYPES = {"buy", "sell", "balance", "credit", "charge", "correction", "bonus", "commission",
          "dividend", "tax", "interest"}  # fmt: skip
_DIRECTIONS = {"in", "out", "in/out", "out by", ""}
# From the end: ... Order, [Cost,] Commission, [Fee,] Swap, Profit, Balance, Comment.
_WIDTHS = range(13, 16)
_RELATIVE = re.compile(r"(?<![\d.,])([\d.,]++)%|\(([\d.,]++)%\)")
Rows = Sequence[Sequence[Any]]


def is_deal(row: Sequence[Any]) -> bool:
    return (
        len(row) in _WIDTHS
        and isinstance(row[0], str)
        and bool(TIME.fullmatch(row[0]))
        and row[3] in _TYPES
        and row[4] in _DIRECTIONS
        and (row[4] != "" or row[3] not in _SIDES)  # a position has no direction
    )


def run_from(rows: Rows, path: Path, hints: Hints) -> Run:
    deals = _deals(rows, hints)
    if not deals:
        raise BadInput("the report has no deals; save it again when the test is done")
    account = account_of(deals)
    told = Told(rows, hints.decimal)
    clock = Clock(hints.zone)
    if told.expert is None:
        return _history(account, clock, path)
    ledger = ledger_of(account, told.currency)
    _check(told, account, ledger)
    first, last = told.span
    return run_of(
        ledger,
        clock,
        strategy=told.expert,
        capital=account.deposit,
        first=first,
        last=last,
        config=told.config,
        symbol=told.symbol,
        timeframe=told.timeframe,
        currency=told.currency,
        params=told.inputs or None,
        metrics=told.metrics or None,
        engine="metatrader5",
        origin=str(path),
    )


def _history(account: Account, clock: Clock, path: Path) -> Run:
    """What an account really did; what was paid in or out is kept apart from profit."""
    ledger = ledger_of(account, None)
    flows = sum(amount for _, amount in account.flows)
    symbols = {deal.symbol for deal in account.deals}
    return run_of(
        ledger,
        clock,
        strategy=None,
        capital=account.deposit,
        config={"flows": round(flows, 2)} if account.flows else {},
        symbol=next(iter(symbols)) if len(symbols) == 1 else None,
        sample="live",
        engine="metatrader5",
        origin=str(path),
    )


def _deals(rows: Rows, hints: Hints) -> list[Deal]:
    found = [(number, row) for number, row in enumerate(rows, 1) if is_deal(row)]
    texts = (c for _, row in found for c in (*row[5:7], *row[8:-1]) if isinstance(c, str) and c)
    figures = Figures.of(texts, hints.decimal)
    times = Clock().read([row[0] for _, row in found], [f"row {number}" for number, _ in found])

    def value(cell: Any, number: int, name: str) -> float:
        if isinstance(cell, (int, float)):
            return float(cell)
        try:
            return figures.number(cell) or 0.0
        except ValueError as error:
            raise BadInput(f"row {number}, {name}: {error}") from None

    deals = []
    for (number, row), at in zip(found, times.tolist(), strict=True):
        costs = [value(cell, number, "commission") for cell in row[8:-4]]
        deals.append(
            Deal(
                number,
                at,
                str(row[2]),
                row[3],
                row[4],
                value(row[5], number, "volume"),
                value(row[6], number, "price"),
                sum(costs),
                value(row[-4], number, "swap"),
                value(row[-3], number, "profit"),
                value(row[-2], number, "balance") if row[-2] != "" else None,
                str(row[-1]),
            )
        )
    return deals


class Told:
    """What a tester report says beside its deals: settings by their place, results by label."""

    def __init__(self, rows: Rows, decimal: str | None) -> None:
        self.expert: str | None = None
        self.symbol: str | None = None
        self.timeframe: str | None = None
        self.currency: str | None = None
        self.span: tuple[int | None, int | None] = (None, None)
        self.inputs: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self._decimal = decimal
        head = []
        for row in rows:
            if is_deal(row):
                break
            if len([cell for cell in row if cell != ""]) < 9:
                head.append(row)
        self._settings(head)
        for row in head:
            for label, value in pairs(row):
                if (key := key_of(label)) and value != "":
                    self.results.setdefault(key, value)

    def _settings(self, rows: Rows) -> None:
        """Expert, symbol and period stand before the inputs; company, currency, deposit after."""
        labelled = [(at, pairs(row)) for at, row in enumerate(rows)]
        named = [(at, found[0]) for at, found in labelled if found]
        place = next(
            (i for i, (_, (_, value)) in enumerate(named) if PERIOD.fullmatch(str(value))), None
        )
        if place is None or place < 2:
            return
        self.expert, self.symbol = str(named[place - 2][1][1]), str(named[place - 1][1][1])
        period = PERIOD.fullmatch(str(named[place][1][1]))
        assert period is not None
        self.timeframe = TIMEFRAMES.get(period.group(1).upper())
        clock = Clock()
        days = clock.read(list(period.group(2, 3)), ["the period", "the period"])
        self.span = (int(days[0]), int(days[1]) - DAY) if days[1] > days[0] else (None, None)
        after = named[place + 2 : place + 6]
        stop = after[0][0] if after else len(rows)
        for row in rows[named[place][0] + 1 : stop]:
            for cell in row:
                name, sign, value = str(cell).partition("=")
                if sign and name.strip():
                    self.inputs[name.strip()] = values.found(value)
        told = [str(value) for _, (_, value) in after]
        if len(told) > 1 and re.fullmatch(r"[A-Z]{3,4}", told[1]):
            self.currency = told[1]
        if told:
            self.config["company"] = told[0]
        if len(told) > 3:
            self.config["leverage"] = told[3]

    def figure(self, key: str) -> float | None:
        value = self.results.get(key)
        if value is None or isinstance(value, (int, float)):
            return value
        text = str(value).split("(")[0].replace("%", "")
        try:
            return Figures.of([text], self._decimal or ".").number(text)
        except ValueError:
            return None

    def share(self, key: str) -> float | None:
        found = _RELATIVE.search(str(self.results.get(key, "")))
        if not found:
            return None
        return float((found.group(1) or found.group(2)).replace(",", ".")) / 100

    @property
    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for key in ("sharpe_ratio", "profit_factor", "expectancy", "recovery_factor"):
            value = self.figure(key)
            if value is not None and not (key == "profit_factor" and value == 0):
                found[key] = value
        trades = self.figure("trades")
        if trades is not None:
            found["total_trades"] = trades
        fall = self.share("equity_drawdown")
        if fall is not None:
            found["max_drawdown"] = -fall + 0.0
        return found


def _check(told: Told, account: Account, ledger: Ledger) -> None:
    """The report's own summary must be what its deals say."""
    check_sum("the number of trades", told.figure("trades"), float(ledger.closed.sum()), 0)
    result = sum(d.commission + d.swap + d.profit for d in account.deals)
    check_sum("the net profit", told.figure("net_profit"), result, 0.0051)
    fall, _ = drawdown_of(account)
    check_sum("the deepest fall of the balance", told.figure("balance_drawdown"), fall, 0.0151)
