"""Gathered: many runs, parsed and validated, as columns over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bt_lake.ingest import claims, curves, labels, trades
from bt_lake.ingest.claims import Claims
from bt_lake.ingest.curves import Curves
from bt_lake.ingest.faults import Faults
from bt_lake.ingest.labels import Labels
from bt_lake.ingest.run import Run
from bt_lake.ingest.trades import Trades
from bt_lake.ingest.zones import check_zones


@dataclass(frozen=True, slots=True)
class Gathered:
    labels: Labels
    claims: Claims
    curves: Curves
    trades: Trades

    def __len__(self) -> int:
        return len(self.labels.tags)

    @property
    def nbytes(self) -> int:
        """Roughly what it takes up."""
        columns = [self.curves.ts, self.curves.equity, *self.curves.extras.values()]
        columns += self.trades.columns.values()
        texts = chain.from_iterable(self.labels.texts.values())
        return sum(column.nbytes for column in columns) + sum(len(text or "") for text in texts)


def gather(runs: Sequence[Run], bad: dict[int, str] | None = None) -> Gathered:
    """Parse and validate; the first fault raises, unless `bad` collects them.

    With `bad`, the runs at its places (with the reason of each) are left out of the batch.
    """
    faults = Faults(runs, collect=bad is not None)
    gathered = _gather(runs, faults)
    if bad is None or not faults.found:
        return gathered
    bad |= faults.found
    # What is left has no faults, so this is the last round.
    return gather([run for place, run in enumerate(runs) if place not in faults.found])


def _gather(runs: Sequence[Run], faults: Faults) -> Gathered:
    found = labels.gather(runs, faults)
    gathered = Gathered(
        labels=found,
        claims=claims.gather(runs, faults),
        curves=curves.gather(runs, faults),
        trades=trades.gather(runs, faults),
    )
    nothing = np.full(len(runs), np.nan)
    capital = gathered.claims.columns.get("initial_capital", nothing)
    curves.check_accounts(gathered.curves, capital, faults)
    zones = zip(found.text("time_zone"), gathered.curves.zones, strict=True)
    found.texts["time_zone"] = check_zones([given or own for given, own in zones], faults)
    return gathered
