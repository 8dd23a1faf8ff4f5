"""Exports of TradingView, MetaTrader and NinjaTrader; the samples are made, not exported."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from platforms import DATA, Account, accounts, html_of, only, read, refused

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.formats import recognise
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.figures import Figures
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput

TRADINGVIEW, METATRADER, NINJATRADER = (
    DATA / name for name in ("tradingview", "metatrader", "ninjatrader")
)
WANTED = {
    path: wanted
    for folder in (TRADINGVIEW, METATRADER, NINJATRADER)
    for name, wanted in json.loads((folder / "expected.json").read_text()).items()
    if (path := folder / name)
}
REPORTS = [path for path, wanted in WANTED.items() if "trades" in wanted]
PASSES = [path for path, wanted in WANTED.items() if "runs" in wanted]
of_name = {"ids": lambda path: path.name}


def row_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = assemble([run.with_columns({"strategy": "s"})]).runs.to_pylist()[0]
    return found


@pytest.mark.parametrize("path", REPORTS, **of_name)
def test_a_report_holds_what_its_platform_said(path: Path) -> None:
    wanted = WANTED[path]
    run = only(path)
    trades = run.trades
    pnl = trades["pnl"]
    closed = ~np.isnan(pnl)
    found = {
        "trades": int(closed.sum()),
        "open": int((~closed).sum()),
        "net": round(float(np.nansum(pnl)), 2),
        "wins": int((pnl > 0).sum()),
        "losses": int((pnl < 0).sum()),
        "long": sum(np.array(trades["side"])[closed] == "long") if len(pnl) else 0,
        "initial_capital": run.columns["initial_capital"],
        "currency": run.columns.get("currency"),
        "strategy": run.strategy,
        "symbol": run.columns.get("symbol"),
        "timeframe": run.columns.get("timeframe"),
        "params": run.params,
    }
    if "fees" in trades:
        fees = round(float(trades["fees"][closed].sum()), 2)
        found |= {"fees": fees, "commission": -fees}
    else:
        found["fees"] = None
    if "swap" in trades:
        found["swap"] = round(float(trades["swap"].sum()), 2)
        found["gross"] = round(found["net"] - found["commission"] - found["swap"], 2)
    if run.equity is not None:
        found["final_equity"] = round(float(run.equity[0][-1]), 2)
        assert run.config is not None
        assert run.config["curve"] == "closed trades"
    if found["trades"]:
        shift = np.timedelta64(5, "h") if "utc_offset" in wanted else np.timedelta64(0, "h")
        found["first_entry"] = str((trades["entry_at"].min() - shift).astype("datetime64[s]"))
        found["last_exit"] = str((np.nanmax(trades["exit_at"]) - shift).astype("datetime64[s]"))
    else:
        found |= {"first_entry": None, "last_exit": None}
    told = {key: value for key, value in wanted.items() if key in found}
    assert {key: found[key] for key in told} == told
    assert set(wanted) - set(told) <= {"balance_drawdown", "utc_offset"}
    row = row_of(run)
    assert row["total_trades"] == wanted["trades"]


@pytest.mark.parametrize("path", PASSES, **of_name)
def test_an_optimisation_is_a_run_a_pass(path: Path) -> None:
    wanted = WANTED[path]
    runs = read(path)
    assert len(runs) == wanted["runs"]
    first = runs[0]
    assert isinstance(first, Run)
    assert list(first.params or {}) == wanted["params"]
    assert first.strategy == wanted["strategy"]
    for name in ("symbol", "timeframe", "initial_capital", "currency", "sample"):
        assert first.columns[name] == wanted[name]
    profits = [run.metrics["final_equity"] - 10_000 for run in runs]
    assert round(max(profits), 2) == wanted["best_profit"]


def test_passes_and_their_forward_file_are_one_sweep_joined_by_params(lake: Lake) -> None:
    lake.ingest(*PASSES)
    found = lake.sql("select sweep, count(*) n, count(distinct sample) s from runs group by 1")
    assert found.rows() == [("MACross EURUSD,H1 to 2025.01.01", 480, 2)]
    joined = lake.sql(
        "select count(*) from runs i join runs o using (params_hash) "
        "where i.sample = 'in' and o.sample = 'out'"
    ).item()
    assert joined == 240


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tradingview/ambiguous_days.csv", "--day-first or --month-first"),
        ("tradingview/bad_number.csv", 'row 2, quantity: "ten" is not a number'),
        ("tradingview/bad_orphan_exit.csv", "trade 3 (row 6) has 1 rows"),
        ("metatrader/bad_balance.html", 'row 117, volume: "0.1x" is not a number'),
        ("metatrader/bad_doctype.xml", "DOCTYPE"),
    ],
)
def test_bad_files_are_refused_with_their_row(name: str, words: str) -> None:
    assert words in refused(DATA / name)


def test_which_comes_first_can_be_said() -> None:
    path = TRADINGVIEW / "ambiguous_days.csv"
    first = only(path, Hints(day_first=True)).trades["entry_at"][0]
    assert str(first)[:10] == "2025-03-03"
    assert str(only(path, Hints(day_first=False)).trades["exit_at"][0])[:10] == "2025-04-03"


def test_a_clock_with_a_zone_is_read_in_it() -> None:
    path = METATRADER / "ReportTester-plain.html"
    plain, athens = only(path), only(path, Hints(time_zone="Europe/Athens"))
    assert athens.columns["time_zone"] == "Europe/Athens"
    assert (plain.trades["entry_at"] - athens.trades["entry_at"])[0] == np.timedelta64(2, "h")


@pytest.mark.parametrize("path", [p for p in REPORTS if p.suffix == ".html"], **of_name)
def test_a_report_that_disagrees_with_itself_is_refused(path: Path, tmp_path: Path) -> None:
    """Any deal's profit changed: the balance breaks; the summary's figures changed: told."""
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw[:2] == b"\xff\xfe" else "utf-8")
    head, marked, deals = text.partition("balance</td>")
    changed = tmp_path / "changed.html"
    trades = WANTED[path]["trades"]
    changed.write_text(head.replace(f">{trades}<", f">{trades + 1}<") + marked + deals, "utf-8")
    assert f"the number of trades is {trades + 1} there, and {trades}" in refused(changed)
    at = deals.index("</td></tr>", len(deals) // 2)
    row = deals.rindex("<tr", 0, at)
    cells = deals[row:at].split("<td>")
    cells[11] = cells[11].replace(cells[11].split("<")[0], "12.34", 1)
    changed.write_text(head + marked + deals[:row] + "<td>".join(cells) + deals[at:], "utf-8")
    assert "the balance is" in refused(changed)


@given(account=st.booleans().flatmap(lambda hedging: accounts(hedging=hedging)))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_closing_deal_is_a_trade_and_all_of_them_are_the_result(
    account: Account, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(html_of(account, "en"), "utf-16")
    run = only(path)
    trades = run.trades
    assert len(trades["pnl"]) == len(account.closed)
    assert round(trades["pnl"].sum() * 100) == account.balance - 1_000_000
    assert run.equity[0][-1] == pytest.approx(account.balance / 100)
    sides = [(side, lots) for side, lots, _ in account.closed]
    assert list(zip(trades["side"], np.round(trades["quantity"] * 10), strict=True)) == sides


def test_entries_that_stand_together_are_told_apart_by_the_profit(tmp_path: Path) -> None:
    account = Account(hedging=True)
    for price in (110_000, 111_000, 112_000):
        account.enter(1, 3, price)
    for which in (1, 0, 0):
        account.leave(which, 3, 115_000, 0)
    path = tmp_path / "report.html"
    path.write_text(html_of(account), "utf-8")
    assert only(path).trades["entry_price"].tolist() == [1.11, 1.1, 1.12]


def test_labels_of_an_unknown_language_cost_only_their_figures(tmp_path: Path) -> None:
    account = Account(hedging=False)
    account.enter(1, 1, 110_000)
    account.leave(0, 1, 111_000, 0)
    path = tmp_path / "report.html"
    path.write_text(html_of(account, "xx"), "utf-8")
    run = only(path)
    assert (run.strategy, run.columns["symbol"], run.params) == ("Made", "EURUSD", {"Fast": 5})


def transformed(text: str, rng: random.Random) -> bytes:
    """The same list as a spreadsheet would save it: semicolons, decimal commas, another order."""
    import csv
    import io

    header, *rows = csv.reader(text.lstrip("\ufeff").splitlines())
    rng.shuffle(rows)
    numbers = [i for i, name in enumerate(header) if i != 3 and i > 3] + [0]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator=rng.choice(["\n", "\r\n"]))
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            cell.replace(".", ",") if i in numbers and _is_number(cell) else cell
            for i, cell in enumerate(row)
        )
    return out.getvalue().encode(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("seed", range(6))
def test_order_encoding_and_separators_change_nothing(seed: int, tmp_path: Path) -> None:
    """The seed is the name of the test."""
    rng = random.Random(seed)
    path = rng.choice([p for p in REPORTS if p.suffix == ".csv" and p.parent == TRADINGVIEW])
    # every sample but the empty one, whose money cannot be written with a comma
    if not WANTED[path]["trades"]:
        path = TRADINGVIEW / "nihongo.csv"
    saved = tmp_path / path.name
    saved.write_bytes(transformed(path.read_text("utf-8"), rng))
    before, after = only(path), only(saved)
    for name, column in before.trades.items():
        np.testing.assert_array_equal(np.array(column), np.array(after.trades[name]))
    assert before.columns == after.columns
    assert before.strategy == after.strategy


@pytest.mark.parametrize("path", [*REPORTS, *PASSES], **of_name)
def test_a_file_that_is_cut_off_is_never_half_a_run(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    whole = [
        run.trades and run.trades["pnl"].tolist() for run in read(path) if isinstance(run, Run)
    ]
    rng = random.Random(path.name)
    cut = tmp_path / path.name
    for at in sorted(rng.sample(range(1, len(data)), min(25, len(data) - 1))):
        cut.write_bytes(data[:at])
        if recognise(cut) is None:
            continue
        for found in read(cut):
            if isinstance(found, BadRow):
                continue
            if path.suffix == ".csv":  # a list that ends between two trades is a shorter list
                pnl = found.trades["pnl"]
                assert data[at - 1 : at] in b"\r\n" or data[at : at + 1] in b"\r\n;,"
                assert set(np.round(pnl[~np.isnan(pnl)], 6)) <= set(np.round(whole[0], 6))
            else:
                assert (found.trades and found.trades["pnl"].tolist()) in whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Supertrend_OKX_ETHUSDT.P_2026-05-03.xlsx"])
def test_a_workbook_that_inflates_is_refused(name: str, tmp_path: Path) -> None:
    bomb = tmp_path / name
    with zipfile.ZipFile(TRADINGVIEW / name) as old, zipfile.ZipFile(bomb, "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member))
        new.writestr("xl/media/image1.bin", b"\0" * (300 << 20), zipfile.ZIP_DEFLATED)
    assert "unpacks to more than" in refused(bomb)


def test_a_cell_far_out_is_refused(tmp_path: Path) -> None:
    far = tmp_path / "far.xlsx"
    with (
        zipfile.ZipFile(TRADINGVIEW / "Supertrend_OKX_ETHUSDT.P_2026-05-03.xlsx") as old,
        zipfile.ZipFile(far, "w") as new,
    ):
        for member in old.namelist():
            data = old.read(member)
            if member.endswith("sheet4.xml"):
                cell = b'<row r="1000000"><c r="XFD1000000"><v>1</v></c></row></sheetData>'
                data = data.replace(b"</sheetData>", cell)
            new.writestr(member, data)
    assert "more than a report has" in refused(far)


@pytest.mark.parametrize(
    ("texts", "number"),
    [
        (["$1,234.50", "2"], 1234.5),
        (["($410.16)"], -410.16),
        (["1.234,56", "7"], 1234.56),
        (["1 234,56"], 1234.56),
        (["2\u00a0875.78"], 2875.78),
        (["307,42 €"], 307.42),
        (["-360,16 €"], -360.16),
        (["\u22125.5"], -5.5),
        (["1'234.5"], 1234.5),
        (["EUR 12.5"], 12.5),
        (["1.#INF", "2.5"], None),
        (["", "2.5"], None),
        (["12,345,678"], 12345678),
    ],
)
def test_numbers_as_people_write_them(texts: list[str], number: float | None) -> None:
    assert Figures.of(texts).number(texts[0]) == number


@pytest.mark.parametrize("texts", [["1,234"], ["1.234", "12"], ["-1.500", "2.250"]])
def test_numbers_that_can_be_read_two_ways_are_refused(texts: list[str]) -> None:
    with pytest.raises(BadInput, match="--decimal"):
        Figures.of(texts)
    assert Figures.of(texts, ",").number(texts[0]) in (1.234, 1234, -1500)


def test_a_decimal_point_and_a_decimal_comma_in_one_file_are_refused() -> None:
    with pytest.raises(BadInput, match="decimal point"):
        Figures.of(["1.25", "1,5"])


HEADER = "Opened;Closed;Dir;Net;Lots\n"
LIST = (
    HEADER + "13.01.2025 09:00;13.01.2025 10:00;Buy;12,50;1\n14.01.2025;15.01.2025;Sell;-3,25;2\n"
)


def test_any_list_of_trades_is_named_once(lake: Lake, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "orders.csv"
    path.write_text(LIST)
    with pytest.raises(BadInput, match="which columns are entry_at, exit_at, side, pnl") as missing:
        lake.ingest(path, trades=True)
    assert '"Opened", "Closed", "Dir", "Net", "Lots"' in str(missing.value)
    names = {"entry_at": "Opened", "exit_at": "Closed", "side": "Dir", "pnl": "Net"}
    set_ = {"strategy": "broker", "initial_capital": 1000}
    report = lake.ingest(path, trades=True, columns=names, set_columns=set_)
    run = lake.run(report.added[0])
    assert run.row["final_equity"] == 1009.25
    again = tmp_path / "more.csv"
    again.write_text(LIST + "16.01.2025;17.01.2025;Buy;1,00;1\n")
    assert len(lake.ingest(again, trades=True, set_columns=set_).added) == 1


def test_a_list_with_an_unknown_side_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(LIST.replace("Sell", "Sideways"))
    hints = Hints(
        trades=True, names={"entry_at": "Opened", "exit_at": "Closed", "side": "Dir", "pnl": "Net"}
    )
    assert 'row 3, side: "Sideways" is neither long nor short' in refused(path, hints)


def test_a_running_total_that_does_not_add_up_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grid.csv"
    text = (NINJATRADER / "NinjaTrader Grid 2026-01-30 us.csv").read_text()
    path.write_text(text.replace("($625.40)", "($625.50)"))
    assert "row 3: the cumulative result is -625.5 there, and -625.4 by its trades" in refused(path)


def test_a_folder_of_exports_goes_in_once(lake: Lake, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(METATRADER, tmp_path / "reports", ignore=shutil.ignore_patterns("bad_*"))
    first = lake.ingest(tmp_path / "reports")
    assert (len(first.added), len(first.failed)) == (488, 0)
    second = lake.ingest(tmp_path / "reports")
    assert (len(second.added), len(second.skipped)) == (0, 488)


def test_what_a_report_says_of_itself_stays_beside_what_is_computed(lake: Lake) -> None:
    path = METATRADER / "ReportTester-plain.html"
    (run,) = lake.ingest(path).added
    row = lake.run(run).row
    assert row["metrics_from"] == "curve"
    assert dict(row["reported"])["max_drawdown"] == pytest.approx(-0.104)
    assert row["max_drawdown"] > -0.104
    shown = subprocess.run(
        [sys.executable, "-m", "bt_lake", "--lake", str(lake.path), "show", run],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "of closed trades: its falls are too small; the platform says -10.4%" in shown


def test_an_account_s_history_is_live(tmp_path: Path) -> None:
    account = Account(hedging=True)
    account.enter(1, 1, 110_000)
    account.leave(0, 1, 111_000, 0)
    account.flow(50_000)
    head = '<html><meta name="generator" content="client terminal"><table>'
    head += "<tr><td>Name:</td><td>A Person</td></tr><tr><td>Account:</td><td>12345678</td></tr>"
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in account.rows)
    path = tmp_path / "ReportHistory-1.html"
    path.write_text(f"{head}{body}</table></html>", "utf-16")
    run = only(path)
    assert run.columns["sample"] == "live"
    assert run.config == {"curve": "closed trades", "flows": 500.0}
    assert run.trades["pnl"].sum() == pytest.approx(99.86)
    assert "12345678" not in repr(run.columns) + repr(run.config)


def passes(path: Path, count: int, rng: np.random.Generator) -> Path:
    """An optimisation of an expert that knows nothing."""
    source = (METATRADER / "ReportOptimizer-1.xml").read_text()
    head, header, *_ = source.split("<Row>")
    cell = '<Cell><Data ss:Type="Number">{}</Data></Cell>'
    rows = []
    for number, profit in enumerate(rng.normal(0, 900, count).round(2).tolist()):
        figures = [number, 10_000 + profit, profit, profit / 100, 1.1, profit / 900, profit / 800]
        values = [*figures, 0, 7.5, 100, number // 100, number % 100, 0]
        rows.append("<Row>" + "".join(map(cell.format, values)) + "</Row>")
    book = f"{head}<Row>{header}{''.join(rows)}</Table></Worksheet></Workbook>"
    path.write_text(book)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.thorough)])
def test_a_report_is_judged_against_all_passes(count: int, lake: Lake, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    lake.ingest(passes(tmp_path / "ReportOptimizer-2.xml", count, rng))
    alone = lake.overfit(strategy="MACross")
    assert alone.counts.trials == count
    assert alone.better is None
    assert "judged against all of them" in alone.verdict
    # the report of the pass that did best: a Sharpe ratio near 3 in a year of days
    account = Account(hedging=False)
    for day, profit in enumerate(rng.normal(0.19, 1, 250)):
        account.at = datetime(2024, 1, 1, 9) + timedelta(days=day * 7 // 5)
        account.enter(1, 1, 110_000)
        account.leave(0, 1, 110_000 + round(200 * profit), 0)
    report = tmp_path / "ReportTester-2.html"
    report.write_text(html_of(account).replace("Made", "MACross"))
    lake.ingest(report)
    judged = lake.overfit(strategy="MACross")
    assert judged.counts.trials == count + 1
    assert judged.better is False
    assert judged.search is not None
    assert judged.search.p > 0.2
    assert any(f"{count:,} trials have neither a curve nor" in note for note in judged.notes)
    found = lake.overfit(where="bars is not null")
    assert found.best is not None
    assert found.best.psr > 0.95


def test_a_report_that_is_still_being_written_is_left_for_later(lake: Lake, tmp_path: Path) -> None:
    whole = (METATRADER / "ReportTester-plain.html").read_bytes()
    report = tmp_path / "ReportTester-9.html"
    report.write_bytes(whole[: len(whole) // 2])
    seen = []
    for found in lake.watch(tmp_path, every_s=0.05, on_error="skip"):
        seen.append(len(found.added))
        if found.added:
            break
        report.write_bytes(whole)
    assert seen[-1] == 1
    assert lake.run(lake.runs()["run_id"].item()).row["total_trades"] == 40


def test_a_cell_of_ten_megabytes_is_one_refusal(tmp_path: Path) -> None:
    path = tmp_path / "ORB_CME_MINI_MES1!_2026-05-28.csv"
    text = (TRADINGVIEW / path.name).read_text("utf-8")
    path.write_text(text.replace("5310.25", "9" * 10_000_000, 1), "utf-8")
    assert len(refused(path)) < 300


@pytest.mark.thorough
def test_a_list_of_half_a_million_trades(tmp_path: Path) -> None:
    header = (TRADINGVIEW / "ORB_CME_MINI_MES1!_2026-05-28.csv").read_text("utf-8").split("\n")[0]
    path = tmp_path / "Big_NASDAQ_AAPL_2026-05-28.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(header + "\n")
        for number in range(1, 500_001):
            at = datetime(2000, 1, 3) + timedelta(minutes=10 * number)
            rest = f"100,1,100,1.00,1.00,2,2,-1,-1,{number}.00,{number / 10_000:.2f}\n"
            file.write(f"{number},Exit long,{at:%Y-%m-%d %H:%M},TP,{rest}")
            file.write(f"{number},Entry long,{at - timedelta(minutes=5):%Y-%m-%d %H:%M},L,{rest}")
    run = only(path)
    assert len(run.trades["pnl"]) == 500_000
    assert run.columns["initial_capital"] == 1_000_000
