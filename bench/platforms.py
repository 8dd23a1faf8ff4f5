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
