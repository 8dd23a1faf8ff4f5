"""Exports as strangers have them: other languages, builds and dates, and what few tests end with."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from platforms import DATA, Account, html_of, only, read, refused

from bt_lake.ingest.formats.tradingview import named
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.hints import Hints


@pytest.fixture(autouse=True)
def no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of columns are not kept in the user's own configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


LIST = DATA / "tradingview" / "ORB_CME_MINI_MES1!_2026-05-28.csv"
PASSES = (DATA / "metatrader" / "ReportOptimizer-1.xml").read_text()


def saved(tmp_path: Path, change: Callable[[list[list[str]]], None]) -> Path:
    """The list with its cells changed; the first row is the header."""
    rows = list(csv.reader(io.StringIO(LIST.read_text("utf-8-sig"))))
    change(rows)
    path = tmp_path / LIST.name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def same_trades(one: Run, other: Run) -> None:
    for name in ("entry_at", "exit_at", "pnl", "quantity", "side"):
        np.testing.assert_array_equal(np.array(one.trades[name]), np.array(other.trades[name]))
    assert one.columns["initial_capital"] == other.columns["initial_capital"]


def entries_without_results(rows: list[list[str]]) -> None:
    for row in rows[1:]:
        if row[1].lower().startswith("entry"):
            row[7:] = [""] * len(row[7:])


def months_by_name(rows: list[list[str]]) -> None:
    at = rows[0].index("Date and time")
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    for row in rows[1:]:
        year, month, day, clock = re.split(r"[- ]", row[at])
        row[at] = f"{months[int(month) - 1]} {int(day)}, {year}, {clock}"


def words_nobody_knows(rows: list[list[str]]) -> None:
    rows[0] = [f"Ç{n}{' %' if name.endswith('%') else ''}" for n, name in enumerate(rows[0])]
    words = {"long": "Uzun", "short": "Kısa", "Entry": "giriş", "Exit": "çıkış"}
    for row in rows[1:]:
        kind, side = row[1].split()
        row[1] = f"{words[side]} {words[kind]}"


@pytest.mark.parametrize("change", [entries_without_results, months_by_name])
def test_other_ways_to_write_the_same_list(change, tmp_path: Path) -> None:
    same_trades(only(saved(tmp_path, change)), only(LIST))


def test_sides_in_a_language_that_is_not_known_follow_from_the_profits(tmp_path: Path) -> None:
    found, wanted = only(saved(tmp_path, words_nobody_knows)), only(LIST)
    assert found.trades["side"] == wanted.trades["side"]
    assert set(wanted.trades["side"]) == {"long", "short"}


@pytest.mark.parametrize(
    ("stem", "wanted"),
    [
        ("My_Idea_FX_IDC_EURUSD_2026-03-04", ("My_Idea", "FX_IDC", "EURUSD")),
        ("A_CME_MINI_DL_ES1!_2026-03-04_0a1b2", ("A", "CME_MINI_DL", "ES1!")),
        ("A_CME_MINI_MES1!_2026-03-04 (2)", ("A", "CME_MINI", "MES1!")),
        ("MINI_NASDAQ_AAPL_2026-03-04", ("MINI", "NASDAQ", "AAPL")),
    ],
)
def test_names_of_files(stem: str, wanted: tuple[str, ...]) -> None:
    assert named(stem) == wanted


def report(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "report.html"
    path.write_text(text, "utf-16")
    return path


def traded() -> Account:
    account = Account(hedging=True)
    account.enter(1, 2, 110_000)
    account.leave(0, 2, 111_000, -30)
    return account


@pytest.mark.parametrize("symbol", ["EURUSD.raw#", "US 500 Cash", "#AAPL", "EURUSD-ecn"])
def test_symbols_of_brokers(symbol: str, tmp_path: Path) -> None:
    run = only(report(tmp_path, html_of(traded()).replace("EURUSD", symbol)))
    assert run.columns["symbol"] == symbol
    assert run.trades["symbol"] == [symbol]


def test_a_part_of_the_second_entry_is_told_by_its_profit(tmp_path: Path) -> None:
    account = Account(hedging=True)
    for lots, price in ((5, 110_000), (3, 112_000)):
        account.enter(1, lots, price)
    account.leave(1, 1, 113_000, 0)
    account.leave(0, 2, 111_000, 0)
    account.leave(0, 3, 114_000, 0)
    account.leave(0, 2, 114_000, 0)
    run = only(report(tmp_path, html_of(account)))
    assert run.trades["entry_price"].tolist() == [1.12, 1.1, 1.1, 1.12]


def test_a_credit_is_no_part_of_the_balance(tmp_path: Path) -> None:
    account = traded()
    before = account.rows[-1][-2]
    account.rows.append(
        ["2024.03.01 00:00:00", "9", "", "credit", "", "", "", "", "0.00", "0.00", "500.00",
         before, "bonus"]
    )  # fmt: skip
    assert only(report(tmp_path, html_of(account))).equity[0][-1] == 10_000 + 199.42


@pytest.mark.parametrize("more", [0, 1, 2])
def test_a_history_with_its_positions_and_more_costs(more: int, tmp_path: Path) -> None:
    account = traded()
    position = ["2024.01.02 16:00:00", "77", "EURUSD", "buy", "", "0.2", "1.1", "", "",
                "2024.01.02 23:00:00", "1.11", "-0.14", "-0.30", "200.00"]  # fmt: skip
    deals = [[*row[:8], *["0.00"] * more, *row[8:]] for row in account.rows]
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in (position, *deals))
    rows = "".join(f"<tr>{row}</tr>" for row in cells)
    head = '<meta name="generator" content="client terminal">'
    run = only(report(tmp_path, f"<html>{head}<table>{rows}</table></html>"))
    assert run.trades["pnl"].tolist() == pytest.approx([199.42])
    assert run.columns["sample"] == "live"


def test_a_test_that_never_traded(tmp_path: Path) -> None:
    run = only(report(tmp_path, html_of(Account(hedging=False))))
    assert len(run.trades["pnl"]) == 0
    assert set(run.equity[0]) == {10_000.0}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_passes_saved_anew(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "passes.xml"
    path.write_bytes(PASSES.replace('encoding="UTF-8"', "").encode(encoding))
    assert len(read(path)) == 240


def test_what_the_tester_calls_infinite_is_none(tmp_path: Path) -> None:
    path = tmp_path / "passes.xml"
    start = PASSES.index("<Row>", PASSES.index("<Row>") + 5)
    row = PASSES[start : PASSES.index("</Row>", start)]
    cells = row.split('<Data ss:Type="Number">')
    cells[5:7] = ["1.#INF</Data></Cell><Cell>", "-nan(ind)</Data></Cell><Cell>"]
    path.write_text(PASSES.replace(row, '<Data ss:Type="Number">'.join(cells)))
    first = read(path)[0]
    assert isinstance(first, Run)
    assert first.metrics is not None
    assert not {"profit_factor", "recovery_factor"} & first.metrics.keys()


def test_deposits_with_blanks_and_empty_optimisations(tmp_path: Path) -> None:
    path = tmp_path / "passes.xml"
    path.write_text(PASSES.replace("<Deposit>10000 USD", "<Deposit>100 000.00 USD"))
    first = read(path)[0]
    assert isinstance(first, Run)
    assert first.columns["initial_capital"] == 100_000
    head, header, *_ = PASSES.split("<Row>")
    path.write_text(f"{head}<Row>{header}</Table></Worksheet></Workbook>")
    assert "has no passes" in refused(path)


@pytest.mark.parametrize(
    ("word", "side"),
    [("Long (2)", "long"), ("Open Short", "short"), ("Buy to open", "long"), ("SELL", "short"),
     ("sell short", "short"), ("Buy", "long"), ("b", "long"), ("-1", "short")],
)  # fmt: skip
def test_sides_of_any_list(word: str, side: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"a,b,c,d\n2024-01-02,2024-01-03,{word},12.5\n")
    names = {"entry_at": "a", "exit_at": "b", "side": "c", "pnl": "d"}
    assert only(path, Hints(trades=True, names=names)).trades["side"] == [side]


@pytest.mark.parametrize("word", ["Buy to cover", "Sell to close", "flat", ""])
def test_words_that_are_no_side(word: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"a,b,c,d\n2024-01-02,2024-01-03,{word},12.5\n")
    names = {"entry_at": "a", "exit_at": "b", "side": "c", "pnl": "d"}
    assert "is neither long nor short" in refused(path, Hints(trades=True, names=names))


FOUR = DATA / "metatrader" / "StrategyTester.htm"
RUSSIAN = {
    "Symbol": "Символ", "Period": "Период", "Model": "Модель", "Parameters": "Параметры",
    "Initial deposit": "Начальный депозит", "Total net profit": "Чистая прибыль",
    "Total trades": "Всего сделок", "Every tick": "Все тики", "1 Hour": "1 Час",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1251", "utf-8", "utf-16"])
def test_a_russian_report_of_metatrader_4(encoding: str, tmp_path: Path) -> None:
    text = FOUR.read_text("cp1252")
    for theirs, ours in RUSSIAN.items():
        text = text.replace(f">{theirs}<", f">{ours}<")
    path = tmp_path / "StrategyTester.htm"
    path.write_bytes(text.encode(encoding))
    found, wanted = only(path), only(FOUR)
    assert (found.strategy, found.params) == (wanted.strategy, wanted.params)
    assert found.columns["timeframe"] == "1h"
    same_trades(found, wanted)
    path.write_bytes(text.replace(">30<", ">31<").encode(encoding))
    assert "the number of trades is 31 there, and 30" in refused(path)


def test_an_expert_of_metatrader_4_without_parameters(tmp_path: Path) -> None:
    path = tmp_path / "StrategyTester.htm"
    text = FOUR.read_text("cp1252")
    path.write_text(re.sub(r"<tr[^>]*><td colspan=2>Parameters.*", "", text), "cp1252")
    same_trades(only(path), only(FOUR))
    assert only(path).params is None


BOOK = DATA / "tradingview" / "Supertrend_OKX_ETHUSDT.P_2026-05-03.xlsx"


def test_a_workbook_in_another_language_has_no_params_that_are_none(tmp_path: Path) -> None:
    """Which of its properties are inputs of the strategy, only their English names tell."""
    path = tmp_path / BOOK.name
    words = {b"Initial capital": b"Anfangskapital", b">Symbol<": b">Handelssymbol<"}
    with zipfile.ZipFile(BOOK) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            for theirs, ours in words.items():
                data = data.replace(theirs, ours)
            new.writestr(member, data)
    found, wanted = only(path), only(BOOK)
    assert found.params is None
    assert wanted.params is not None
    assert found.columns["symbol"] == wanted.columns["symbol"]
    same_trades(found, wanted)


@pytest.mark.parametrize("name", ["report.html", "passes.xml", "list.csv"])
def test_files_from_strangers_are_bounded(name: str, tmp_path: Path) -> None:
    """A document type in a page is none of XML's, and its entities are never made."""
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    text = html_of(traded()) if name == "report.html" else PASSES
    if name == "list.csv":
        text = LIST.read_text("utf-8-sig")
    path = tmp_path / name
    path.write_text(bomb + text.replace("Made", "&c;").replace("MACross", "&c;"))
    from bt_lake.ingest.formats import reader

    found = reader(path, Hints())
    runs = list(found) if found is not None else []
    assert all("bbbbbbbb" not in repr(run.strategy) for run in runs if isinstance(run, Run))
