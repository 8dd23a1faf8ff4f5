"""What a certificate vouches for, read from the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bt_lake.evidence.merkle import leaf, root
from bt_lake.queries.filters import Filters
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import METRIC_GROUPS, RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

METRICS = tuple(c.name for c in RUNS.columns if c.group in METRIC_GROUPS)
LABELS = (
    "strategy", "strategy_version", "symbol", "timeframe", "exit_rule", "sweep", "study", "fold",
    "sample", "status", "entrypoint", "code_hash", "data_hash", "data_source", "params",
    "params_hash", "start_at", "end_at",
)  # fmt: skip
_CURVE = "select epoch_us(ts), equity from lake_curves where run_id = $1 order by ts"
_TRADES = (
    "select trade_no, symbol, side, quantity, epoch_us(entry_at), epoch_us(exit_at), entry_price, "
    'exit_price, pnl, "return", fees from lake_trade_rows where run_id = $1 order by trade_no'
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial of the family: its leaf, and when the lake took it in (microseconds)."""

    run_id: str
    leaf: bytes
    ingested_at: int


def run_facts(reader: Reader, run_id: str) -> dict[str, Any]:
    """Labels, metrics, and the digests of the curve and the trades, of a run, deleted or not."""

    def question(connection: DuckDBPyConnection) -> dict[str, Any]:
        rows = _rows(connection, (*LABELS, *METRICS), "run_id = $run_id", {"run_id": run_id})
        if not rows:
            raise NotFound(f"there is no run {run_id} in the lake")
        values = dict(zip((*LABELS, *METRICS), rows[0], strict=True))
        return {
            "run_id": run_id,
            **{name: values[name] for name in LABELS if values[name] is not None},
            "metrics": {name: values[name] for name in METRICS if values[name] is not None},
            "curve": _of_rows(connection, _CURVE, run_id),
            "trades": _of_rows(connection, _TRADES, run_id),
        }

    return reader.ask(question)


def tried(reader: Reader, family: Mapping[str, Any], metrics: Sequence[str]) -> list[Tried]:
    """Every trial of a family, deleted and failed ones too, in the order of their ids."""
    filters = Filters.of(family)

    def question(connection: DuckDBPyConnection) -> list[Tried]:
        condition = filters.condition(connection)
        names = ("run_id", "ingested_at", "params_hash", "status", *metrics)
        found = _rows(connection, names, condition.sql, condition.values)
        return [Tried(row[0], leaf([row[0], *row[2:]]), row[1]) for row in found]

    return reader.ask(question)


def root_of(members: Sequence[Tried]) -> str:
    return root([each.leaf for each in members])


def _rows(
    connection: DuckDBPyConnection, names: Sequence[str], where: str, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Rows of `trials`, times as microseconds."""
    told = [
        f"epoch_us({name})" if name in RUNS and RUNS[name].kind == "timestamp" else identifier(name)
        for name in names
    ]
    return connection.execute(
        f"select {', '.join(told)} from trials where {where} order by run_id", dict(values) or None
    ).fetchall()


def _of_rows(connection: DuckDBPyConnection, question: str, run_id: str) -> str | None:
    """The digest of a run's rows; None where it has none."""
    rows = connection.execute(question, [run_id]).fetchall()
    if not rows:
        return None
    return sha256("\n".join(repr(row) for row in rows).encode()).hexdigest()
