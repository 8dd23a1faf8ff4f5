"""Runs with known content, as frames, for tests of the warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from bt_lake.warehouse.digest import BLANK, sealed
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import new_run_id
from bt_lake.warehouse.schema import arrow_schema

START = datetime(2024, 1, 2, tzinfo=UTC)


def frames(
    count: int = 1, *, points: int = 5, trades: int = 2, run_ids: list[str] | None = None, **columns
) -> Frames:
    """Some runs; `bars` and `total_trades` of each say how much of it a reader must see."""
    ids = run_ids or [new_run_id() for _ in range(count)]
    runs = {
        "run_id": ids,
        "created_at": [START] * len(ids),
        "status": ["ok"] * len(ids),
        "strategy": ["sma_cross"] * len(ids),
        "bars": [points] * len(ids),
        "total_trades": [trades] * len(ids),
        "sharpe_ratio": [float(len(i)) for i in ids],
        **{name: [value] * len(ids) for name, value in columns.items()},
    }
    equity = {
        "run_id": [i for i in ids for _ in range(points)],
        "ts": [START + timedelta(days=n) for _ in ids for n in range(points)],
        "equity": [100.0 + n for _ in ids for n in range(points)],
    }
    trade_rows = {
        "run_id": [i for i in ids for _ in range(trades)],
        "trade_no": [n + 1 for _ in ids for n in range(trades)],
        "side": ["long"] * (trades * len(ids)),
        "entry_at": [START + timedelta(days=n) for _ in ids for n in range(trades)],
        "exit_at": [START + timedelta(days=n + 1) for _ in ids for n in range(trades)],
        "pnl": [1.0 + n for _ in ids for n in range(trades)],
    }
    return Frames(table("runs", runs), table("equity", equity), table("trades", trade_rows))


def table(name: str, columns: dict) -> pa.Table:
    schema = arrow_schema(name)
    fields = [schema.field(column) for column in columns]
    return pa.Table.from_arrays(
        [
            pa.array(values, field.type)
            for field, values in zip(fields, columns.values(), strict=True)
        ],
        schema=pa.schema(fields),
    )


def ids(made: Frames) -> list[str]:
    return made.runs["run_id"].to_pylist()


def edit_log(path: Path, change: Callable[[dict], object]) -> None:
    """Change a log as its maker could: its digest is right again afterwards."""
    state = json.loads(path.read_text())
    change(state)
    path.write_bytes(resealed(state))


def resealed(state: dict) -> bytes:
    state = {key: value for key, value in state.items() if key != "digest"}
    return sealed(json.dumps(state | {"digest": BLANK}).encode())
