"""The questions to a lake, as answers that are fetched when and how the asker wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from bt_lake.queries.filters import Filters, Given, Time
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from bt_lake.queries.answer import Answer

RunIds = str | Iterable[str]
Key = Mapping[str, Any]


class Questions:
    """`lake.ask`: every question of a `Lake` that has rows, as a lazy `Answer`.

    An answer has `rows()`, `dicts()`, `frame()` (polars), `table()` (Arrow), `chunks()`,
    `batches()`, `total()`, `note()` and `sql()`. `lake.best(...)` is `lake.ask.best(...).frame()`.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def runs(
        self,
        *,
        sort: str = "created_at",
        ascending: bool = False,
        n: int | None = None,
        limit: int | None = None,
        after: str | None = None,
        columns: Sequence[str] | None = None,
        spread_params: bool = False,
        **filters: Unpack[Given],
    ) -> Answer:
        from bt_lake.queries.listing import listing

        columns = named(columns)
        if spread_params and columns is not None:
            columns = [*columns, *["params"] * ("params" not in columns)]
        found = listing(
            self._reader,
            sort=sort,
            ascending=ascending,
            n=limit if n is None else n,
            after=after,
            columns=columns,
            filters=Filters.of(filters),
        )
        if not spread_params:
            return found
        from bt_lake.queries.spreading import spread

        return spread(self._reader, found)

    def best(
        self,
        metric: str | None = None,
        n: int | None = None,
        *,
        per: Sequence[str] | str = (),
        ascending: bool | None = None,
        columns: Sequence[str] | None = None,
        deflate: bool = False,
        family: str | None = None,
        start: Time = None,
        end: Time = None,
        pareto: Sequence[str] | str | None = None,
        score: str | None = None,
        over: str = "ranks",
        **filters: Unpack[Given],
    ) -> Answer:
        if pareto is not None or score is not None:
            others = (metric, ascending, family, start, end, *several(per), *([True] * deflate))
            if None not in (pareto, score) or any(each is not None for each in others):
                raise BadInput(
                    "best goes by one metric, or by `pareto`, or by `score`; only n, columns and "
                    "filters go with these"
                )
            from bt_lake.queries import choosing

            asked: dict[str, Any] = {"n": n, "columns": named(columns)}
            asked["filters"] = Filters.of(filters)
            if score is not None:
                return choosing.scored(self._reader, score, over=over, **asked)
            return choosing.pareto(self._reader, several(pareto), **asked)
        if metric is None:
            raise BadInput("best by which metric? `bt-lake metrics` lists them")
        judging: dict[str, Any] = {}
        if deflate or family is not None or start is not None or end is not None:
            from bt_lake.queries.deflating import best

            judging = {"deflated": deflate, "family": family, "start": start, "end": end}
        else:
            from bt_lake.queries.ranking import best  # type: ignore[assignment]
        return best(
            self._reader,
            metric,
            n=n,
            per=several(per),
            ascending=ascending,
            columns=named(columns),
            filters=Filters.of(filters),
            **judging,
        )

    def aggregate(
        self,
        first: Sequence[str] | str | None = None,
        second: str | None = None,
        /,
        *,
        by: Sequence[str] | str | None = None,
        metric: str | None = None,
        quantiles: Sequence[float] = (0.25, 0.75),
        above: float | None = None,
        deflate: bool = False,
        **filters: Unpack[Given],
    ) -> Answer:
        from bt_lake.queries.grouping import aggregate

        if by is None:
            by, metric = first or (), second or metric
        elif first is None or isinstance(first, str):
            metric = first or metric
        else:
            raise BadInput('aggregate takes one metric: aggregate("cagr", by=["symbol", "tag"])')
        return aggregate(
            self._reader,
            by=by,
            metric_name=metric or "sharpe_ratio",
            quantiles=quantiles,
            above=above,
            deflate=deflate,
            filters=Filters.of(filters),
        )

    def decay(
        self,
        metric: str = "sharpe_ratio",
        n: int | None = None,
        **filters: Unpack[Given],
    ) -> Answer:
        from bt_lake.queries.decaying import decay

        return decay(self._reader, metric, n=n, filters=Filters.of(filters))

    def equity(self, runs: RunIds) -> Answer:
        from bt_lake.queries.curves import equity

        return equity(self._reader, several(runs))

    def trades(self, runs: RunIds) -> Answer:
        from bt_lake.queries.curves import trades

        return trades(self._reader, several(runs))

    def lookup(self, keys: Key | Iterable[Key], *, columns: Sequence[str] | None = None) -> Answer:
        """For each key, in their order, the latest run that fits exactly."""
        from bt_lake.queries.lookup import STATISTICS, lookup

        rows = [keys] if isinstance(keys, Mapping) else list(keys)
        for row in rows:
            if not isinstance(row, Mapping):
                raise BadInput(f"a key is a mapping such as {{'strategy': 'x'}}, not {row!r}")
        return lookup(self._reader, rows, columns=named(columns) or STATISTICS)

    def sql(self, query: str, /, **values: Any) -> Answer:
        from bt_lake.queries.raw import sql

        return sql(self._reader, query, values)

    def drift(self) -> Answer:
        from bt_lake.queries.drifting import drifting

        return drifting(self._reader)


def several(names: Any) -> list[str]:
    """Names as a list; a frame of runs names them by its column run_id."""
    if hasattr(names, "columns") and "run_id" in names.columns:
        names = names["run_id"]
    return [names] if isinstance(names, str) else list(names)


def named(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else several(columns)
