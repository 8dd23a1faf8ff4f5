"""What a candidate did in the holdout: the only window on it, and each look is on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.ingest.sealing import opened
from bt_lake.metrics import curve_metrics
from bt_lake.metrics.segments import Segments
from bt_lake.overfit import sharpe
from bt_lake.overfit.arrays import Floats, Ints, number
from bt_lake.overfit.memory import inflation
from bt_lake.overfit.single import FEW_RETURNS
from bt_lake.warehouse import studies
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.studies import Standing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.store import Store

SHOWN = ("total_return", "sharpe_ratio", "max_drawdown", "volatility")


def looks(store: Store, name: str) -> list[Mapping[str, Any]]:
    """What was seen of the holdout so far, each candidate once."""
    found = [act.told for act in studies.acts(store, name) if act.act == "look"]
    return list({told["run"]: told for told in reversed(found)}.values())[::-1]


def look(store: Store, study: Standing, run_id: str) -> Mapping[str, Any]:
    """The metrics of a run in the holdout, and how likely luck alone does as well there."""
    if study.holdout_from is None:
        raise BadInput(f"study '{study.study}' has no holdout: it was opened without one")
    seen = looks(store, study.study)
    for told in seen:
        if told["run"] == run_id:
            return told
    if study.decided_at is not None:
        raise BadInput(f"study '{study.study}' is decided; nobody looks at its holdout any more")
    if len(seen) >= study.looks:
        raise BadInput(
            f"study '{study.study}' allows {study.looks} candidate{'s' * (study.looks != 1)} to "
            f"see its holdout, and {', '.join(told['run'] for told in seen)} did"
        )
    found = _measured(store, study, run_id)
    studies.tell(store, study.study, "look", found)
    return found


def _measured(store: Store, study: Standing, run_id: str) -> dict[str, Any]:
    assert study.holdout_from is not None
    text, capital, periods = _row(store, study.study, run_id)
    part = opened(text) if text else {"ts": []}
    ts = np.asarray(part["ts"], np.int64)
    if study.holdout_to is not None:
        ts = ts[ts <= int(study.holdout_to.timestamp() * 1e6)]
    if not ts.size:
        raise BadInput(f"run {run_id} ends before the holdout, so there is nothing to see of it")
    equity = np.asarray(part["equity"][: ts.size], np.float64)
    return {"run": run_id, **in_holdout(ts, equity, capital, periods)}


def in_holdout(
    ts: Ints, equity: Floats, capital: float | None, periods: float | None
) -> dict[str, Any]:
    """The metrics of a piece of a curve that begins with a capital, and p without any skill.

    1 - PSR: nothing was chosen by this piece, so it is a test of one trial.
    """
    owned = np.array([0, ts.size])
    base = np.nan if capital is None else capital
    found = curve_metrics(
        ts, equity, owned, np.array([base]), np.array([periods or np.nan], np.float64)
    )
    steps = np.append(base, equity) if capital is not None else equity
    returns = np.diff(steps) / steps[:-1]
    n = float(found["n_returns"][0])
    psr = sharpe.probabilistic(
        float(found["sharpe_period"][0]),
        n,
        float(found["skew"][0]),
        float(found["kurtosis"][0]),
        memory=float(inflation(Segments(np.array([0, returns.size])), returns)[0]),
    )
    return {
        "p": number(1.0 - float(psr)) if n >= FEW_RETURNS else None,
        **{name: number(float(found[name][0])) for name in SHOWN},
        "n_returns": int(n),
    }


def _row(store: Store, name: str, run_id: str) -> tuple[str | None, float | None, float | None]:
    def question(connection: DuckDBPyConnection) -> tuple[Any, ...] | None:
        rows = connection.execute(
            "select sealed, final_equity, periods_per_year from runs "
            "where run_id = $1 and study = $2",
            [run_id, name],
        ).fetchall()
        return rows[0] if rows else None

    found = store.ask(question)
    if found is None:
        raise BadInput(f"run {run_id} is none of study '{name}'")
    return found
