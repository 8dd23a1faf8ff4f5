"""Made-up older stores of backtests, as large as they are after a year."""

from __future__ import annotations

import json
import sqlite3
import uuid
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

POINTS = 252
START = datetime(2024, 1, 2)
RESULTS = """
create table if not exists backtest_results (
  id integer primary key autoincrement, symbol text not null, timeframe text not null,
  model_path text, run_timestamp integer not null, start_date integer not null,
  end_date integer not null, initial_capital real not null, final_equity real not null,
  total_return real not null, sharpe_ratio real, max_drawdown real, win_rate real,
  profit_factor real, total_trades integer, avg_trade_pnl real, config_json text, notes text)
"""
DOCUMENTS = """
create table if not exists backtest_results (
  id serial primary key, strategy_id text not null, backtest_id text, metrics jsonb not null,
  parameters jsonb not null, created_at timestamptz not null);
"""
# The tables that bt-lake reads of MLflow's and Optuna's own schemas.
MLFLOW = """
create table if not exists experiments (experiment_id integer primary key, name text);
create table if not exists runs (
  run_uuid text primary key, name text, status text, start_time bigint, end_time bigint,
  lifecycle_stage text, artifact_uri text, experiment_id integer, deleted_time bigint);
create table if not exists metrics (
  key text, value float, timestamp bigint, run_uuid text, step bigint, is_nan boolean);
create table if not exists latest_metrics (
  key text, value float, timestamp bigint, step bigint, is_nan boolean, run_uuid text,
  primary key (key, run_uuid));
create table if not exists params (key text, value text, run_uuid text,
  primary key (key, run_uuid));
create table if not exists tags (key text, value text, run_uuid text, primary key (key, run_uuid));
create index if not exists latest on latest_metrics (run_uuid);
create index if not exists given on params (run_uuid);
create index if not exists tagged on tags (run_uuid);
"""
OPTUNA = """
create table if not exists studies (study_id integer primary key, study_name text);
create table if not exists study_system_attributes (study_id integer, key text, value_json text);
create table if not exists trials (
  trial_id integer primary key, number integer, study_id integer, state text,
  datetime_start text, datetime_complete text);
create table if not exists trial_params (
  trial_id integer, param_name text, param_value float, distribution_json text);
create table if not exists trial_values (trial_id integer, objective integer, value float);
create table if not exists trial_user_attributes (trial_id integer, key text, value_json text);
"""
_WHOLE = (
    '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 99}}'
)


def sqlite_results(path: Path, count: int, seed: int) -> None:
    """18 columns: Unix times, returns in percent, a configuration as JSON text."""
    rng = np.random.default_rng(seed)
    gain, fall = rng.normal(8, 20, count), rng.gamma(3, 4, count)
    numbers = {
        "sharpe": rng.normal(1, 0.5, count).tolist(),
        "wins": rng.uniform(30, 70, count).tolist(),
        "factor": rng.gamma(4, 0.3, count).tolist(),
        "trades": rng.integers(1, 500, count).tolist(),
        "mean": rng.normal(20, 50, count).tolist(),
    }
    symbols = rng.choice(["AAPL", "GOOGL", "MSFT", "NVDA", "TSLA"], count).tolist()
    rows = (
        (
            symbol, "1Hour", f"models/{symbol}_1Hour.pt", 1_700_000_000 + 60 * place,
            1_577_836_800, 1_672_531_200, 1e5, 1e5 * (1 + up / 100), up, sharpe, down, wins,
            factor, trades, mean,
            json.dumps({"stop_loss": 0.02, "take_profit": 0.05, "window": place % 97}),
            None if place % 3 else "looks good",
        )
        for place, (symbol, up, down, sharpe, wins, factor, trades, mean) in enumerate(
            zip(symbols, gain.tolist(), fall.tolist(), *numbers.values(), strict=True)
        )
    )  # fmt: skip
    _fill(path, RESULTS, ("backtest_results", 18, ((None, *row) for row in rows)))


def documents(ask: Callable[[str], object], count: int, seed: int) -> None:
    """Metrics and parameters as JSONB, twelve monthly returns among them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(1, 0.3, (count, 5)).tolist()
    rows = []
    for place, (sharpe, sortino, cagr, fall, gain) in enumerate(values):
        metrics = {
            "sharpe_ratio": sharpe, "sortino_ratio": sortino, "cagr": cagr / 5,
            "max_drawdown": -abs(fall) / 5, "total_return_pct": gain * 10, "win_rate": 0.55,
            "total_trades": place % 300, "monthly_returns": [0.01] * 12,
        }  # fmt: skip
        params = {"fast": place % 100, "slow": place // 100}
        at = START + timedelta(minutes=place)
        texts = ("alpha", f"bt-{seed}-{place}", json.dumps(metrics), json.dumps(params), str(at))
        rows.append("(" + ", ".join(f"'{text}'" for text in texts) + ")")
    columns = "strategy_id, backtest_id, metrics, parameters, created_at"
    ask(f"{DOCUMENTS} insert into backtest_results ({columns}) values {','.join(rows)};")


def zarr_entries(path: Path, count: int, seed: int) -> None:
    """A curve of a year and twenty trades a run, and their parameters."""
    import zarr

    rng = np.random.default_rng(seed)
    kinds = [(name, "U50") for name in ("symbol", "strategy", "params_hash", "exit_rule")]
    kinds += [(name, "f4") for name in ("win_rate", "total_return", "sharpe_ratio", "max_drawdown")]
    kinds += [("num_trades", "i4"), ("timestamp", "U32")]
    entries = np.zeros(count, np.dtype(kinds))
    dates = [f"{START + timedelta(days=n):%Y-%m-%d}" for n in range(POINTS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = zarr.open_group(str(path), mode="a")
        groups = [
            root.require_group(n) for n in ("params_lookup", "equity_curves", "trade_details")
        ]
        params, curves, trades = groups
        for place in range(count):
            key = f"{seed}{place}"
            made = f"{START + timedelta(minutes=place):%Y-%m-%dT%H:%M:%S}"
            entries[place] = ("AAPL", "rsi", key, "stop", 0.5, 0.1, 1.2, -0.2, 20, made)
            params.create_group(key).attrs["params"] = json.dumps({"period": place})
            run = f"AAPL_rsi_{key}_stop"
            equity = 1e5 * np.cumprod(1 + rng.normal(0, 0.01, POINTS))
            curves.create_array(run, data=equity).attrs["dates"] = dates
            several = [
                {"entry_date": dates[12 * n], "exit_date": dates[12 * n + 5], "pnl": 1.5 * n}
                for n in range(20)
            ]
            text = json.dumps(several)
            trades.create_array(run, data=np.array([text], f"U{len(text)}"))
        if "metadata" not in root:
            root.create_array("metadata", shape=(0,), dtype=entries.dtype, chunks=(1000,))
        table = root["metadata"]
        before = table.shape[0]
        table.resize((before + count,))
        table[before:] = entries


def mlflow_runs(path: Path, count: int, seed: int) -> None:
    """Ten metrics, eight parameters and three tags a run."""
    made = list(_tracked(count, seed))
    _fill(
        path,
        MLFLOW,
        ("runs", 9, ((run, "ant", "FINISHED", at, at + 9, "active", "s3://x", 1, None)
                     for run, at, *_ in made)),
        ("latest_metrics", 6, ((k, v, at, 0, 0, run) for run, at, metrics, *_ in made
                               for k, v in metrics.items())),
        ("metrics", 6, ((k, v, at, run, 0, 0) for run, at, metrics, *_ in made
                        for k, v in metrics.items())),
        ("params", 3, ((k, v, run) for run, _, _, params, _ in made for k, v in params.items())),
        ("tags", 3, ((k, v, run) for run, _, _, _, tags in made for k, v in tags.items())),
    )  # fmt: skip


def mlflow_files(path: Path, count: int, seed: int) -> None:
    """The same as a folder of files."""
    experiment = path / "1"
    experiment.mkdir(parents=True, exist_ok=True)
    (experiment / "meta.yaml").write_text("name: old\n")
    for run, at, *parts in _tracked(count, seed):
        folder = experiment / run
        for kind, values in zip(("metrics", "params", "tags"), parts, strict=True):
            (folder / kind).mkdir(parents=True)
            for key, value in values.items():
                text = f"{at} {value} 0\n" if kind == "metrics" else str(value)
                (folder / kind / key).write_text(text)
        (folder / "meta.yaml").write_text(
            f"run_id: {run}\nstatus: 3\nstart_time: {at}\nend_time: {at + 9}\n"
            "lifecycle_stage: active\n"
        )


def _tracked(count: int, seed: int) -> Iterator[tuple[Any, ...]]:
    rng = np.random.default_rng(seed)
    for place, values in enumerate(rng.normal(1, 1, (count, 10)).tolist()):
        metrics = {f"score_{n}": value for n, value in enumerate(values)} | {"sharpe": values[0]}
        params = {f"p{n}": str(place % (n + 2)) for n in range(8)}
        tags = {"team": "quant", "strategy": "sma", "desk": "rates"}
        run = uuid.UUID(int=seed * 10**9 + place, version=4).hex
        yield run, 1_735_430_400_000 + place, metrics, params, tags


def optuna_trials(path: Path, count: int, seed: int) -> None:
    """Three parameters, a value and an attribute a trial."""
    rng = np.random.default_rng(seed)
    values, first = rng.normal(1, 1, count).tolist(), seed * 10**7
    at = [f"{START + timedelta(seconds=n)}" for n in range(count)]
    numbers = range(first, first + count)
    _fill(
        path,
        OPTUNA,
        ("studies", 2, [(seed, f"study {seed}")]),
        ("trials", 6, ((n, n - first, seed, "COMPLETE", t, t)
                       for n, t in zip(numbers, at, strict=True))),
        ("trial_params", 4, ((n, name, n % 99, _WHOLE) for n in numbers
                             for name in ("fast", "slow", "stop"))),
        ("trial_values", 3, ((n, 0, v) for n, v in zip(numbers, values, strict=True))),
        ("trial_user_attributes", 3, ((n, "score", "0.5") for n in numbers)),
    )  # fmt: skip


def optuna_journal(path: Path, count: int, seed: int) -> None:
    """The same as a journal; a second study is written behind the first."""
    rng = np.random.default_rng(seed)
    with path.open("a") as file:

        def say(**entry: Any) -> None:
            file.write(json.dumps(entry) + "\n")

        before = sum('"op_code": 4' in line for line in path.open())
        say(op_code=0, study_name=f"study {seed}", directions=[2])
        for place, value in enumerate(rng.normal(1, 1, count).tolist()):
            trial, at = before + place, (START + timedelta(seconds=place)).isoformat()
            say(op_code=4, study_id=seed - 1, datetime_start=at)
            for name in ("fast", "slow", "stop"):
                say(op_code=5, trial_id=trial, param_name=name, param_value_internal=place % 99,
                    distribution=_WHOLE)  # fmt: skip
            say(op_code=8, trial_id=trial, user_attr={"score": 0.5})
            say(op_code=6, trial_id=trial, state=1, values=[value], datetime_complete=at)


def _fill(path: Path, tables: str, *several: tuple[str, int, Any]) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(tables)
        for table, width, rows in several:
            connection.executemany(f"insert into {table} values ({', '.join('?' * width)})", rows)
    connection.close()
