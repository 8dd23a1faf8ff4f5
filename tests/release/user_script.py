"""What a user writes; type-checked against the installed wheel, then run."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta

import polars as pl

import bt_lake

lake = bt_lake.open(sys.argv[1] if len(sys.argv) > 1 else None)
days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(100)]
for fast in (5, 10, 15):
    curve = [100_000 * math.exp(0.001 * n + 0.01 * math.sin(n * fast)) for n in range(100)]
    saved: str = lake.save(
        strategy="waves",
        symbol="SYNTH",
        params={"fast": fast},
        equity=list(zip(days, curve, strict=True)),
    )

best = lake.best("sharpe_ratio", n=2, strategy="waves")
assert best.height == 2, best
run_id: str = best["run_id"][0]
assert lake.equity(run_id).height == 100
ids: list[str] = lake.save([{"strategy": "two"}, bt_lake.Run("two", symbol="SYNTH")])
assert lake.delete(ids) == 2
known = lake.enrich(pl.DataFrame({"strategy": ["waves", "none"]}), columns=["sharpe_ratio"])
assert known["run_id"].to_list() == [saved, None], known
assert lake.sweep("waves", x="fast").frame().height == 3
try:
    lake.best("sharp")
except bt_lake.errors.UnknownName as error:
    print(error)
print(lake.sql("select count(*) as runs from runs").item(), "runs")
