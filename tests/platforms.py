"""Made-up reports of trading platforms: what their testers would write of given deals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

from bt_lake.ingest.formats import reader
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.hints import NONE, Hints

DATA = Path(__file__).parent / "data" / "platforms"


def read(path: Path, hints: Hints = NONE) -> list[Run | BadRow]:
    found = reader(path, hints)
    assert found is not None, f"{path.name} is not recognised"
    return list(found)


def only(path: Path, hints: Hints = NONE) -> Run:
    (run,) = read(path, hints)
    assert isinstance(run, Run), run
    return run


def refused(path: Path, hints: Hints = NONE) -> str:
    (bad,) = read(path, hints)
    assert isinstance(bad, BadRow), bad
    return bad.reason


@dataclass
class Account:
    """A MetaTrader 5 account that a test trades on; prices and profits are whole cents."""

    hedging: bool
    rows: list[list[str]] = field(default_factory=list)
    balance: int = 0
    closed: list[tuple[str, int, int]] = field(default_factory=list)  # side, lots, cents of profit
    at: datetime = datetime(2024, 1, 2, 9)
    lots: list[list[int]] = field(default_factory=list)  # side, lots (of 0.1), price

    def __post_init__(self) -> None:
        self.flow(1_000_000)

    def flow(self, cents: int) -> None:
        self._add("", "balance", "", 0, 0, 0, 0, cents)

    def _add(
        self,
        symbol: str,
        kind: str,
        way: str,
        lots: int,
        price: int,
        fee: int,
        swap: int,
        profit: int,
    ) -> None:
        self.at += timedelta(hours=7)
        self.balance += profit - fee + swap
        self.rows.append(
            [
                f"{self.at:%Y.%m.%d %H:%M:%S}", str(len(self.rows) + 1), symbol, kind, way,
                f"{lots / 10:g}" if lots else "", f"{price / 1e5:.5f}" if price else "",
                "1", _money(-fee), _money(swap), _money(profit), _money(self.balance), "",
            ]
        )  # fmt: skip

    def enter(self, side: int, lots: int, price: int) -> None:
        self._add("EURUSD", "buy" if side > 0 else "sell", "in", lots, price, 7 * lots, 0, 0)
        self.lots.append([side, lots, price])

    def leave(self, which: int, lots: int, price: int, swap: int) -> None:
        """Close part or all of an entry, at one point of 0.1 lot for 10 cents."""
        side, standing, entry = self.lots[which]
        profit = side * (price - entry) * lots * 10
        self._add(
            "EURUSD", "sell" if side > 0 else "buy", "out", lots, price, 7 * lots, swap, profit
        )
        self.closed.append(("long" if side > 0 else "short", lots, profit))
        self.lots[which][1] = standing - lots
        if not self.lots[which][1]:
            del self.lots[which]


def _money(cents: int) -> str:
    text = f"{abs(cents) / 100:,.2f}".replace(",", "\u00a0")
    return f"-{text}" if cents < 0 else text


def html_of(account: Account, label_language: str = "en") -> str:
    """The report of a test on this account."""
    trades = "Total Trades" if label_language == "en" else "Neznámý popisek"
    rows = [
        ["Strategy Tester Report"], ["Expert:", "Made"], ["Symbol:", "EURUSD"],
        ["Period:", "H1 (2024.01.02 - 2024.12.31)"], ["Inputs:", "="], ["", "Fast=5"], ["", "="],
        ["Company:", "Nobody"], ["Currency:", "USD"], ["Initial Deposit:", "10 000.00"],
        ["Leverage:", "1:100"], [f"{trades}:", str(len(account.closed))], *account.rows,
        ["", "0", "0", "0", _money(account.balance), ""],
    ]  # fmt: skip
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr align=right>{row}</tr>\n" for row in cells)
    meta = '<meta name="generator" content="strategy tester">'
    return f"<html><head>{meta}</head><body><table>{body}</table></body></html>"


@st.composite
def accounts(draw: st.DrawFn, *, hedging: bool) -> Account:
    """An account on which some entries were made and every one was closed again, in any order."""
    account = Account(hedging)
    price = st.integers(100_000, 120_000)
    for _ in range(draw(st.integers(1, 8))):
        if hedging:
            _hedged(draw, account, price)
        else:
            side = draw(st.sampled_from([1, -1]))
            account.enter(side, draw(st.integers(1, 9)), draw(price))
            while account.lots:
                part = draw(st.integers(1, account.lots[0][1]))
                account.leave(0, part, draw(price), draw(st.integers(-50, 50)))
    return account


def _hedged(draw: st.DrawFn, account: Account, price: st.SearchStrategy[int]) -> None:
    """Several entries of different volumes at once, closed whole and out of order."""
    volumes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True))
    for lots in volumes:
        account.enter(draw(st.sampled_from([1, -1])), lots, draw(price))
    while account.lots:
        which = draw(st.integers(0, len(account.lots) - 1))
        account.leave(which, account.lots[which][1], draw(price), 0)
