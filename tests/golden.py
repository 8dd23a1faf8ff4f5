"""A small lake whose every row is known, and the same rows as plain Python values.

`make(folder)` writes it through several commits, a compaction and pending events; `rows` says
what a reader must see, and tests compute each answer from them on their own.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from factory import table

from bt_lake.lake import Lake
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.params import params_hash

RUNS = 300
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
STRATEGIES = ("sma_cross", "rsi_reversion", "momentum")
SYMBOLS = ("AAPL", "MSFT", None)
FLOATS = ("sharpe_ratio", "total_return", "max_drawdown", "volatility", "win_rate", "cagr")
CURVE_DAYS = 90

Row = dict[str, Any]


@dataclass(frozen=True)
class Golden:
    lake: Lake
    trials: list[Row]  # deleted ones too
    curves: dict[str, list[tuple[datetime, float]]]
    trades: dict[str, list[Row]]

    @property
    def rows(self) -> list[Row]:
        return [row for row in self.trials if row["deleted_at"] is None]


def make(folder: Path) -> Golden:
    rng = random.Random(20261119)
    trials = [_run(number, rng) for number in range(RUNS)]
    rng.shuffle(trials)  # the order of ids is not the order of time
    curves = {row["run_id"]: _curve(row, rng) for row in trials[: RUNS // 3]}
    trades = {row["run_id"]: _trades(rng) for row in trials[: RUNS // 4]}
    lake = Lake(folder)

    def commit(rows: list[Row]) -> None:
        lake.store.append(_frames(rows, curves, trades))

    for part in range(4):
        commit(trials[part::6])
    _mark(lake, trials, "early", slice(0, 40, 8))
    lake.compact(grace_s=0)
    for part in range(4, 6):
        commit(trials[part::6])
    _mark(lake, trials, "late", slice(3, 60, 9))
    return Golden(lake, trials, curves, trades)


def _run(number: int, rng: random.Random) -> Row:
    failed = number % 17 == 0
    strategy = STRATEGIES[number % 3]
    params: dict[str, Any] = {
        "fast": (5, 10, 15)[number % 3 if strategy == "momentum" else (number // 3) % 3],
        "slow": (50, 60.0, 72.5)[(number // 9) % 3],
    }
    if number % 4 == 0:
        params["stop"] = {"atr": (1.5, 2)[number // 4 % 2], "kind": "trail"}
    if number % 5 == 0:
        params["mode"] = ("slow & steady", "wild", True, "10")[number // 5 % 4]
    if number % 29 == 0:
        params = {"a.b": number, 'we"ird/~key': "x"}
    row: Row = {
        "run_id": f"{rng.getrandbits(40):010x}-{number:04d}",
        # Ties in time, so that order must come from the ids.
        "created_at": START + timedelta(hours=6 * (number // 2)),
        "status": "failed" if failed else "ok",
        "error": "ZeroDivisionError: no bars" if failed else None,
        "strategy": strategy,
        "symbol": SYMBOLS[number // 2 % 3],
        "timeframe": ("1d", "1h")[number // 7 % 2],
        "exit_rule": (None, "trail", "time")[number // 11 % 3],
        "engine": ("backtesting", "vectorbt")[number % 2],
        "sweep": "grid-1" if number % 6 == 0 else None,
        "params": None if number % 31 == 0 else params,
        "initial_capital": (None, 100.0)[number % 2],
        "time_zone": (None, "America/New_York")[number % 2],
        "total_trades": None if failed else rng.randrange(0, 60),
        "extra": None if failed or number % 3 else {"my_score": round(rng.random(), 2)},
        "tags": ["seed"] if number % 10 == 0 else None,
        "notes": None,
        "deleted_at": None,
    }
    for name in FLOATS:
        # Few decimals: many ties.
        row[name] = None if failed or rng.random() < 0.1 else round(rng.gauss(0, 1), 1)
    return row


def _curve(row: Row, rng: random.Random) -> list[tuple[datetime, float]]:
    begin = datetime(2025, 12, 20, 3, tzinfo=UTC) + timedelta(days=rng.randrange(5))
    value, points = 100.0, []
    for day in range(CURVE_DAYS):
        value *= 1 + rng.gauss(0, 0.02)
        points.append((begin + timedelta(days=day), value))
    return points


def _trades(rng: random.Random) -> list[Row]:
    entry = datetime(2026, 1, 2, tzinfo=UTC)
    return [
        {
            "trade_no": number + 1,
            "symbol": "AAPL",
            "side": "long",
            "quantity": 1.0,
            "entry_at": entry + timedelta(days=number),
            "exit_at": entry + timedelta(days=number, hours=5),
            "pnl": round(rng.gauss(0, 10), 2),
        }
        for number in range(rng.randrange(1, 6))
    ]


def _frames(rows: list[Row], curves: dict[str, Any], trades: dict[str, Any]) -> Frames:
    stored = [
        {
            **row,
            "params": None if row["params"] is None else json.dumps(row["params"]),
            "params_hash": params_hash(row["params"]),
            "extra": None if row["extra"] is None else list(row["extra"].items()),
        }
        for row in rows
    ]
    points = [(r["run_id"], ts, v) for r in rows for ts, v in curves.get(r["run_id"], ())]
    executions = [
        {"run_id": r["run_id"], **trade} for r in rows for trade in trades.get(r["run_id"], ())
    ]
    return Frames(
        table("runs", {name: [row[name] for row in stored] for name in stored[0]}),
        table(
            "equity", dict(zip(("run_id", "ts", "equity"), zip(*points, strict=True), strict=True))
        ),
        table("trades", {name: [t[name] for t in executions] for name in executions[0]}),
    )


def _mark(lake: Lake, trials: list[Row], word: str, which: slice) -> None:
    """Tag, note and delete some runs, in the lake and in the model."""
    known = lake.sql("select run_id from trials")["run_id"].to_list()
    chosen = [row for row in trials[which] if row["run_id"] in set(known)]
    ids = [row["run_id"] for row in chosen]
    lake.tag(word, ids)
    lake.note(f"looked at {word}", ids)
    for row in chosen:
        row["tags"] = [*(row["tags"] or []), word]
        row["notes"] = "\n".join(filter(None, [row["notes"], f"looked at {word}"]))
    lake.delete(ids[::2])
    for row in chosen[::2]:
        row["deleted_at"] = datetime.now(UTC)
