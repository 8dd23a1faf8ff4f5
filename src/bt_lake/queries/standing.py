"""A run beside the luck of its family, by the macro `deflated`: without arrays, for one or few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bt_lake.warehouse.errors import UnknownName

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FAMILIES = ("strategy", "sweep", "symbol", "all")
_OF = {"strategy": "", "sweep": "sweep ", "symbol": "symbol ", "all": ""}


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a fold, its numbers are those of its configuration's stitched folds; see `part`."""

    family: str  # in words
    trials: int | None
    part: str  # trial, fold, repeat, in sample, failed alike
    sharpe_ratio: float | None
    expected_max_sharpe: float | None  # the best annual one that luck alone would bring
    psr: float | None
    dsr: float | None

    def __str__(self) -> str:
        if self.trials is None:
            return f"{self.part}: not judged among the trials of {self.family}"
        return f"{self.family}: {self.trials:,} trial{'' if self.trials == 1 else 's'}"


def standings(
    connection: DuckDBPyConnection, run_ids: Sequence[str], family: str = "strategy"
) -> dict[str, Standing]:
    """Those of live runs, by id."""
    if family not in FAMILIES:
        raise UnknownName.near("family", family, FAMILIES, f" There are {', '.join(FAMILIES)}.")
    rows = connection.execute(
        "select run_id, family, trials, part, sharpe_ratio, expected_max_sharpe, psr, dsr "
        "from deflated($family) where run_id in (select unnest($ids::varchar[]))",
        {"family": family, "ids": list(run_ids)},
    ).fetchall()
    named = {"all": "all runs"}
    return {
        run_id: Standing(named.get(family) or f"{_OF[family]}{label or 'none'}", *rest)
        for run_id, label, *rest in rows
    }
