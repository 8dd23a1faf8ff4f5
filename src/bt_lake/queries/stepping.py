"""The p-values of runs in the searches of their families, as `overfit` tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bt_lake.overfit.arrays import Floats
from bt_lake.overfit.family import Family
from bt_lake.overfit.report import stepped_down
from bt_lake.queries.families import Beside, Rows
from bt_lake.queries.trials import Trials, gathered, owners_of
from bt_lake.queries.windows import Window

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_TRIALS = 2000  # of families whose curves are resampled beside a ranking


def p_values(
    connection: DuckDBPyConnection,
    rows: Rows,
    label: str,
    found: Mapping[str, Beside],
    window: Window | None,
) -> dict[str, float]:
    """Of each run's trial, by the run's id; a family too large for a ranking has none."""
    families = {run.label: run.kin for run in found.values() if run.kin.trials > 1}
    small = [family for family, kin in families.items() if kin.trials <= MOST_TRIALS]
    known = _resampled(connection, rows, label, small, window) if small else {}
    for family, kin in families.items():
        if kin.trials > MOST_TRIALS and not kin.points and window is None:
            shown = [run.trial for run in found.values() if run.label == family and run.trial]
            known |= _alone(connection, rows, label, family, shown)
    return {run_id: known[run.trial] for run_id, run in found.items() if run.trial in known}


def left_out(found: Mapping[str, Beside]) -> bool:
    """Whether some of the runs have no p-value because their families are too large."""
    return any(run.kin.trials > MOST_TRIALS and run.kin.points for run in found.values())


def _resampled(
    connection: DuckDBPyConnection,
    rows: Rows,
    label: str,
    families: list[int],
    window: Window | None,
) -> dict[str, float]:
    each = Trials.of_each(connection, rows, label, families)
    ids = [run_id for trials in each.values() for run_id in trials.run_ids]
    owners, done = owners_of(connection, ids, rows), 0
    known: dict[str, float] = {}
    for trials in each.values():
        count = len(trials.run_ids)
        own = owners.slice(done, done + count)
        done += count
        p = stepped_down(gathered(connection, trials, own, window, ""))
        known |= _known(trials.ids, p)
    return known


def _alone(
    connection: DuckDBPyConnection, rows: Rows, label: str, family: int, shown: list[str]
) -> dict[str, float]:
    """Of many trials without curves, such as the passes of an optimiser."""
    text = rows.query(
        label,
        "select case when run_id in (select unnest($lake_shown::varchar[])) then run_id end as id, "
        "sharpe, n_returns::double as n_returns, skew, kurtosis, a_year, failed, deleted "
        f"from lake_annual where hash(label) = {family}",
    )
    values = {**rows.values, "lake_shown": shown}
    told = connection.execute(text, values).fetchnumpy()
    number = {
        name: np.ma.filled(np.ma.asarray(told[name], np.float64), np.nan)
        for name in ("sharpe", "n_returns", "skew", "kurtosis", "a_year")
    }
    count = number["sharpe"].size
    trials = Family(
        ids=[""] * count,
        sharpe_period=number["sharpe"],
        n_returns=number["n_returns"],
        skew=number["skew"],
        kurtosis=number["kurtosis"],
        periods_per_year=number["a_year"],
        failed=np.asarray(told["failed"], bool),
        deleted=np.asarray(told["deleted"], bool),
        params=[None] * count,
    )
    ids = np.ma.filled(np.ma.asarray(told["id"], object), None).tolist()
    return _known(ids, stepped_down(trials))


def _known(ids: Sequence[str | None], p: Floats) -> dict[str, float]:
    return {
        trial: value
        for trial, value in zip(ids, p.tolist(), strict=True)
        if trial is not None and value == value
    }
