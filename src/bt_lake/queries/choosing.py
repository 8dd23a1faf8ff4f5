"""The best runs by several metrics: those that none beats, or by a weighted sum."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bt_lake.metrics.choosing import front, ranks, z_scores
from bt_lake.metrics.segments import Floats, Ints
from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.queries.names import Metric, meant, metric, require
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import count_of, picked, positive, times_of
from bt_lake.warehouse.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.drawing.picture import Picture

OVER: dict[str, Callable[[Floats], Floats]] = {"ranks": ranks, "z": z_scores}
_CHOSEN = "lake_chosen"
_NUMBER = r"(\d++\.?+\d*+|\.\d++)"
_NAME = r"([^\s*+-](?:(?!-\s)[^*+\s]|\s++(?![+-]\s|$))*+)"  # up to a sign on its own
_TERM = re.compile(rf"\s*+([+-]?+)\s*+(?:{_NUMBER}\s*+\*\s*+)?+{_NAME}\s*+(?=[+-]\s|$)")
_WRITE = "write weights and metrics, as '2*sharpe_ratio + calmar_ratio'"
# What the answer tells of each run that was chosen: its place, and its score if there is one.
Chosen = tuple[Ints, Floats | None]


def pareto(
    reader: Reader,
    names: Sequence[str],
    *,
    n: int | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters,
) -> Answer:
    """The runs that no other run is as good as in all of these metrics, the best by the first one
    first."""
    wanted = [metric(meant(reader, name)) for name in names]
    if len(wanted) < 2 or len({each.name for each in wanted}) < len(wanted):
        raise BadInput("pareto takes two different metrics or more: sharpe_ratio,max_drawdown")

    def choose(values: Floats) -> Chosen:
        places = np.flatnonzero(front(values))
        return places[np.argsort(-values[places, 0], kind="stable")], None

    return _answer(reader, wanted, choose, n=n, columns=columns, filters=filters)


def front_picture(reader: Reader, names: Sequence[str], filters: Filters) -> Picture:
    """All runs by two metrics, and those of the front in a colour of their own."""
    from bt_lake.queries.pictures import front_of

    wanted = [metric(meant(reader, name)) for name in names]
    if len(wanted) != 2:
        raise BadInput("a front is drawn of two metrics: sharpe_ratio,max_drawdown")
    told = ["run_id", *(each.name for each in wanted)]
    chosen = pareto(reader, names, columns=told, filters=filters)
    best = {row["run_id"] for row in chosen.dicts()}
    rows = listing(reader, sort="run_id", n=None, columns=told, filters=filters).rows()
    return front_of([row for row in rows if None not in row], best, told[1:])


def scored(
    reader: Reader,
    score: str,
    *,
    over: str = "ranks",
    n: int | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters,
) -> Answer:
    """The n best runs (10) by a sum such as `2*sharpe_ratio + calmar_ratio` over ranks (0 to 1) or
    z-scores, in each of which more is better; with a column `score`."""
    if over not in OVER:
        raise UnknownName.near("scale", over, OVER, f" There are {', '.join(OVER)}.")
    weights, names = zip(*terms(score), strict=True)
    wanted = [metric(meant(reader, name)) for name in names]

    def choose(values: Floats) -> Chosen:
        found = OVER[over](values) @ np.array(weights)
        order = np.argsort(-found, kind="stable")
        return order, found[order]

    return _answer(reader, wanted, choose, n=n or 10, columns=columns, filters=filters)


def terms(score: str) -> list[tuple[float, str]]:
    """`2*sharpe_ratio - volatility` as weights and metrics."""
    found, place = [], 0
    while place < len(score.rstrip()):
        term = _TERM.match(score, place)
        if term is None or (place and not term[1]):
            raise BadInput(f"score: '{score}' is no sum; {_WRITE}")
        sign = -1.0 if term[1] == "-" else 1.0
        found.append((sign * float(term[2] or 1), term[3]))
        place = term.end()
    if not found:
        raise BadInput(f"score: it is empty; {_WRITE}")
    return found


def _answer(
    reader: Reader,
    wanted: Sequence[Metric],
    choose: Callable[[Floats], Chosen],
    *,
    n: int | None,
    columns: Sequence[str] | None,
    filters: Filters,
) -> Answer:
    most = None if n is None else positive("n", n)

    def plan(connection: DuckDBPyConnection) -> Query:
        ids, values = _values(connection, wanted, filters)
        places, score = choose(values)
        ids, places = ids[places[:most]], np.arange(min(len(places), most or len(places)))
        chosen: dict[str, np.ndarray] = {"run_id": ids, "place": places + 1}
        if score is not None:
            chosen["score"] = score[:most]
        names = picked(connection, columns, beside=("rank", "score"))
        own = "chosen.score, " if score is not None else ""
        return Query(
            f"select chosen.place as rank, {own}{', '.join(names.values())} "
            f"from runs join {_CHOSEN} as chosen using (run_id) order by chosen.place",
            times=times_of(names),
            tables={_CHOSEN: chosen},
        )

    def hint(connection: DuckDBPyConnection) -> str:
        return filters.hint(connection) or f"no run has {' and '.join(m.name for m in wanted)}"

    return Answer(
        reader, plan, user_sql=filters.user_sql, total=count_of("trials", filters), hint=hint
    )


def _values(
    connection: DuckDBPyConnection, wanted: Sequence[Metric], filters: Filters
) -> tuple[np.ndarray, Floats]:
    """The runs that have all of these, by their ids, and the metrics such that more is better."""
    require(connection, *wanted)
    condition = filters.condition(connection)
    columns = ", ".join(f"({each.sql})::double as m{n}" for n, each in enumerate(wanted))
    known = " and ".join(f"isfinite(m{n})" for n in range(len(wanted)))
    found = connection.execute(
        f"select * from (select run_id, {columns} from runs where {condition.sql}) "
        f"where {known} order by run_id",
        dict(condition.values) or None,
    ).fetchnumpy()
    signs = [-1.0 if each.ascending else 1.0 for each in wanted]
    values = [sign * np.asarray(found[f"m{n}"], np.float64) for n, sign in enumerate(signs)]
    return np.asarray(found["run_id"], object), np.column_stack(values)
