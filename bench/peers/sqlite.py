"""SQLite: a table of runs with JSON params, one of points, one of trades; WAL, full fsync."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from uuid import uuid4

from work import DAYS, METRICS, Run

COLUMNS = ["run_id", "strategy", "symbol", "params", "sharpe_ratio", *METRICS]
TRADE = ["entry_at", "exit_at", "side", "quantity", "entry_price", "exit_price", "pnl"]
STAMPS = [int(day.timestamp()) for day in DAYS]


class Store:
    PACKAGES = ()
    TOLERANCE = 1e-9

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.db = sqlite3.connect(folder / "runs.sqlite")
        self.db.executescript(
            f"""
            pragma journal_mode = wal;
            pragma synchronous = full;
            create table if not exists runs ({", ".join(COLUMNS)}, primary key (run_id));
            create index if not exists by_strategy on runs (strategy, sharpe_ratio);
            create index if not exists by_sharpe on runs (sharpe_ratio);
            create table if not exists equity (run_id, ts integer, equity real,
              primary key (run_id, ts)) without rowid;
            create table if not exists trades (run_id, trade_no integer, {", ".join(TRADE)},
              primary key (run_id, trade_no)) without rowid;
            """
        )

    def save(self, run: Run) -> str:
        with self.db:
            return self._insert(run)

    def save_many(self, runs: list[Run]) -> list[str]:
        with self.db:
            names = [self._insert(run) for run in runs]
        self.db.execute("pragma wal_checkpoint(truncate)")
        return names

    def _insert(self, run: Run) -> str:
        name = uuid4().hex
        values = [name, run["strategy"], run["symbol"], json.dumps(run["params"])]
        values += [run["metrics"][column] for column in COLUMNS[4:]]
        self.db.execute(f"insert into runs values ({', '.join('?' * len(values))})", values)
        points = [(name, t, v) for t, v in zip(STAMPS, run["equity"], strict=True)]
        self.db.executemany("insert into equity values (?, ?, ?)", points)
        self.db.executemany(
            f"insert into trades values ({', '.join('?' * (len(TRADE) + 2))})",
            [(name, n, *(trade[c] for c in TRADE)) for n, trade in enumerate(run["trades"])],
        )
        return name

    def best(self, n: int) -> list[str]:
        rows = self.db.execute("select * from runs order by sharpe_ratio desc limit ?", [n])
        return [row[0] for row in rows]

    def mean_by_strategy(self) -> dict[str, float]:
        query = "select strategy, avg(sharpe_ratio) from runs group by strategy"
        return dict(self.db.execute(query).fetchall())

    def with_fast(self, value: int) -> list[str]:
        query = "select run_id from runs where params ->> '$.fast' = ?"
        return [row[0] for row in self.db.execute(query, [value])]

    def curve(self, name: str) -> list[float]:
        query = "select equity from equity where run_id = ? order by ts"
        return [row[0] for row in self.db.execute(query, [name])]
