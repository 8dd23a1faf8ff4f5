"""Deals of MetaTrader 5 -> trades: which entry each closing deal closes, and at what cost."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bt_lake.ingest.sheets.ledger import Ledger, check_sum, is_empty
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import BadInput

_CLOSING = {"out", "in/out", "out by"}
_VOLUME = 1e-9
# With less money the rounding of the profit would decide what a lot is worth.
_TELLING = 5.0
_CANDIDATES = 200
_SIDES = {"buy": "long", "sell": "short"}


@dataclass(slots=True)
class Deal:
    row: int
    at: int
    symbol: str
    kind: str  # buy, sell, balance, ...
    direction: str
    volume: float
    price: float
    commission: float
    swap: float
    profit: float
    balance: float | None
    comment: str


@dataclass(slots=True)
class _Lot:
    """What is left of an entry."""

    side: str
    volume: float
    price: float
    at: int
    commission: float  # a lot
    tag: str


@dataclass(slots=True)
class _Trade:
    symbol: str
    side: str
    volume: float
    entry_at: int
    exit_at: int
    entry_price: float
    exit_price: float
    profit: float
    commission: float
    swap: float
    entry_tag: str
    reason: str

    @property
    def move(self) -> float:
        """Money that one unit a point would have brought."""
        step = self.exit_price - self.entry_price
        return (step if self.side == "long" else -step) * self.volume


@dataclass(slots=True)
class Account:
    """The deals of an account, in order; money that came or went is no profit."""

    deposit: float
    deals: list[Deal]
    flows: list[tuple[int, float]] = field(default_factory=list)


def account_of(deals: Sequence[Deal]) -> Account:
    """The first deposit, and every row's balance proved by the row before."""
    if not deals or deals[0].kind in _SIDES:
        raise BadInput("the deals do not begin with a deposit")
    balance = deals[0].profit
    for deal in deals[1:]:
        if deal.kind != "credit":  # it is lent, and no part of the balance
            balance += deal.commission + deal.swap + deal.profit
        check_sum("the balance", deal.balance, balance, 0.0051, f"row {deal.row}")
        balance = balance if deal.balance is None else deal.balance
    flows = [
        (d.at, d.profit)
        for d in deals[1:]
        if d.kind not in (*_SIDES, "credit") and d.direction == ""
    ]
    return Account(deals[0].profit, [d for d in deals if d.kind in _SIDES], flows)


def ledger_of(account: Account, currency: str | None) -> Ledger:
    trades, left = _matched(account.deals)
    sizes = _sizes(trades)
    size = np.array([sizes.get(trade.symbol, np.nan) for trade in trades])
    pnl = np.round([t.profit + t.swap + t.commission for t in trades], 10)
    entry = np.array([t.entry_price for t in trades])
    volume = np.array([t.volume for t in trades])
    open_lots = [(symbol, lot) for symbol, lots in left.items() for lot in lots]
    more = len(open_lots)

    def column(values: Any, of_open: Any) -> Any:
        return [*values, *(of_open(symbol, lot) for symbol, lot in open_lots)]

    def numbers(values: Any, of_open: Any = lambda symbol, lot: np.nan) -> Any:
        return np.array(column(values, of_open), np.float64)

    columns: dict[str, Any] = {
        "symbol": column((t.symbol for t in trades), lambda symbol, lot: symbol),
        "side": column((t.side for t in trades), lambda symbol, lot: lot.side),
        "quantity": numbers(volume, lambda symbol, lot: lot.volume),
        "entry_price": numbers(entry, lambda symbol, lot: lot.price),
        "exit_price": numbers(t.exit_price for t in trades),
        "return": numbers(pnl / (entry * volume * size)),
        "fees": numbers(-t.commission + 0.0 for t in trades),
        "entry_tag": column((t.entry_tag or None for t in trades), lambda s, lot: lot.tag or None),
        "exit_reason": column((t.reason or None for t in trades), lambda s, lot: None),
        "swap": numbers(t.swap for t in trades),
        "contract_size": numbers(size),
    }
    times = np.array([t.exit_at for t in trades] + [0] * more, np.int64)
    entries = np.array(column((t.entry_at for t in trades), lambda s, lot: lot.at), np.int64)
    closed = np.arange(len(entries)) < len(trades)
    return Ledger(
        entries,
        np.where(closed, times, NONE),
        numbers(pnl),
        {n: c for n, c in columns.items() if not is_empty(c)},
    )


def _matched(deals: Sequence[Deal]) -> tuple[list[_Trade], dict[str, list[_Lot]]]:
    """The oldest entries are closed first, unless the profits tell that it was another."""
    return _walk(deals, _told_sizes(deals))


def _told_sizes(deals: Sequence[Deal]) -> dict[str, float]:
    """What a lot is worth a point, if that explains most profits, whichever entry was closed."""
    entries: dict[str, list[Deal]] = defaultdict(list)
    votes: dict[str, Counter[float]] = defaultdict(Counter)
    voters: Counter[str] = Counter()
    for deal in deals:
        if deal.direction in _CLOSING and abs(deal.profit) >= _TELLING:
            sign = 1 if deal.kind == "sell" else -1
            moves = {
                sign * (deal.price - entry.price) * deal.volume
                for entry in entries[deal.symbol][-_CANDIDATES:]
                if entry.kind != deal.kind
            }
            voters[deal.symbol] += 1
            votes[deal.symbol].update({_rounded(deal.profit / move) for move in moves if move})
        if deal.direction in ("in", "in/out"):
            entries[deal.symbol].append(deal)
    sizes = {}
    for symbol, counter in votes.items():
        size, count = counter.most_common(1)[0] if counter else (0.0, 0)
        if size > 0 and 2 * count > voters[symbol]:
            sizes[symbol] = size
    return sizes


def _rounded(size: float) -> float:
    return float(f"{size:.2g}")


def _walk(
    deals: Sequence[Deal], sizes: dict[str, float]
) -> tuple[list[_Trade], dict[str, list[_Lot]]]:
    lots: dict[str, list[_Lot]] = defaultdict(list)
    trades: list[_Trade] = []
    for deal in deals:
        side, other = _SIDES[deal.kind], _SIDES["sell" if deal.kind == "buy" else "buy"]
        mine = lots[deal.symbol]
        rest = deal.volume
        a_lot = deal.commission / deal.volume if deal.volume else 0.0
        if deal.direction in _CLOSING:
            standing = sum(lot.volume for lot in mine if lot.side == other)
            closing = standing if deal.direction == "in/out" else deal.volume
            if closing > standing + _VOLUME or closing <= 0:
                raise BadInput(
                    f"row {deal.row}: {deal.direction} of {deal.volume:g} {deal.symbol} closes "
                    f"more than the {standing:g} that are open"
                )
            trades.append(_closed(deal, mine, other, closing, a_lot, sizes))
            rest = deal.volume - closing if deal.direction == "in/out" else 0.0
        if rest > _VOLUME:
            mine.append(_Lot(side, rest, deal.price, deal.at, a_lot, deal.comment))
    return trades, lots


def _closed(
    deal: Deal, lots: list[_Lot], side: str, volume: float, a_lot: float, sizes: dict[str, float]
) -> _Trade:
    chosen = _choice(deal, lots, side, volume, sizes)
    taken, cost, weighted = volume, 0.0, 0.0
    first = chosen[0]
    for lot in chosen:
        part = min(lot.volume, taken)
        cost += part * lot.commission
        weighted += part * lot.price
        lot.volume -= part
        taken -= part
        if taken <= _VOLUME:
            break
    lots[:] = [lot for lot in lots if lot.volume > _VOLUME]
    return _Trade(
        deal.symbol,
        side,
        round(volume, 8),
        first.at,
        deal.at,
        round(weighted / volume, 10),
        deal.price,
        deal.profit,
        round(cost + a_lot * volume, 10),
        deal.swap,
        first.tag,
        _reason(deal.comment),
    )


def _choice(
    deal: Deal, lots: list[_Lot], side: str, volume: float, sizes: dict[str, float]
) -> list[_Lot]:
    """The entries a deal closes: the oldest, unless the price of another explains the profit."""
    there = [lot for lot in lots if lot.side == side]
    alike = [lot for lot in there if abs(lot.volume - volume) < _VOLUME]
    size = sizes.get(deal.symbol)
    if len(there) < 2 or size is None:
        return there
    sign = 1 if side == "long" else -1

    def off(lot: _Lot) -> float:
        return abs(sign * (deal.price - lot.price) * volume * size - deal.profit)

    larger = [lot for lot in there if lot.volume > volume + _VOLUME]  # closed by a part
    slack = max(0.02, 0.02 * abs(deal.profit))
    for fitting in (alike, larger):
        best = min(fitting, key=off, default=None)
        if best is not None and off(best) <= slack:
            return [best, *(lot for lot in there if lot is not best)]
    return there


def _sizes(trades: Sequence[_Trade]) -> dict[str, float]:
    """What one lot is worth a point, for symbols where most trades agree on it."""
    found: dict[str, list[float]] = defaultdict(list)
    for trade in trades:
        if abs(trade.profit) >= _TELLING and trade.move:
            found[trade.symbol].append(trade.profit / trade.move)
    sizes = {}
    for symbol, values in found.items():
        usual = float(f"{statistics.median(values):.3g}")
        if usual > 0 and 2 * sum(abs(v / usual - 1) < 0.005 for v in values) > len(values):
            sizes[symbol] = usual
    return sizes


def _reason(comment: str) -> str:
    kind = comment.split(" ", 1)[0].lower()
    return {"sl": "stop_loss", "tp": "take_profit"}.get(kind, comment)


def drawdown_of(account: Account) -> tuple[float, float]:
    """The deepest fall of the balance in money, and what share of its peak that was."""
    balance = peak = account.deposit
    deepest, share = 0.0, 0.0
    for deal in account.deals:
        balance += deal.commission + deal.swap + deal.profit
        peak = max(peak, balance)
        if peak - balance > deepest + 1e-9:
            deepest, share = peak - balance, (peak - balance) / peak if peak > 0 else 0.0
    return deepest, share
