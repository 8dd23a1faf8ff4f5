"""The best runs that are not the same bet: each taken only if it moves unlike those before it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from bt_lake.queries.alike import Daily
from bt_lake.queries.filters import Filters
from bt_lake.queries.names import meant
from bt_lake.queries.ranking import best
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import positive
from bt_lake.queries.tracks import tracks
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames

if TYPE_CHECKING:
    import polars as pl

MOST = 2_000  # candidates that are looked at, the best first
_AT_ONCE = 100


def pick(
    reader: Reader, metric_name: str, n: int, max_correlation: float, filters: Filters
) -> pl.DataFrame:
    """rank, run_id, the metric, the highest `correlation` with one before it, `alike`: which."""
    refuse_frames()
    import polars as pl

    n = positive("n", n)
    if not -1.0 <= max_correlation <= 1.0:
        raise BadInput(f"max_correlation is from -1 to 1, not {max_correlation}")
    name = meant(reader, metric_name)
    asked = best(reader, name, n=MOST, columns=["run_id", name], filters=filters)
    ranked = [(row["run_id"], row[name]) for row in asked.dicts()]
    if not ranked:
        raise NotFound(asked.note() or "no run fits these filters")
    taken: list[Daily] = []
    rows: list[tuple[Any, ...]] = []
    queue = iter(ranked)
    while len(taken) < n and (part := list(islice(queue, _AT_ONCE))):
        for daily, (run_id, value) in zip(_daily(reader, [i for i, _ in part]), part, strict=True):
            found = [(daily.correlation(other), other.run_id) for other in taken]
            known = [(c, other) for c, other in found if c is not None]
            if not daily.days.size or len(known) < len(taken):
                continue  # nobody knows whether it is another bet
            most = max(known, default=(None, None), key=lambda each: each[0] or 0.0)
            if most[0] is not None and most[0] > max_correlation:
                continue
            taken.append(daily)
            rows.append((len(taken), run_id, value, *most))
            if len(taken) == n:
                break
    schema = {
        "rank": pl.Int64,
        "run_id": pl.String,
        name: pl.Float64,
        "correlation": pl.Float64,
        "alike": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _daily(reader: Reader, run_ids: list[str]) -> list[Daily]:
    rows = reader.ask(lambda connection: whole_rows(connection, run_ids))
    return [Daily.of(track) for track in tracks(reader, rows)]
