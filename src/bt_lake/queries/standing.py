"""A run beside the luck of its family, without arrays, for one or few; `deflated` says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bt_lake.overfit.single import worth
from bt_lake.warehouse.errors import UnknownName
from bt_lake.warehouse.surface import tries

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FAMILIES = ("strategy", "sweep", "symbol", "all")
WHOLE = "''"  # the label of a family that is all of its rows
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


def label_of(family: str) -> str:
    """SQL for what the trials of a family share."""
    if family not in FAMILIES:
        raise UnknownName.near("family", family, FAMILIES, f" There are {', '.join(FAMILIES)}.")
    if family == "all":
        return WHOLE
    return "tried.strategy" if family == "strategy" else f"coalesce(tried.{family}, '')"


def standings(
    connection: DuckDBPyConnection, runs: Sequence[Mapping[str, Any]], family: str = "strategy"
) -> dict[str, Standing]:
    """Those of live runs, by id; `runs` are rows of theirs."""
    label = label_of(family)
    kin = f"(from trials as tried where {label} in (select unnest($labels::varchar[])))"
    query = (
        f"with\n{tries(kin, label)}\n"
        "select run_id, m.label, part, trials, ratio, "
        "sharpe, n_returns, skew, kurtosis, year, deviation "
        "from lake_members as m left join ("
        "  select run_id as id, label, ratio, sharpe, n_returns, skew, kurtosis, year"
        "  from lake_annual"
        ") as t on t.id = m.trial "
        "left join (select label as same, count(*) as trials from lake_trials group by label) "
        "on t.label = same "
        "left join (select label as spread_of, deviation from lake_spread) on t.label = spread_of "
        "where not deleted and run_id in (select unnest($ids::varchar[]))"
    )
    labels = [run[family] or "" for run in runs] if family != "all" else [""]
    ids = [run["run_id"] for run in runs]
    rows = connection.execute(query, {"labels": labels, "ids": ids}).fetchall()
    return {
        run_id: Standing(
            "all runs" if family == "all" else f"{_OF[family]}{kin or 'none'}",
            trials,
            part,
            ratio,
            *worth(*moments, year=year, trials=trials or 0, deviation=deviation),
        )
        for run_id, kin, part, trials, ratio, *moments, year, deviation in rows
    }
