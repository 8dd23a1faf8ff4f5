"""What an address asks for: filters, runs, numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from starlette.datastructures import QueryParams

from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import FILTERS
from bt_lake.warehouse.values import compared

if TYPE_CHECKING:
    from bt_lake.queries.filters import Given

MOST_ROWS = 2_000
MOST_RUNS = 12


def filters(asked: QueryParams) -> Given:
    """The filters of every question: as on the command line, `p` for `--param`."""
    given: dict[str, Any] = {}
    for name in (*FILTERS, "tag"):
        if values := [value for value in asked.getlist(name) if value]:
            given[name] = values
    for name in ("since", "until", "where"):
        if value := asked.get(name, "").strip():
            given[name] = value
    for name, kind in (("min_trades", int), ("min_days", float)):
        if asked.get(name):
            given[name] = number(asked, name, 0, kind=kind)
    if texts := asked.getlist("p"):
        given["params"] = compared(texts)
    return cast("Given", given)


def runs(asked: QueryParams, *, most: int = MOST_RUNS) -> list[str]:
    """The runs that `runs` names, with commas between."""
    found = [part for text in asked.getlist("runs") for part in text.split(",") if part]
    if not found:
        raise BadInput("which runs? Give runs=ID,ID")
    if len(found) > most:
        raise BadInput(f"{len(found)} runs at once; at most {most}")
    return found


def number(
    asked: QueryParams, name: str, usual: float, *, kind: type = int, most: float = 1e15
) -> Any:
    text = asked.get(name) or str(usual)
    try:
        value = kind(text)
    except ValueError:
        raise BadInput(f"{name}: '{text}' is not a number") from None
    if not 0 <= value <= most:
        raise BadInput(f"{name} is from 0 to {most:,.0f}, not {text}")
    return value
