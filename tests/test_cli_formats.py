"""Each reading command in every format: the bytes on stdout, the line on stderr, the exit code.

What is expected was worked out from the runs that cli_lake.py makes, not copied from an answer.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cli_lake import CURVE, Cli, run_id

from bt_lake.cli.writers import of_one_kind
from bt_lake.warehouse.schema import metrics

pytest_plugins = ["cli_fixtures"]

PARAMS = {"fast": 5, "slow": 50, "risk": 1}
DAYS = [f"{day}T00:00:00Z" for day in CURVE["ts"]]
RETURNS = [0.0, 0.1, 99 / 110 - 1, 121 / 99 - 1]
MEAN = sum(RETURNS) / 4
SHARPE = MEAN / sqrt(sum((r - MEAN) ** 2 for r in RETURNS) / 3) * sqrt(252)
SPREAD = sqrt(sum((n / 2 - 1.75) ** 2 for n in range(1, 7)) / 5)
YEARS = 32 / 365.25  # the curve, and one usual step from the capital to its first point


@dataclass
class Asked:
    arguments: list[str]
    columns: list[str]
    rows: list[list[Any]]  # as JSON has them
    markdown: list[list[str]] | None  # None: a drawing, whose bytes other tests look at
    err: str


ASKED = [
    Asked(
        ["list", "-n", "2", "--columns", "run_id,created_at,sharpe_ratio,tags"],
        ["run_id", "created_at", "sharpe_ratio", "tags"],
        [
            [run_id(8), "2026-11-08T12:00:00Z", None, None],
            [run_id(7), "2026-11-07T12:00:00Z", SHARPE, ["q4"]],
        ],
        [
            ["run", "created", "sharpe", "tags"],
            [run_id(8), "2026-11-08 12:00", "-", "-"],
            [run_id(7), "2026-11-07 12:00", f"{SHARPE:.2f}", "q4"],
        ],
        "2 of 8 runs · T",
    ),
    Asked(
        ["best", "my_score", "-n", "2", "--columns", "run_id,my_score,param.slow"],
        ["rank", "run_id", "my_score", "param.slow"],
        [[1, run_id(1), 6.0, "50"], [2, run_id(2), 5.0, "60"]],
        [["#", "run", "my_score", "slow"], ["1", run_id(1), "6", "50"],
         ["2", run_id(2), "5", "60"]],
        "2 of 8 trials · T",
    ),
    Asked(
        ["aggregate", "--by", "symbol", "--above", "2", "--quantiles", "0.5"],
        ["symbol", "runs", "failed", "n", "mean", "median", "std", "min", "max", "q50",
         "share_above"],
        [
            ["WAVE", 2, 1, 1, SHARPE, SHARPE, None, SHARPE, SHARPE, SHARPE, 1.0],
            ["SYNTH", 6, 0, 6, 1.75, 1.75, SPREAD, 0.5, 3.0, 1.75, 2 / 6],
        ],
        [
            ["symbol", "runs", "failed", "n", "mean", "median", "std", "min", "max", "q50",
             "above 2"],
            ["WAVE", "2", "1", "1", "6.40", "6.40", "-", "6.40", "6.40", "6.40", "100.0%"],
            ["SYNTH", "6", "0", "6", "1.75", "1.75", "0.94", "0.50", "3.00", "1.75", "33.3%"],
        ],
        "sharpe of 2 groups · 1 computed from curves, 6 as their sources report · T",
    ),
    Asked(
        ["sweep", "sma_cross", "-x", "fast", "--symbol", "SYNTH"],
        ["param.fast", "sharpe_ratio", "runs"],
        [[5, 1.0, 3], [10, 2.5, 3]],
        [["fast", "sharpe", "runs", ""], ["5", "1.00", "3", "█"], ["10", "2.50", "3", "█" * 30]],
        "mean over slow · 6 trials · T",
    ),
    Asked(
        ["equity", "0007"],
        ["run_id", "ts", "equity", "cash", "exposure", "benchmark", "drawdown"],
        [
            [run_id(7), day, equity, None, None, None, equity / peak - 1]
            for day, equity, peak in zip(DAYS, CURVE["equity"], [100, 110, 110, 121], strict=True)
        ],
        [
            ["time", "equity", "drawdown"],
            ["2024-01-01", "100.00", "0.0%"],
            ["2024-01-02", "110.00", "0.0%"],
            ["2024-01-03", "99.00", "-10.0%"],
            ["2024-02-01", "121.00", "0.0%"],
        ],
        "4 points · T",
    ),
    Asked(
        ["trades", "0007"],
        ["run_id", "trade_no", "symbol", "side", "quantity", "entry_at", "exit_at", "entry_price",
         "exit_price", "pnl", "return", "fees", "mae", "mfe", "entry_tag", "exit_reason", "extra"],
        [
            [run_id(7), 1, "WAVE", "long", 2.0, DAYS[0], "2024-01-02T12:30:00Z", 50.0, 55.0,
             10.0, 0.1, *[None] * 6],
            [run_id(7), 2, "WAVE", "short", 1.0, DAYS[2], DAYS[3], 1000.0, 1004.5, -4.5,
             -0.0045, *[None] * 6],
        ],
        [
            ["#", "symbol", "side", "qty", "entry", "exit", "in at", "out at", "pnl", "return"],
            ["1", "WAVE", "long", "2", "2024-01-01", "2024-01-02 12:30", "50.00", "55.00",
             "10.00", "+10.0%"],
            ["2", "WAVE", "short", "1", "2024-01-03", "2024-02-01 00:00", "1,000.00", "1,004.50",
             "-4.50", "-0.4%"],
        ],
        "2 trades · T",
    ),
    Asked(
        ["lookup", "--strategy", "sma_cross", "-p", "fast=5", "-p", "slow=50", "-p", "risk=1"],
        ["strategy", "params", "run_id", "created_at", "total_trades", "win_rate",
         "profit_factor", "total_return", "cagr", "sharpe_ratio", "max_drawdown"],
        [["sma_cross", PARAMS, run_id(7), "2026-11-07T12:00:00Z", 2, 0.5, 10 / 4.5, 121 / 100 - 1,
          1.21 ** (1 / YEARS) - 1, SHARPE, 99 / 110 - 1]],
        [
            ["strategy", "params", "run", "created", "trades", "win rate", "pf", "return", "cagr",
             "sharpe", "max dd"],
            ["sma_cross", json.dumps(PARAMS), run_id(7), "2026-11-07 12:00", "2", "50.0%", "2.22",
             "+21.0%", "+780.9%", "6.40", "-10.0%"],
        ],
        "1 of 1 found · T",
    ),
    Asked(
        ["compare", "0001", "0002"],
        ["section", "name", run_id(1), run_id(2)],
        [
            ["param", "slow", 50, 60],
            ["metric", "total_return", 0.1, 0.2],
            ["metric", "sharpe_ratio", 0.5, 1.0],
            ["metric", "max_drawdown", -0.01, -0.02],
            ["metric", "total_trades", 10, 20],
            ["metric", "my_score", 6.0, 5.0],
            ["correlation", run_id(1), 1.0, None],
            ["correlation", run_id(2), None, 1.0],
        ],
        None,
        "2 runs · T",
    ),
    Asked(
        ["sql", "select strategy, count(*) as n from runs group by all order by n"],
        ["strategy", "n"],
        [["rsi", 1], ["sma_cross", 7]],
        [["strategy", "n"], ["rsi", "1"], ["sma_cross", "7"]],
        "2 rows · T",
    ),
    Asked(
        ["check"],
        ["kind", "path", "message", "remedy", "damage", "repaired"],
        [],
        [["kind", "path", "message", "remedy", "damage", "repaired"]],
        "nothing wrong · 10 files looked at · --deep reads every byte · T",
    ),
    Asked(
        ["metrics"],
        ["name", "unit", "better", "meaning"],
        [[m.name, m.unit, m.better or None, m.meaning] for m in metrics()]
        + [["my_score", None, None, "a metric of your own"]],
        [["name", "unit", "better", "meaning"]]
        + [[m.name, m.unit or "-", m.better or "-", m.meaning] for m in metrics()]
        + [["my_score", "-", "-", "a metric of your own"]],
        f"{len(metrics())} metrics · 1 of your own",
    ),
]  # fmt: skip
every_question = pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.arguments[0])


def said(cli: Cli, asked: Asked, *more: object) -> str:
    answer = cli(*asked.arguments, *more)
    assert (answer.code, answer.err) == (0, asked.err + "\n")
    return answer.out


@every_question
def test_json_has_a_row_a_line(cli: Cli, asked: Asked):
    out = said(cli, asked, "-f", "json")
    found = json.loads(out)
    assert [list(row) for row in found] == [asked.columns] * len(asked.rows)
    assert rows_about(found) == rows_about(asked.rows)
    assert out == "[\n" + ",\n".join(map(json.dumps, found)) + "\n" * bool(found) + "]\n"


@every_question
def test_csv_has_every_column_raw(cli: Cli, asked: Asked):
    out = said(cli, asked, "-f", "csv")
    assert "\r" not in out
    assert out.endswith("\n")
    head, *rows = csv.reader(io.StringIO(out))
    assert head == asked.columns
    assert [[about(as_typed(v, w)) for v, w in zip(*both, strict=True)] for both in zip(
        rows, asked.rows, strict=True
    )] == rows_about(asked.rows)  # fmt: skip


@every_question
def test_parquet_has_the_same_rows(cli: Cli, asked: Asked, tmp_path: Path):
    assert said(cli, asked, "-o", tmp_path / "x.parquet") == ""
    frame = pl.read_parquet(tmp_path / "x.parquet")
    assert frame.columns == asked.columns
    assert rows_about(map(list, frame.rows())) == rows_about(asked.rows)


@pytest.mark.slow
def test_parquet_holds_texts_where_a_column_holds_more_than_one_kind(cli: Cli, tmp_path: Path):
    assert cli("compare", "0001", "0007", "-o", tmp_path / "x.parquet").code == 0
    frame = pl.read_parquet(tmp_path / "x.parquet")
    found = dict(zip(frame["name"], frame[run_id(7)], strict=True))
    assert (found["symbol"], found["risk"], found["tags"]) == ("WAVE", "1", '["q4"]')
    assert float(found["sharpe_ratio"]) == cli_sharpe(cli)
    assert cli("show", "0008", "-o", tmp_path / "y.parquet").code == 0
    assert cli("show", "0007", "-o", tmp_path / "y.parquet").code == 0
    row = pl.read_parquet(tmp_path / "y.parquet").row(0, named=True)
    assert json.loads(row["params"]) == PARAMS
    assert of_one_kind([2**70, None]) == [str(2**70), None]
    assert of_one_kind([1, 0.5, None]) == [1, 0.5, None]
    assert of_one_kind([True, 1]) == ["true", "1"]


def cli_sharpe(cli: Cli) -> float:
    return json.loads(cli("show", "0007", "-f", "json").out)["sharpe_ratio"]


@pytest.mark.slow
@every_question
def test_markdown_and_tables_read_alike(cli: Cli, asked: Asked):
    table, md = said(cli, asked), said(cli, asked, "-f", "md")
    if asked.markdown is None:
        assert md == f"```\n{table}```\n"
        return
    rules, lines = md.splitlines()[1], md.splitlines()
    assert set(rules) <= set("|-: ")
    assert [line.replace("\\|", "¦") for line in [lines[0], *lines[2:]]] == [
        "| " + " | ".join(row) + " |" for row in asked.markdown
    ]
    if asked.rows:  # a table of nothing is nothing
        assert [line.split() for line in table.splitlines()] == [
            " ".join(row).split() for row in asked.markdown
        ]
    else:
        assert table == ""


def rows_about(rows: Any) -> list[list[Any]]:
    return [
        [about(value) for value in (row.values() if isinstance(row, dict) else row)] for row in rows
    ]


def about(value: Any) -> Any:
    """Floats to twelve digits; times and JSON as they are in JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    if isinstance(value, bool | str | list | dict | None):
        return value
    return f"{value:.12g}"


def as_typed(text: str, like: Any) -> Any:
    if text == "":
        return None
    return json.loads(text) if isinstance(like, int | float | list | dict) else text
