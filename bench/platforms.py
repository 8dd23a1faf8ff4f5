"""Made-up exports of trading platforms, as large as those of a busy trader."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

TRADES = 50
_HEADER = (
    "Trade #,Type,Date and time,Signal,Price USD,Size (qty),Size (value),Net P&L USD,Net P&L %,"
    "Favorable excursion USD,Favorable excursion %,Adverse excursion USD,Adverse excursion %,"
    "Cumulative P&L USD,Cumulative P&L %\n"
)
_FIGURES = ("Result", "Profit", "Expected Payoff", "Profit Factor", "Recovery Factor")
_REST = ("Sharpe Ratio", "Custom", "Equity DD %", "Trades", "Fast", "Slow")
_BOOK = "urn:schemas-microsoft-com:office:spreadsheet"


def tradingview(folder: Path, count: int) -> None:
    """Lists of trades, with a running result on a capital of 10,000."""
    rng = np.random.default_rng(0)
    for number in range(count):
        lines, total, at = [_HEADER], 0.0, datetime(2024, 1, 2, 9, 30)
        for trade, net in enumerate(rng.normal(0, 60, TRADES).round(2).tolist(), 1):
            total = round(total + net, 2)
            sums = f"{total},{total / 100:.2f}"
            row = f"100.0,10,1000.0,{net},{net / 10:.2f},70,7.00,-40,-4.00,{sums}\n"
            left = at + timedelta(hours=6)
            lines += [
                f"{trade},Exit long,{left:%Y-%m-%d %H:%M},TP,{row}",
                f"{trade},Entry long,{at:%Y-%m-%d %H:%M},L,{row}",
            ]
            at += timedelta(hours=31)
        Path(folder, f"S{number}_NASDAQ_AAPL_2026-03-04.csv").write_text("".join(lines))


def passes(folder: Path, count: int) -> None:
    """The optimisation of an expert with two inputs."""
    rng = np.random.default_rng(0)

    def row(cells: list[object], kind: str) -> str:
        data = "".join(f'<Cell><Data ss:Type="{kind}">{c}</Data></Cell>' for c in cells)
        return f"<Row>{data}</Row>\n"

    rows = [row(["Pass", *_FIGURES, *_REST], "String")]
    for number in range(count):
        profit = round(float(rng.normal(0, 900)), 2)
        figures = [10_000 + profit, profit, profit / 100, 1.1, profit / 1000, profit / 800, 0, 7.5]
        rows.append(row([number, *figures, 100, number // 100, number % 100], "Number"))
    title = "<Title>MACross EURUSD,H1 2020.01.01-2025.01.01</Title><Deposit>10000 USD</Deposit>"
    Path(folder, "ReportOptimizer-1.xml").write_text(
        f'<?xml version="1.0"?>\n<Workbook xmlns="{_BOOK}" xmlns:ss="{_BOOK}">'
        f"<DocumentProperties>{title}</DocumentProperties>"
        f'<Worksheet ss:Name="Tester Optimizator Results"><Table>{"".join(rows)}</Table>'
        "</Worksheet></Workbook>"
    )


def tester_report(folder: Path, count: int) -> None:
    """Reports of MetaTrader 5 of about 2 MB: 1,200 round trips, with their orders."""
    for number in range(count):
        _html(folder / f"ReportTester-{number}.html", _head_of_five(), _deals(number), "utf-16")


def tester_report_four(folder: Path, count: int) -> None:
    """Reports of MetaTrader 4 of about 2 MB."""
    rng = np.random.default_rng(0)
    heading = "<div><b>Strategy Tester Report</b></div><div><b>Turtle</b></div>"
    for number in range(count):
        rows = [
            ["Symbol", "EURUSD (Euro)"],
            ["Period", "1 Hour (H1) 2020.01.01 00:00 - 2024.12.31 00:00"],
            ["Model", "Every tick"], ["Parameters", "Fast=5; Slow=20;"],
        ]  # fmt: skip
        balance, at = 10_000.0, datetime(2020, 1, 2)
        for trade in range(1, 6_001):
            profit = round(float(rng.normal(0, 20)), 2)
            balance = round(balance + profit, 2)
            row, later = str(2 * trade), at + timedelta(hours=3)
            rows.append([str(2 * trade - 1), f"{at:%Y.%m.%d %H:%M}", "buy", str(trade), "0.10",
                         "1.10000", "0", "0", ""])  # fmt: skip
            rows.append([row, f"{later:%Y.%m.%d %H:%M}", "close", str(trade), "0.10", "1.10100",
                         "0", "0", f"{profit:.2f}", f"{balance:.2f}"])  # fmt: skip
            at += timedelta(hours=7)
        _html(folder / f"StrategyTester-{number}.htm", rows, [], "cp1252", heading)


def grids(folder: Path, count: int) -> None:
    """Grids of NinjaTrader 8."""
    rng = np.random.default_rng(0)
    header = ("Trade number,Instrument,Account,Strategy,Market pos.,Qty,Entry price,Exit price,"
              "Entry time,Exit time,Entry name,Exit name,Profit,Cum. net profit,Commission,MAE,"
              "MFE,ETD,Bars,\n")  # fmt: skip
    for number in range(count):
        lines, total, at = [header], 0.0, datetime(2024, 1, 15, 9, 30)
        for trade, net in enumerate(rng.normal(0, 60, TRADES).round(2).tolist(), 1):
            total = round(total + net, 2)
            left = at + timedelta(hours=6)
            lines.append(
                f"{trade},ES 03-26,Backtest,S{number},Long,2,6010.25,6011.25,"
                f"{at:%m/%d/%Y %I:%M:%S %p},{left:%m/%d/%Y %I:%M:%S %p},L,TP,"
                f"{_dollars(net)},{_dollars(total)},$4.50,$60.00,$165.00,$10.00,6,\n"
            )
            at += timedelta(hours=31)
        Path(folder, f"NinjaTrader Grid {number}.csv").write_text("".join(lines))


def trade_lists(folder: Path, count: int) -> None:
    """Lists of trades whose columns have the lake's own names."""
    rng = np.random.default_rng(0)
    for number in range(count):
        lines, at = ["entry_at,exit_at,side,pnl,strategy\n"], datetime(2024, 1, 2, 9, 30)
        for net in rng.normal(0, 60, TRADES).round(2).tolist():
            lines.append(f"{at},{at + timedelta(hours=6)},long,{net},S{number}\n")
            at += timedelta(hours=31)
        Path(folder, f"list{number}.csv").write_text("".join(lines))


def _dollars(value: float) -> str:
    return f"(${-value:.2f})" if value < 0 else f"${value:.2f}"


def _head_of_five() -> list[list[str]]:
    return [
        ["Expert:", "MACross"], ["Symbol:", "EURUSD"],
        ["Period:", "H1 (2020.01.01 - 2024.12.31)"], ["Inputs:", "Fast=5"], ["", "Slow=20"],
        ["Company:", "Nobody"], ["Currency:", "USD"], ["Initial Deposit:", "10 000.00"],
        ["Leverage:", "1:100"],
    ]  # fmt: skip


def _deals(seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    balance, at, ticket = 10_000.0, datetime(2020, 1, 2), 2
    deposit = ["", "balance", "", "", "", "", "0.00", "0.00", "10 000.00", "10 000.00", ""]
    rows = [[f"{at:%Y.%m.%d %H:%M:%S}", "1", *deposit]]
    for profit in rng.normal(0, 20, 1_200).round(2).tolist():
        for kind, way, gain in (("buy", "in", 0.0), ("sell", "out", profit)):
            at += timedelta(hours=6)
            balance = round(balance + gain - 0.35, 2)
            when, size = f"{at:%Y.%m.%d %H:%M:%S}", "0.10 / 0.10"
            rows.insert(ticket - 2, [when, str(ticket), "EURUSD", kind, size, "1.10000", "", "",
                                     when, "filled", ""])  # fmt: skip
            rows.append([when, str(ticket), "EURUSD", kind, way, "0.10", "1.10000", str(ticket),
                         "-0.35", "0.00", f"{gain:.2f}", f"{balance:.2f}", ""])  # fmt: skip
            ticket += 1
    return rows


def _html(
    path: Path, head: list[list[str]], body: list[list[str]], encoding: str, heading: str = ""
) -> None:
    rows = "".join(
        '<tr bgcolor="#FFFFFF" align=right>'
        + "".join(f"<td>{cell}</td>" for cell in row)
        + "</tr>\n"
        for row in [*head, *body]
    )
    meta = "" if heading else '<meta name="generator" content="strategy tester">'
    title = "<title>Strategy Tester: Turtle</title>" if heading else ""
    text = f"<html><head>{meta}{title}</head><body>{heading}<table>{rows}</table></body></html>"
    path.write_text(text, encoding)
