"""One run with all that a report tells of it, each read or computed once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from bt_lake.metrics import NONE, curve_metrics
from bt_lake.metrics.drawdowns import Fall
from bt_lake.metrics.segments import Floats, Ints
from bt_lake.overfit.benchmark import Benchmark
from bt_lake.queries.detail import Detail
from bt_lake.queries.periods import by_period
from bt_lake.queries.reading import Reader
from bt_lake.queries.relative import Beside, beside
from bt_lake.queries.rolling import half_a_year, rolled
from bt_lake.queries.standing import Standing
from bt_lake.queries.tracks import Track, tracks
from bt_lake.queries.wholerows import Row

if TYPE_CHECKING:
    import polars as pl

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Subject:
    reader: Reader
    detail: Detail
    against: Benchmark | None = None
    rf: float = 0.0

    @property
    def row(self) -> Row:
        return self.detail.row

    @cached_property
    def track(self) -> Track:
        (found,) = tracks(self.reader, [self.row])
        return found

    @property
    def has_curve(self) -> bool:
        return self.track.ts.size > 1

    @cached_property
    def standing(self) -> Standing | None:
        return self.detail.standing()

    @cached_property
    def pair(self) -> Beside | None:
        return beside(self.track, self.against) if self.has_curve else None

    @cached_property
    def benchmark(self) -> tuple[Ints, Floats] | None:
        """The benchmark as it would have grown from where the run stood at its first return."""
        if self.pair is None:
            return None
        track, pair = self.track, self.pair
        first = int(np.searchsorted(track.returns.ts, pair.ts[0]))
        begin = track.returns.before[first]
        place = int(np.searchsorted(track.ts, begin, side="right")) - 1
        level = track.growth[place] if place >= 0 else 1.0
        ts = np.concatenate([[begin], pair.ts])
        return ts, level * np.concatenate([[1.0], np.cumprod(1.0 + pair.b)])

    @cached_property
    def benchmark_metrics(self) -> dict[str, Any]:
        """What the same definitions say of the benchmark, over the returns that both have."""
        if self.benchmark is None:
            return {}
        ts, level = self.benchmark
        nothing = np.array([np.nan])
        year = np.array([self.track.periods_per_year])
        found = curve_metrics(ts, level, np.array([0, ts.size]), nothing, year)
        return {
            name: None if value[0] == NONE or value[0] != value[0] else value[0].item()
            for name, value in found.items()
        }

    @cached_property
    def falls(self) -> list[Fall]:
        return self.track.falls(10)

    @cached_property
    def months(self) -> list[tuple[int, int, float]]:
        """Year, month and its return."""
        if not self.track.ts.size:
            return []
        found = by_period(self.track, "month")
        values = found.metrics["total_return"]
        return [
            (1970 + number // 12, number % 12 + 1, value)
            for number, value in zip(found.numbers.tolist(), values.tolist(), strict=True)
            if value == value
        ]

    @cached_property
    def window(self) -> int:
        return half_a_year(self.track)

    @cached_property
    def rolling(self) -> pl.DataFrame:
        return rolled(self.track, self.window)

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Closed trades, their times in the curve's own zone."""
        import polars as pl

        frame = self.detail.trade_log.frame()
        zone = str(ZoneInfo(self.row["time_zone"] or "UTC"))
        known = pl.col("exit_at").is_not_null()
        told = pl.col("entry_at").is_null() & pl.col("pnl").is_not_null()
        local = pl.col("entry_at", "exit_at").dt.convert_time_zone(zone)
        return frame.filter(known | told).with_columns(local)


def moment(micros: int) -> datetime:
    """As naive UTC."""
    return _EPOCH + timedelta(microseconds=int(micros))
