"""A portfolio of runs, mixed again: no code runs, its runs and weights are all it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bt_lake.ingest.saving import save
from bt_lake.queries.mixing import portfolio
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.store import Store


def remixed(store: Store, old: Mapping[str, Any], params: Any, parents: Any) -> str:
    """The id of the new run. Weights by a rule are made again, those that were given are kept."""
    sound = (
        isinstance(parents, dict)
        and isinstance(params, dict)
        and all(isinstance(weight, int | float) for weight in parents.values())
        and all(isinstance(params.get(name), str) for name in ("weights", "rebalance"))
    )
    if not sound:
        raise Damaged(f"run {old['run_id']}: its config does not say of what it was mixed")
    way = params["weights"]
    made = portfolio(
        Reader(store.layout),
        list(parents),
        parents if way == "given" else way,
        params["rebalance"],
        float(old["initial_capital"]),
    )
    known = {"strategy": old["strategy"], "reproduced_from": old["run_id"]}
    return str(save(store, made.document, **known))
