"""The lake that bench/queries.py asks: many runs, some with curves, made in bulk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.schema import arrow_schema
from bt_lake.warehouse.store import Store

STRATEGIES, SYMBOLS, TIMEFRAMES = 200, 500, ("1d", "1h", "5m")
POINTS = 252
METRICS = (
    "total_return", "cagr", "volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "max_drawdown", "ulcer_index", "var_95", "cvar_95", "tail_ratio", "skew", "kurtosis",
    "sharpe_period", "win_rate", "profit_factor", "expectancy", "avg_trade_return", "sqn",
    "exposure",
)  # fmt: skip
# One commit: few enough points to sort in memory while compacting.
_CHUNK = 12_500
_START_MS = 1_700_000_000_000
_STEP_MS = 20_000
_DAY_US = 86_400_000_000
_TS = 1_600_000_000_000_000 + np.arange(POINTS) * _DAY_US


def build(folder: Path, runs: int, curves: int) -> Store:
    """A compacted lake of so many runs, the first `curves` of them with an equity curve."""
    store = Store(folder)
    for frames in content(runs, curves):
        store.append(frames)
    store.compact(grace_s=0)
    return store


def content(runs: int, curves: int) -> Iterator[Frames]:
    rng = np.random.default_rng(7)
    for first in range(0, runs, _CHUNK):
        count = min(_CHUNK, runs - first)
        table = _runs(rng, first, count)
        with_curve = min(max(curves - first, 0), count)
        yield Frames(table, _equity(rng, table["run_id"], with_curve) if with_curve else None)


def _runs(rng: np.random.Generator, first: int, count: int) -> pa.Table:
    made_ms = _START_MS + (first + np.arange(count)) * _STEP_MS
    fast = rng.integers(1, 40, count) * 5
    slow = rng.integers(1, 40, count) * 10
    stop = rng.integers(1, 20, count) / 100
    params = [
        f'{{"fast":{f},"slow":{s},"stop":{t}}}' for f, s, t in zip(fast, slow, stop, strict=True)
    ]
    # Families of very different sizes: the largest holds a sixth of all runs.
    shares = 1 / np.arange(1, STRATEGIES + 1)
    strategy = rng.choice(STRATEGIES, count, p=shares / shares.sum())
    own = rng.random(count)
    columns = {
        "run_id": _ids(rng, made_ms),
        "created_at": pa.array(made_ms * 1000),
        "status": pa.array(np.where(rng.random(count) < 0.01, "failed", "ok")),
        "strategy": pa.array([f"strategy_{n:03d}" for n in strategy]),
        "symbol": pa.array([f"SYM{n:03d}" for n in rng.integers(0, SYMBOLS, count)]),
        "timeframe": pa.array(np.array(TIMEFRAMES)[rng.integers(0, len(TIMEFRAMES), count)]),
        "params": pa.array(params),
        "params_hash": pa.array([_hash(text) for text in params]),
        "total_trades": pa.array(rng.integers(0, 300, count)),
        "initial_capital": pa.array(np.full(count, 100_000.0)),
        **{name: pa.array(np.round(rng.normal(0, 1, count), 6)) for name in METRICS},
        "extra": pa.array([[("my_score", v)] if v < 0.5 else None for v in own.tolist()],
                          arrow_schema("runs").field("extra").type),
    }  # fmt: skip
    return pa.table(columns, schema=pa.schema(arrow_schema("runs").field(n) for n in columns))


def _ids(rng: np.random.Generator, made_ms: np.ndarray) -> pa.Array:
    """UUIDv7, so that ids are in the order of time."""
    tails = rng.integers(0, 2**60, len(made_ms), dtype=np.uint64)
    texts = [f"{ms:012x}7{tail:019x}" for ms, tail in zip(made_ms, tails, strict=True)]
    return pa.array([f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts])


def _hash(params: str) -> str:
    return hashlib.sha256(params.encode()).hexdigest()[:32]


def _equity(rng: np.random.Generator, run_ids: pa.ChunkedArray, count: int) -> pa.Table:
    owner = np.repeat(np.arange(count), POINTS)
    walk = np.cumsum(rng.normal(0.0003, 0.01, (count, POINTS)), axis=1)
    columns = {
        "run_id": run_ids.take(pa.array(owner)),
        "ts": pa.array(np.tile(_TS, count)),
        "equity": pa.array(np.round(100_000 * np.exp(walk), 2).ravel()),
    }
    return pa.table(columns, schema=pa.schema(arrow_schema("equity").field(n) for n in columns))
