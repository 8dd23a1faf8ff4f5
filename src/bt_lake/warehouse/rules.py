"""Rows that break the schema's rules, found in one pass over the live files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bt_lake.warehouse.params import hash_of_json
from bt_lake.warehouse.quoting import identifier, literal
from bt_lake.warehouse.schema import EVENT_KINDS, SAMPLES, STATUSES, TABLES

if TYPE_CHECKING:
    from bt_lake.warehouse.findings import Finding
    from bt_lake.warehouse.scan import Scan


def broken_rules(scan: Scan) -> Iterator[Finding]:
    from bt_lake.warehouse.findings import Finding

    for table in TABLES:
        for rule, count, example in _broken(scan, table):
            yield Finding(
                "rule",
                table,
                f"{count} row(s) break the rule '{rule}', the first of run {example}",
                "see which with `bt-lake sql`; `bt-lake delete --forget` takes a run out, and "
                "ingesting its source again brings it back",
            )
    count, example = _wrong_hashes(scan)
    if count:
        yield Finding(
            "rule",
            "runs",
            f"{count} row(s) break the rule 'params_hash is that of params', the first of run "
            f"{example}: lookup and unique do not find them",
            "`bt-lake recompute` writes it",
        )


def _broken(scan: Scan, table: str) -> Iterator[tuple[str, int, str]]:
    connection, source = scan.connection, scan.rows(table)
    rules = dict(_row_rules(table))
    counts = ", ".join(
        f"count(*) filter ({broken}), min(run_id) filter ({broken})" for broken in rules.values()
    )
    row = connection.execute(f"select {counts} from {source}").fetchall()[0]
    for rule, count, example in zip(rules, row[::2], row[1::2], strict=True):
        if count:
            yield rule, count, example
    if not scan.has_keys_once(table):
        keys = ", ".join(map(identifier, TABLES[table].key))
        repeated = connection.execute(
            f"select count(*), min(run_id) from (select any_value(run_id) as run_id from {source} "
            f"group by {keys} having count(*) > 1)"
        ).fetchall()[0]
        yield f"{' and '.join(TABLES[table].key)} occur once", *repeated
    if table in ("equity", "trades"):
        orphans = connection.execute(
            f"select sum(n)::bigint, min(run_id) from (select run_id, count(*) as n from {source} "
            f"group by run_id) where run_id not in (select run_id from {scan.rows('runs')})"
        ).fetchall()[0]
        if orphans[0]:
            yield "the run exists", *orphans


def _wrong_hashes(scan: Scan) -> tuple[int, str]:
    """Runs whose params_hash a writer left out, or made in another way."""
    rows = scan.connection.execute(
        f"select params, params_hash, count(*), min(run_id) from {scan.rows('runs')} "
        "where params is not null or params_hash is not null group by all"
    ).fetchall()
    wrong = [row for row in rows if hash_of_json(row[0]) != row[1]]
    return sum(row[2] for row in wrong), min((row[3] for row in wrong), default="")


def _row_rules(table: str) -> Iterator[tuple[str, str]]:
    """Each rule with the SQL that is true of a row that breaks it."""
    for column in TABLES[table].columns:
        name = identifier(column.name)
        if column.required:
            yield f"{column.name} is not NULL", f"{name} is null"
        if column.kind == "double":
            yield f"{column.name} is finite", f"not isfinite({name})"
    if table == "runs":
        yield "status is known", f"status not in {_listed(STATUSES)}"
        yield "sample is known", f"sample not in {_listed(SAMPLES)}"
        yield "max_drawdown is not positive", "max_drawdown > 0"
        yield "params is JSON", "not json_valid(params)"
    if table == "trades":
        yield "side is known", "side not in ('long', 'short')"
        yield "exit_at is not before entry_at", "exit_at < entry_at"
    if table == "events":
        yield "kind is known", f"kind not in {_listed(EVENT_KINDS)}"


def _listed(values: tuple[str, ...]) -> str:
    return f"({', '.join(map(literal, values))})"
