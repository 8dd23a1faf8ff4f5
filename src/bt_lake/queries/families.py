"""Families of trials: which runs are asked about, what counts as a trial, how far luck carries.

What is decided is decided in `warehouse/sql/tries.sql`, for Python and SQL alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bt_lake.overfit.family import Gathered
from bt_lake.queries.filters import Condition, Filters
from bt_lake.queries.windows import Window
from bt_lake.warehouse.schema import FILTERS
from bt_lake.warehouse.surface import tries
from bt_lake.warehouse.values import AnyOf

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FAMILY = """
  lake_family_rows as (
    select c.*, deviation, coalesce(trials, 0) as trials
    from lake_counts as c
    left join lake_spread as s on s.label is not distinct from c.label
    left join (select label as same, count(*) as trials from lake_trials group by label)
      on same is not distinct from c.label
  )
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with the columns of `runs`, as SQL, with the values that it mentions."""

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, condition: Condition) -> Rows:
        return cls(f"(from trials where {condition.sql})", condition.values)

    @classmethod
    def kin(cls, condition: Condition, label: str) -> Rows:
        """All trials that share a label with those that the condition selects."""
        chosen = f"select {label} from trials as tried where {condition.sql}"
        return cls(f"(from trials as tried where {label} in ({chosen}))", condition.values)

    def query(self, label: str, text: str) -> str:
        """A query over the trials of these rows; see `tries.sql` for what it may name."""
        return f"with\n{tries(self.sql, label)},{_FAMILY}{text}"


@dataclass(frozen=True, slots=True)
class Kin:
    """A family: how many trials, of which runs, how widely their annual Sharpe ratios spread."""

    name: str
    trials: int
    gathered: Gathered
    deviation: float | None
    points: int  # of the curves of its runs

    def __str__(self) -> str:
        trials = f"{self.trials:,} trial{'' if self.trials == 1 else 's'}"
        told = ", ".join(self.gathered.words(self.trials))
        return f"{self.name}: {trials}" + (f" ({told})" if told else "")


@dataclass(frozen=True, slots=True)
class Beside:
    """A run, the trial it belongs to, and the family of that; NaN where unknown."""

    kin: Kin
    label: int  # the hash of what its family shares
    part: str  # trial, fold, repeat; in sample and failed alike have no trial
    trial: str | None
    sharpe: float
    n_returns: float
    skew: float
    kurtosis: float
    periods_per_year: float


def beside(
    connection: DuckDBPyConnection,
    rows: Rows,
    label: str,
    run_ids: Sequence[str],
    name: str | None = None,
) -> dict[str, Beside]:
    """Each of the runs beside its family, by its id; `name` is for families without a label."""
    text = rows.query(
        label,
        "select m.run_id, m.part, m.trial, "
        "t.sharpe, t.n_returns, t.skew, t.kurtosis, t.year * t.year, "
        "f.label, hash(f.label), f.trials, f.deviation, f.points, "
        "f.runs, f.repeats, f.folds, f.in_sample, f.failed_alike "
        "from lake_members as m "
        "left join lake_annual as t on t.run_id = m.trial "
        "join lake_family_rows as f on f.label is not distinct from m.label "
        "where m.run_id in (select unnest($lake_run_ids::varchar[]))",
    )
    values = {**rows.values, "lake_run_ids": list(run_ids)}
    found = {}
    for run_id, part, trial, *rest in connection.execute(text, values).fetchall():
        moments = [float("nan") if value is None else float(value) for value in rest[:5]]
        shared, hashed, trials, deviation, points, *counts = rest[5:]
        kin = Kin(_named(shared, name), trials, Gathered(*counts), deviation, points)
        found[run_id] = Beside(kin, hashed, part, trial, *moments)
    return found


def _named(shared: Any, name: str | None) -> str:
    parts = [*(shared.values() if isinstance(shared, dict) else [shared])]
    told = " ".join("none" if part is None else str(part) for part in parts if part != "")
    return " ".join(filter(None, [name, told])) or "all runs"


def words(filters: Filters, window: Window | None = None) -> str:
    """The runs that filters select, in words."""
    return " ".join([*_words(filters), *([window.text] if window else [])])


def _words(filters: Filters) -> Iterator[str]:
    labels = [getattr(filters, label) for label in (*FILTERS, "tag")]
    named = [
        *(given if isinstance(given, str) else ", ".join(given) for given in labels if given),
        *(f"{name}={_value(value)}" for name, value in (filters.params or {}).items()),
        *([f"where {filters.where}"] if filters.where else []),
    ]
    yield from named or ["all runs"]
    for word in ("since", "until"):
        if (given := getattr(filters, word)) is not None:
            yield f"{word} {given}"


def _value(value: Any) -> str:
    if isinstance(value, AnyOf | set | frozenset):
        return " or ".join(map(str, value if isinstance(value, AnyOf) else sorted(value, key=str)))
    return str(value)
