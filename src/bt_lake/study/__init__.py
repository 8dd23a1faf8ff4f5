"""Studies: a hypothesis and its budget of trials, fixed beforehand, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.errors import UnknownName

if TYPE_CHECKING:
    from bt_lake.queries.reading import Reader
    from bt_lake.study.studying import Study
    from bt_lake.warehouse.store import Store

_USUAL: Mapping[str, Any] = {
    "hypothesis": None,
    "budget": None,
    "holdout": None,
    "metric": "sharpe_ratio",
    "alpha": 0.05,
    "looks": 1,
    "overrun": "refuse",
}


def study(store: Store, reader: Reader, name: str, given: Mapping[str, Any]) -> Study:
    """The study of this name; what is given opens it."""
    from bt_lake.study.opening import opening
    from bt_lake.study.studying import Study
    from bt_lake.warehouse.studies import open_study, standings

    for option in given.keys() - _USUAL.keys():
        raise UnknownName.near("option of a study", option, _USUAL)
    if given:
        there = standings(store, [name]).get(name)
        fixed = {} if there is None else there.opening
        window = fixed.pop("holdout_from", None), fixed.pop("holdout_to", None)
        own = {**fixed, **({"holdout": window} if window[0] else {})}
        open_study(store, name, opening(name, **{**_USUAL, **own, **given}))
    return Study(store, reader, name)
