"""What a reader of a run, of several, or of a family looks at, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bt_lake.queries.filters import ALL, Filters
from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from bt_lake.queries.benchmarks import Given
    from bt_lake.queries.reading import Reader
    from bt_lake.report.written import Report


def report(
    reader: Reader,
    run_ids: Sequence[str],
    *,
    benchmark: Given | None = None,
    rf: float = 0.0,
    filters: Filters = ALL,
) -> Report:
    """Of runs by their whole ids, or of the family of trials that the filters select."""
    from bt_lake.queries.benchmarks import benchmark_of
    from bt_lake.queries.detail import detail
    from bt_lake.report.single import single
    from bt_lake.report.subject import Subject

    if not -1.0 < rf < 1.0:
        raise BadInput(f"rf: a rate a year is a fraction, as 0.03 for 3%, not {rf}")
    if run_ids and filters.given:
        raise BadInput("give runs or filters, not both")
    if not run_ids and not filters.given:
        raise BadInput("which runs? Give ids, or filters such as strategy for a family of trials")
    if len(run_ids) != 1 and (benchmark is not None or rf):
        raise BadInput("benchmark and rf go with the report of one run")
    if not run_ids:
        from bt_lake.report.family import FamilySubject, family

        return family(FamilySubject(reader, filters))
    if len(run_ids) > 1:
        from bt_lake.queries.comparing import compare
        from bt_lake.report.several import Runs, several

        return several(Runs.of(reader, compare(reader, run_ids)))
    against = None
    if benchmark is not None:
        against = reader.ask(lambda connection: benchmark_of(connection, benchmark))
    return single(Subject(reader, detail(reader, run_ids[0]), against, rf))
