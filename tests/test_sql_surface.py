"""The views and macros give the same in Python and in the plain DuckDB shell."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from bt_lake.warehouse.errors import BadInput

pytest_plugins = ["golden_fixtures"]

DUCKDB = Path(sysconfig.get_path("scripts")) / "duckdb"
NEXT = "~ next ~"


def shell(folder: Path, sql: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DUCKDB, "-init", "lake.sql", "-csv", "-noheader", *options],
        cwd=folder,
        input=sql,
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": "Asia/Tokyo"},  # macros must not depend on where they run
    )


def rows_of(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))


def as_text(row: tuple) -> list[str]:
    return ["NULL" if value is None else str(value) for value in row]


BEST = 'select "rank", run_id, round(value, 9) from '


ASKED = [
    f"{BEST} best('sharpe_ratio')",
    f"{BEST} best('volatility', n := 3)",
    f"{BEST} best('volatility', n := 3, ascending := false)",
    f"{BEST} best('my_score', n := 5)",
    f"{BEST} best('param.fast', n := 5)",
    f"{BEST} best('total_trades', strategy := 'momentum', symbol := 'AAPL', min_trades := 9)",
    f"{BEST} best('cagr', timeframe := '1h', n := 2)",
    "select label, runs, failed, n, round(mean, 9), round(median, 9) + 0 from aggregate('strategy')",
    "select label, runs, n, round(q25, 9), round(q75, 9) from aggregate('param.fast', metric := 'my_score')",
    "select label, runs, round(std, 9) from aggregate('day') limit 5",
    "select label, runs from aggregate('week', metric := 'volatility')",
    "select x, y, round(value, 9), runs from sweep('sma_cross', 'fast', 'slow', 'sharpe_ratio')",
    "select x, y, round(value, 9), runs from sweep('momentum', 'slow')",
    "select x, y, round(value, 9), runs from sweep('momentum', 'symbol', 'param.stop', 'my_score')",
    "select run_id from newest(n := 7)",
    "select count(*) from newest()",
    "select count(*), (select count(*) from trials) from runs",
    "select run_id, round(min(drawdown), 9) from equity group by all order by 1",
    'select run_id, month, round("return", 9) from monthly_returns order by all',
    "select run_id, kind, value from events order by run_id, kind, value",
]


@pytest.fixture(scope="module")
def answers(golden) -> dict[str, list[list[str]]]:
    """What one shell answers to all of them: to open a lake in it takes longer than they do."""
    found: list[list[list[str]]] = [[]]
    for row in rows_of(
        shell(golden.lake.path, f";\nselect '{NEXT}';\n".join(ASKED) + ";", "-bail")
    ):
        if row == [NEXT]:
            found.append([])
        else:
            found[-1].append(row)
    return dict(zip(ASKED, found, strict=True))


@pytest.mark.parametrize("sql", ASKED)
def test_the_shell_says_what_python_says(golden, answers, sql):
    assert answers[sql] == [as_text(row) for row in golden.lake.sql(sql).rows()]


WRONG = [
    ("from best('sharp')", "no metric 'sharp'. Did you mean sharpe_ratio, sharpe_period"),
    ("from best('param.nope')", "no parameter 'nope'. Did you mean"),
    ("from aggregate('param.nope')", "no parameter 'nope'. Did you mean"),
    ("from best(null)", "no metric 'NULL'"),
    ("from aggregate('stratgy')", "no label 'stratgy'. Did you mean strategy"),
    ("from aggregate('strategy', metric := 'shrp')", "no metric 'shrp'"),
    ("from sweep('sma_cross', 'fast', 'slow', 'shrp')", "no metric 'shrp'"),
    ("from sweep('sma_cross', 'fats')", "no run of sma_cross has the parameter fats"),
    ("from sweep('sma_cross', 'fast', 'slwo')", "no run of sma_cross has the parameter slwo"),
]


@pytest.fixture(scope="module")
def refusals(golden) -> dict[str, str]:
    """What one shell says of each of them."""
    done = shell(golden.lake.path, "".join(f"{sql};\n" for sql, _ in WRONG))
    assert done.returncode != 0 and not done.stdout
    errors = re.findall(r"\bError: (.*)", done.stderr)
    return dict(zip((sql for sql, _ in WRONG), errors, strict=True))


@pytest.mark.parametrize(("sql", "message"), WRONG)
def test_a_name_that_does_not_exist_is_an_error_not_null(golden, refusals, sql, message):
    with pytest.raises(BadInput) as caught:
        golden.lake.sql(sql)
    assert message in str(caught.value)
    assert message in refusals[sql]


@pytest.mark.parametrize("metric", ["sharpe_ratio", "volatility", "my_score", "param.fast"])
def test_best_is_the_same_as_the_method(golden, metric):
    macro = golden.lake.sql(f"from best('{metric}', n := 20)")
    method = golden.lake.best(metric, 20)
    assert macro["run_id"].to_list() == method["run_id"].to_list()
    assert set(method.columns) - {metric} <= set(macro.columns)
    assert macro["max_drawdown"].to_list() == method["max_drawdown"].to_list()


@pytest.mark.parametrize("label", ["strategy", "symbol", "param.fast", "month"])
def test_aggregate_is_the_same_as_the_method(golden, label):
    macro = golden.lake.sql(f"from aggregate('{label}')").drop("label")
    method = golden.lake.aggregate(label).drop(label)
    assert macro.select(method.columns).rows() == [
        tuple(v if v is None else pytest.approx(v) for v in row) for row in method.rows()
    ]


def test_sweep_is_the_same_as_the_method(golden):
    macro = golden.lake.sql("from sweep('sma_cross', 'fast', 'slow', 'sharpe_ratio')").rows()
    method = golden.lake.sweep("sma_cross", "fast", "slow").rows
    assert [(float(x), float(y), v, n) for x, y, v, n in macro] == [
        (x, y, v if v is None else pytest.approx(v), n) for x, y, v, n in method
    ]


def test_newest_is_the_newest_first(golden):
    macro = golden.lake.sql("from newest(n := 25)")
    assert macro["run_id"].to_list() == golden.lake.runs(n=25)["run_id"].to_list()
    assert set(macro.columns) == set(golden.lake.runs(n=1).columns)
