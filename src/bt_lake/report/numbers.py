"""The metrics of one run, what it was made of and where it came from, as tables."""

from __future__ import annotations

from typing import Any

from bt_lake.queries.more import more_of
from bt_lake.queries.wholerows import flat
from bt_lake.report.document import (
    Abreast,
    Block,
    Cell,
    Table,
    Words,
)
from bt_lake.report.subject import Subject
from bt_lake.wording.metrics import BESIDE, SECTIONS, full_name, metric_text, number
from bt_lake.wording.more import MORE
from bt_lake.wording.values import (
    MISSING,
    general,
    money,
    share,
    text,
)

_ORIGIN = (
    "run_id", "created_at", "engine", "engine_version", "entrypoint", "reproduced_from",
    "code_hash", "data_hash", "data_source", "params_hash", "definitions", "sweep", "fold",
    "sample",
)  # fmt: skip


def metrics(subject: Subject, left: list[str]) -> list[Block]:
    theirs = subject.benchmark_metrics
    tables = []
    for title, names in SECTIONS.items():
        if title == BESIDE:  # a section of its own, with the benchmark that was named
            continue
        rows: list[list[str | Cell]] = []
        for name in names:
            value = subject.row[name]
            other = theirs.get(name)
            if value is None and other is None:
                continue
            shown = [MISSING if v is None else metric_text(name)(v) for v in (value, other)]
            rows.append([full_name(name), shown[0], *([shown[1]] if theirs else [])])
        if rows:
            head = (
                ["", "run", "benchmark"]
                if theirs and title not in ("Trades", "Per trade")
                else ["", "run"]
            )
            rows = [each[: len(head)] for each in rows]
            tables.append(Table(head if len(head) > 2 else ["", ""], rows, caption=title))
    own = subject.row["extra"] or {}
    if own:
        rows = [[name, general(value)] for name, value in own.items()]
        tables.append(Table(["", ""], rows, caption="Your own"))
    return [Abreast(tables)] if tables else []


def more_numbers(subject: Subject, left: list[str]) -> list[Block]:
    if not subject.has_curve:
        return []
    found = more_of(subject.track, subject.detail.trade_log.frame(), subject.rf, draws=0)
    rows: list[list[str | Cell]] = [
        [name.replace("_", " "), number(MORE[name])(value)]
        for name, value in found.items()
        if value is not None
    ]
    half = (len(rows) + 1) // 2
    tables = [Table(["", ""], part) for part in (rows[:half], rows[half:]) if part]
    return [Words(f"Risk-free rate: {share(subject.rf)} a year."), Abreast(tables)]


def relative(subject: Subject, left: list[str]) -> list[Block]:
    if subject.pair is None:
        return []
    found = subject.pair.numbers(subject.rf)
    rows: list[list[str | Cell]] = [
        [full_name(name), metric_text(name)(value)]
        for name, value in found.items()
        if value is not None
    ]
    rate = f"Risk-free rate: {share(subject.rf)} a year." if subject.rf else ""
    half = (len(rows) + 1) // 2
    tables = [Table(["", ""], part) for part in (rows[:half], rows[half:]) if part]
    said = f"Benchmark: {subject.pair.name}. {rate}".strip()
    return [Words(said), Abreast(tables)]


def params(subject: Subject, left: list[str]) -> list[Block]:
    tables = []
    for caption, column in (("", "params"), ("Config", "config")):
        rows: list[list[str | Cell]] = [
            [name, text(value)] for name, value in flat(subject.row[column] or {}).items()
        ]
        if rows:
            tables.append(Table(["", ""], rows[:60], 2, caption, _more(rows, 60)))
    return [Abreast(tables)] if tables else []


def _more(rows: list[Any], most: int) -> str:
    return f"The first {most} of {len(rows):,}." if len(rows) > most else ""


def disagreements(subject: Subject, left: list[str]) -> list[Block]:
    rows: list[list[str | Cell]] = [
        [full_name(name), metric_text(name)(reported), metric_text(name)(computed)]
        for name, reported, computed in subject.detail.disagreements
    ]
    return [Table(["", "reported", "computed"], rows)] if rows else []


def origin(subject: Subject, left: list[str]) -> list[Block]:
    row = subject.row
    rows: list[list[str | Cell]] = [
        [name.replace("_", " "), text(row[name])] for name in _ORIGIN if row[name] is not None
    ]
    if row["tags"]:
        rows.append(["tags", text(row["tags"])])
    if row["initial_capital"] is not None and row["final_equity"] is not None:
        capital = " to ".join(map(money, (row["initial_capital"], row["final_equity"])))
        rows.append(["capital", f"{capital} {row['currency'] or ''}".strip()])
    return [Table(["", ""], rows, 2)]
