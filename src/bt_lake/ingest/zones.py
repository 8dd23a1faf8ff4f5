"""Time zones: only names that DuckDB knows, because its views count months in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from bt_lake.ingest.faults import Faults
from bt_lake.warehouse.errors import did_you_mean


def check_zones(zones: Sequence[str | None], faults: Faults) -> list[str | None]:
    """The zones of a batch, None for UTC; an unknown one is a fault of its run."""
    for place, zone in enumerate(zones):
        if zone and zone != "UTC" and zone not in _known():
            faults.add(place, f"time_zone: no time zone '{zone}'{did_you_mean(zone, _known())}")
    return [None if zone == "UTC" else zone for zone in zones]


@cache
def _known() -> frozenset[str]:
    from bt_lake.warehouse import engine

    with engine.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        rows = connection.execute("select name from pg_timezone_names()").fetchall()
    return frozenset(row[0] for row in rows)
