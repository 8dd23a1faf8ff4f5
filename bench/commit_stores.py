"""The content of one run, and the stores that the benchmark of commits puts it into."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import new_run_id
from bt_lake.warehouse.schema import RUNS, arrow_schema
from bt_lake.warehouse.store import Store

POINTS, TRADES = 252, 40
DAY_US = 86_400_000_000
TS = 1_700_000_000_000_000 + np.arange(POINTS) * DAY_US
TEXTS = {"strategy": "sma_cross", "symbol": "AAPL", "timeframe": "1d", "engine": "mine"}
NUMBERS = [c.name for c in RUNS.columns if c.group in ("money", "curve", "trade") and c.is_number]


class Content:
    """Random runs, the same for every store."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def curves(self, count: int) -> np.ndarray:
        returns = self.rng.normal(0.0004, 0.01, (count, POINTS))
        return 100_000 * np.exp(np.cumsum(returns, axis=1))

    def trades(self, count: int) -> dict[str, np.ndarray]:
        size = count * TRADES
        entry = np.sort(self.rng.integers(0, POINTS - 6, (count, TRADES)), axis=1).ravel()
        exit_ = entry + self.rng.integers(1, 6, size)
        price = np.round(self.rng.normal(100, 10, size), 2)
        left = np.round(price * (1 + self.rng.normal(0, 0.02, size)), 2)
        quantity = self.rng.integers(1, 500, size).astype(float)
        return {
            "quantity": quantity,
            "entry_at": TS[entry],
            "exit_at": TS[0] + exit_ * DAY_US,
            "entry_price": price,
            "exit_price": left,
            "pnl": np.round((left - price) * quantity, 2),
            "return": left / price - 1,
        }

    def metrics(self, count: int) -> dict[str, np.ndarray]:
        return {
            name: self.rng.normal(1, 0.5, count)
            if RUNS[name].kind == "double"
            else self.rng.integers(1, 500, count)
            for name in NUMBERS
        }


def frames(content: Content, count: int) -> Frames:
    ids = [new_run_id() for _ in range(count)]
    now = datetime.now(UTC)
    params = [json.dumps({"fast": i % 50, "slow": i % 97}) for i in range(count)]
    runs: dict[str, object] = {
        "run_id": ids,
        "created_at": [now] * count,
        "status": ["ok"] * count,
        **{name: [text] * count for name, text in TEXTS.items()},
        "params": params,
        "params_hash": [f"{hash(p) & (2**128 - 1):032x}" for p in params],
        **content.metrics(count),
    }
    equity = {"ts": np.tile(TS, count), "equity": content.curves(count).ravel()}
    trades = {"trade_no": np.tile(np.arange(1, TRADES + 1), count), **content.trades(count)}
    return Frames(
        _table("runs", runs),
        _table("equity", {"run_id": _repeated(ids, POINTS), **equity}),
        _table("trades", {"run_id": _repeated(ids, TRADES), **trades}),
    )


def _repeated(ids: list[str], times: int) -> pa.Array:
    return pa.array(ids).take(pa.array(np.repeat(np.arange(len(ids)), times)))


def _table(name: str, columns: dict[str, object]) -> pa.Table:
    schema = pa.schema(arrow_schema(name).field(column) for column in columns)
    arrays = []
    for field, values in zip(schema, columns.values(), strict=True):
        array = values if isinstance(values, pa.Array) else pa.array(values)
        arrays.append(array.cast(field.type) if array.type != field.type else array)
    return pa.Table.from_arrays(arrays, schema=schema)


class Peer(Protocol):
    def prepare(self, content: Content) -> Any: ...
    def save(self, prepared: Any) -> None: ...


class Sqlite:
    """The table of a run with its curve and trades beside it, indexed for reading by run."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "runs.sqlite"
        self.db = sqlite3.connect(self.file, timeout=60)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = full")
        numbers = ", ".join(f'"{name}" real' for name in NUMBERS)
        self.db.executescript(
            f"""
            create table if not exists runs (run_id text primary key, created_at integer,
              status text, strategy text, symbol text, timeframe text, engine text, params text,
              {numbers});
            create index if not exists runs_by_key on runs (symbol, strategy, timeframe);
            create table if not exists equity (run_id text, ts integer, equity real,
              primary key (run_id, ts)) without rowid;
            create table if not exists trades (run_id text, trade_no integer, quantity real,
              entry_at integer, exit_at integer, entry_price real, exit_price real, pnl real,
              "return" real, primary key (run_id, trade_no)) without rowid;
            """
        )

    def prepare(self, content: Content) -> tuple[list, list, list]:
        run_id, now = new_run_id(), int(time.time())
        row = [run_id, now, "ok", *TEXTS.values(), '{"fast": 10, "slow": 50}']
        row += [v[0].item() for v in content.metrics(1).values()]
        curve = content.curves(1)[0].tolist()
        trades = zip(*(v.tolist() for v in content.trades(1).values()), strict=True)
        return (
            row,
            [(run_id, t, v) for t, v in zip(TS.tolist(), curve, strict=True)],
            [(run_id, number, *trade) for number, trade in enumerate(trades)],
        )

    def save(self, prepared: tuple[list, list, list]) -> None:
        row, curve, trades = prepared
        with self.db:
            self.db.execute(f"insert into runs values ({', '.join('?' * len(row))})", row)
            self.db.executemany("insert into equity values (?, ?, ?)", curve)
            self.db.executemany(f"insert into trades values ({', '.join('?' * 9)})", trades)

    def bytes(self) -> int:
        self.db.execute("pragma wal_checkpoint(truncate)")
        return self.file.stat().st_size


class Zarr:
    """One group a run, metrics as attributes, no fsync: as the Zarr stores of this job do."""

    def __init__(self, folder: Path) -> None:
        import zarr

        self.folder = folder / "store.zarr"
        self.root = zarr.open_group(str(self.folder), mode="a")

    def prepare(self, content: Content) -> tuple[dict, np.ndarray, np.ndarray]:
        metrics = {name: v[0].item() for name, v in content.metrics(1).items()}
        trades = np.column_stack([v.astype(float) for v in content.trades(1).values()])
        return (
            {**TEXTS, "params": {"fast": 10, "slow": 50}, **metrics},
            content.curves(1)[0],
            trades,
        )

    def save(self, prepared: tuple[dict, np.ndarray, np.ndarray]) -> None:
        attributes, curve, trades = prepared
        group = self.root.create_group(new_run_id(), attributes=attributes)
        equity = group.create_array("equity", shape=curve.shape, dtype="f8")
        equity[:] = curve
        equity.attrs["start"] = int(TS[0])
        stored = group.create_array("trades", shape=trades.shape, dtype="f8")
        stored[:] = trades

    def bytes(self) -> int:
        return sum(p.stat().st_size for p in self.folder.rglob("*") if p.is_file())


class Ours:
    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "lake")

    def prepare(self, content: Content) -> Frames:
        return frames(content, 1)

    def save(self, prepared: Frames) -> None:
        self.store.append(prepared)
