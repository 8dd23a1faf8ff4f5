"""Older stores of backtests, made as the documents of the systems that write them say."""

from __future__ import annotations

import importlib
import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

# A table of summary metrics with Unix times; returns and drawdowns in percent.
RESULTS = """
create table if not exists backtest_results (
    id integer primary key autoincrement,
    symbol text not null,
    timeframe text not null,
    model_path text,
    run_timestamp integer not null,
    start_date integer not null,
    end_date integer not null,
    initial_capital real not null,
    final_equity real not null,
    total_return real not null,
    sharpe_ratio real,
    max_drawdown real,
    win_rate real,
    profit_factor real,
    total_trades integer,
    avg_trade_pnl real,
    config_json text,
    notes text
);
create index if not exists idx_backtest_symbol on backtest_results(symbol, timeframe);
create index if not exists idx_backtest_timestamp on backtest_results(run_timestamp desc);
"""
RESULT: dict[str, Any] = {
    "symbol": "GOOGL",
    "timeframe": "1Hour",
    "model_path": "models/rl_symbols/GOOGL_1Hour.pt",
    "run_timestamp": 1_735_430_400,  # 2024-12-29
    "start_date": 472_694_400,  # 1984-12-24: histories may begin before 1990
    "end_date": 1_703_980_800,  # 2023-12-31
    "initial_capital": 100_000.0,
    "final_equity": 112_500.0,
    "total_return": 12.5,
    "sharpe_ratio": 1.25,
    "max_drawdown": 8.5,
    "win_rate": 55.0,
    "profit_factor": 1.5,
    "total_trades": 40,
    "avg_trade_pnl": 312.5,
    "config_json": '{"stop_loss": 0.02, "take_profit": Infinity}',
    "notes": "first",
}
# The same system's documents of metrics and parameters, with ids of strategies.
STRATEGIES = """
create table strategies (id uuid primary key, name text);
create table backtest_results (
    id serial primary key,
    strategy_id uuid not null references strategies(id) on delete cascade,
    backtest_id varchar(100),
    metrics jsonb not null default '{}',
    parameters jsonb not null default '{}',
    period_start timestamptz,
    period_end timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz default now()
);
"""
METRICS: dict[str, Any] = {
    "sharpe_ratio": 1.5,
    "sortino_ratio": 1.8,
    "cagr": 0.25,
    "max_drawdown": -0.15,
    "win_rate": 0.55,
    "profit_factor": 1.8,
    "total_trades": 150,
    "avg_trade_duration_hours": 48.5,
    "total_return_pct": 45.2,
    "monthly_returns": [0.01, -0.02],
}
# Executions with their configuration, and the metrics of those that went well.
RUNS = """
create table backtest_runs (
    id bigserial primary key,
    run_id uuid not null unique,
    strategy_name varchar(255) not null,
    strategy_type varchar(100) not null,
    instrument_symbol varchar(50) not null,
    start_date timestamptz not null,
    end_date timestamptz not null,
    initial_capital numeric(20, 2) not null,
    data_source varchar(100) not null,
    execution_status varchar(20) not null,
    execution_duration_seconds numeric(10, 3) not null,
    error_message text,
    config_snapshot jsonb not null,
    reproduced_from_run_id uuid,
    created_at timestamptz not null default now(),
    constraint config_has_required_fields check (
        config_snapshot ? 'strategy_path' and config_snapshot ? 'config_path'
        and config_snapshot ? 'config')
);
create table performance_metrics (
    id bigserial primary key,
    backtest_run_id bigint not null unique references backtest_runs(id) on delete cascade,
    total_return numeric(15, 6) not null,
    final_balance numeric(20, 2) not null,
    cagr numeric(15, 6),
    sharpe_ratio numeric(15, 6),
    sortino_ratio numeric(15, 6),
    max_drawdown numeric(15, 6),
    max_drawdown_date timestamptz,
    calmar_ratio numeric(15, 6),
    volatility numeric(15, 6),
    total_trades integer not null,
    winning_trades integer not null,
    losing_trades integer not null,
    win_rate numeric(5, 4),
    profit_factor numeric(15, 6),
    expectancy numeric(20, 2),
    avg_win numeric(20, 2),
    avg_loss numeric(20, 2),
    created_at timestamptz not null default now()
);
create index idx_metrics_backtest_run_id on performance_metrics (backtest_run_id);
create index idx_backtest_runs_created_id on backtest_runs (created_at desc, id desc);
"""
# The metadata of a Zarr store.
ENTRY = [
    ("symbol", "U20"),
    ("strategy", "U50"),
    ("params_hash", "U32"),
    ("exit_rule", "U50"),
    ("win_rate", "f4"),
    ("num_trades", "i4"),
    ("total_return", "f4"),
    ("cagr", "f4"),
    ("sharpe_ratio", "f4"),
    ("max_drawdown", "f4"),
    ("expectancy", "f4"),
    ("start_date", "U10"),
    ("end_date", "U10"),
    ("timestamp", "U32"),
]
# The tables of MLflow that hold runs, in its own schema.
MLFLOW = """
create table experiments (
    experiment_id integer not null, name varchar(256) not null, artifact_location varchar(256),
    lifecycle_stage varchar(32), creation_time bigint, last_update_time bigint,
    constraint experiment_pk primary key (experiment_id), unique (name),
    constraint experiments_lifecycle_stage check (lifecycle_stage in ('active', 'deleted')));
create table runs (
    run_uuid varchar(32) not null, name varchar(250), source_type varchar(20),
    source_name varchar(500), entry_point_name varchar(50), user_id varchar(256),
    status varchar(9), start_time bigint, end_time bigint, source_version varchar(50),
    lifecycle_stage varchar(20), artifact_uri varchar(200), experiment_id integer,
    deleted_time bigint,
    constraint run_pk primary key (run_uuid),
    foreign key(experiment_id) references experiments (experiment_id),
    constraint runs_lifecycle_stage check (lifecycle_stage in ('active', 'deleted')),
    check (status in ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED')));
create table metrics (
    key varchar(250) not null, value float not null, timestamp bigint not null,
    run_uuid varchar(32) not null, step bigint default '0' not null,
    is_nan boolean default '0' not null,
    constraint metric_pk primary key (key, timestamp, step, run_uuid, value, is_nan),
    foreign key(run_uuid) references runs (run_uuid), check (is_nan in (0, 1)));
create table latest_metrics (
    key varchar(250) not null, value float not null, timestamp bigint, step bigint not null,
    is_nan boolean not null, run_uuid varchar(32) not null,
    constraint latest_metric_pk primary key (key, run_uuid),
    foreign key(run_uuid) references runs (run_uuid), check (is_nan in (0, 1)));
create table params (
    key varchar(250) not null, value varchar(8000) not null, run_uuid varchar(32) not null,
    constraint param_pk primary key (key, run_uuid),
    foreign key(run_uuid) references runs (run_uuid));
create table tags (
    key varchar(250) not null, value varchar(5000), run_uuid varchar(32) not null,
    constraint tag_pk primary key (key, run_uuid),
    foreign key(run_uuid) references runs (run_uuid));
create index index_latest_metrics_run_uuid on latest_metrics (run_uuid);
create index index_params_run_uuid on params (run_uuid);
create index index_tags_run_uuid on tags (run_uuid);
"""

# The tables of Optuna that hold trials, in its own schema.
OPTUNA = """
create table studies (
    study_id integer not null, study_name varchar(512) not null, primary key (study_id));
create table study_system_attributes (
    study_system_attribute_id integer not null, study_id integer, key varchar(512),
    value_json text, primary key (study_system_attribute_id), unique (study_id, key));
create table trials (
    trial_id integer not null, number integer, study_id integer, state varchar(8) not null,
    datetime_start datetime, datetime_complete datetime, primary key (trial_id));
create table trial_user_attributes (
    trial_user_attribute_id integer not null, trial_id integer, key varchar(512),
    value_json text, primary key (trial_user_attribute_id), unique (trial_id, key));
create table trial_params (
    param_id integer not null, trial_id integer, param_name varchar(512), param_value float,
    distribution_json text, primary key (param_id), unique (trial_id, param_name));
create table trial_values (
    trial_value_id integer not null, trial_id integer not null, objective integer not null,
    value float, value_type varchar(7) not null, primary key (trial_value_id),
    unique (trial_id, objective));
"""


def needed(module: str) -> Any:
    """An optional driver: its tests are skipped without it, but not in CI."""
    if os.environ.get("CI"):
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"{module} is not installed")


def documented(heading: str) -> dict[str, str]:
    """What docs/importing.md says becomes of each column, from the last table of a section."""
    page = (Path(__file__).parents[1] / "docs" / "importing.md").read_text("utf-8")
    section = re.split(r"^#+ ", page.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", section, flags=re.M)
    assert rows, f"no table under {heading}"
    return dict(rows)


def result(**columns: Any) -> dict[str, Any]:
    return {**RESULT, **columns}


def add_results(path: Path, *results: dict[str, Any], ddl: str = RESULTS) -> Path:
    """A SQLite file with these rows of `backtest_results` added."""
    with sqlite3.connect(path) as connection:
        connection.executescript(ddl)
        for row in results:
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            connection.execute(
                f"insert into backtest_results ({names}) values ({marks})", list(row.values())
            )
    connection.close()
    return path


def literal(value: Any) -> str:
    """A value as SQL text, for a server that is asked with its own shell."""
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        value = json.dumps(value)
    return str(value) if isinstance(value, (int, float)) else "'" + value.replace("'", "''") + "'"


def insert(table: str, row: dict[str, Any]) -> str:
    return (
        f"insert into {table} ({', '.join(row)}) values ({', '.join(map(literal, row.values()))});"
    )


def zarr_store(path: Path, entries: list[dict[str, Any]], *, zarr_format: int = 3) -> Any:
    """A Zarr store: metadata, parameters by their hash, curves and trades by the run's id."""
    import numpy as np

    zarr = needed("zarr")
    root = zarr.open_group(str(path), mode="a", zarr_format=zarr_format)
    if "metadata" not in root:
        root.create_array("metadata", shape=(0,), dtype=np.dtype(ENTRY), chunks=(1000,))
        for name in ("params_lookup", "trade_details", "equity_curves"):
            root.create_group(name)
    for entry in entries:
        add_entry(root, entry)
    return root


def add_entry(root: Any, entry: dict[str, Any]) -> None:
    """One backtest more; repeating one replaces its curve and adds to the metadata."""
    import numpy as np

    metadata = root["metadata"]
    count = metadata.shape[0]
    metadata.resize((count + 1,))
    row = tuple(entry.get(name, "" if kind[0] == "U" else 0) for name, kind in ENTRY)
    metadata[count] = np.array([row], dtype=np.dtype(ENTRY))[0]
    if "params" in entry and entry["params_hash"] not in root["params_lookup"]:
        params = root["params_lookup"].create_group(entry["params_hash"])
        params.attrs["params"] = json.dumps(entry["params"])
    run = "_".join(entry[name] for name in ("symbol", "strategy", "params_hash", "exit_rule"))
    if "equity" in entry:
        values = np.array(entry["equity"], "f8")
        curve = root["equity_curves"].create_array(run, data=values, overwrite=True)
        curve.attrs.update({n: entry[n] for n in ("dates", "positions") if n in entry})
    if "trades" in entry:
        text = json.dumps(entry["trades"])
        trades = root["trade_details"].create_array(
            run, shape=(1,), dtype=f"U{len(text)}", overwrite=True
        )
        trades[0] = text
