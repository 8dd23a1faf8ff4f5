"""Whether the lake still says what a certificate says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake._version import __version__
from bt_lake.evidence.certificate import FORM, reported
from bt_lake.evidence.facts import METRICS, Tried, root_of, run_facts, tried
from bt_lake.evidence.merkle import digest
from bt_lake.queries.filters import Filters
from bt_lake.queries.overfitting import overfit
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.bounds import read_bounded
from bt_lake.warehouse.errors import BadInput, NotFound

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MOST_BYTES = 4 << 20
_SHOWN = 5
# What stands in a certificate, and in its parts: it may come from anybody.
_PARTS = {
    "": {"version", "made_at", "lake_id", "run", "family", "report", "digest"},
    "run": {"run_id", "metrics", "curve", "trades"},
    "family": {"filters", "runs", "until", "metrics", "root"},
    "report": {"settings", "verdict", "better", "best", "trials", "p", "luck"},
}


@dataclass(frozen=True, repr=False, slots=True)
class Verification:
    """`print` it; `.holds` is whether nothing differs, `.differences` what does."""

    run_id: str
    made_at: str
    digest: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.differences

    def __repr__(self) -> str:
        claim = "holds" if self.holds else "does not hold"
        head = f"The certificate of run {self.run_id}, made {self.made_at}, {claim}."
        return "\n".join([head, *(f"- {line}" for line in (*self.differences, *self.notes))])

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "made_at": self.made_at,
            "digest": self.digest,
            "holds": self.holds,
            "differences": list(self.differences),
            "notes": list(self.notes),
        }


def verify(reader: Reader, path: str | Path) -> Verification:
    """Recompute from the lake what a certificate says, and say what differs."""
    told = _read(Path(path))
    found: list[str] = []
    notes: list[str] = []
    body = {name: value for name, value in told.items() if name != "digest"}
    if digest(body) != told["digest"]:
        found.append("the certificate itself was changed after it was made")
    lake_id = reader.layout.read_card().lake_id
    if told["lake_id"] != lake_id:
        notes.append("it was made of another lake, of which this may hold the runs")
    if told["version"] != __version__:
        notes.append(f"it was made by bt-lake {told['version']}, and this is {__version__}")
    found += _of_run(reader, told["run"])
    family = told["family"]
    unknown = [name for name in family["metrics"] if name not in METRICS]
    if unknown:
        raise BadInput(f"this bt-lake has no metric {unknown[0]}: verify with {told['version']}")
    now = tried(reader, family["filters"], family["metrics"])
    then = [each for each in now if each.ingested_at <= family["until"]]
    if root_of(now) != family["root"]:
        found += _of_family(family, now, then)
    report = [*_of_report(reader, told, then if len(then) < len(now) else None)]
    found += report
    if report and (gone := _deleted(reader, family["filters"])):
        are = "trial of the family is" if gone == 1 else "trials of the family are"
        notes.append(
            f"{gone:,} {are} deleted: a report has no such run as its best, and after compaction "
            "no curve of it"
        )
    return Verification(
        told["run"]["run_id"], told["made_at"], told["digest"], tuple(found), tuple(notes)
    )


def _deleted(reader: Reader, family: Mapping[str, Any]) -> int:
    def question(connection: DuckDBPyConnection) -> int:
        condition = Filters.of(family).condition(connection)
        rows = connection.execute(
            f"select count(*) from trials where deleted_at is not null and {condition.sql}",
            dict(condition.values) or None,
        ).fetchall()
        return int(rows[0][0])

    return reader.ask(question)


def _of_run(reader: Reader, told: Mapping[str, Any]) -> Iterator[str]:
    try:
        now = run_facts(reader, told["run_id"])
    except NotFound:
        yield f"run {told['run_id']} is not in the lake any more"
        return
    for name in ("curve", "trades"):
        if now[name] != told[name]:
            verb = "is" if name == "curve" else "are"
            yield f"the {name} of the run {verb} not what was certified"
    flat = {**told, **told["metrics"]}, {**now, **now["metrics"]}
    for name in sorted({*flat[0], *flat[1]} - {"metrics", "curve", "trades"}):
        if flat[0].get(name) != flat[1].get(name):
            yield f"{name} of the run is {flat[1].get(name)}, not {flat[0].get(name)}"


def _of_family(family: Mapping[str, Any], now: list[Tried], then: list[Tried]) -> Iterator[str]:
    """What became of the trials that were there, and which came since."""
    late = len(now) - len(then)
    if late:
        yield f"{late:,} run{'s were' if late > 1 else ' was'} added to the family since"
    if root_of(then) == family["root"]:
        return
    leaves = family.get("leaves")
    if leaves is None:
        gone = family["runs"] - len(then)
        what = f"{gone:,} removed" if gone > 0 else "some changed, or put in with an older date"
        yield f"the {family['runs']:,} runs of the family are not what was certified: {what}"
        return
    here = {each.run_id: each.leaf.hex() for each in then}
    gone_ids = sorted(leaves.keys() - here.keys())
    changed = sorted(i for i in leaves.keys() & here.keys() if not here[i].startswith(leaves[i]))
    older = sorted(here.keys() - leaves.keys())
    for ids, what in (
        (gone_ids, "removed"),
        (changed, "changed"),
        (older, "put in with an older date"),
    ):
        if ids:
            more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
            yield f"of the family {what}: {', '.join(ids[:_SHOWN])}{more}"


def _of_report(reader: Reader, told: Mapping[str, Any], only: list[Tried] | None) -> Iterator[str]:
    """The report, by the same settings and of the trials that were there."""
    filters = dict(told["family"]["filters"])
    if only is not None:
        filters["run_ids"] = [each.run_id for each in only]
    before = told["report"]
    settings = before["settings"]
    report = overfit(
        reader,
        splits=settings["splits"],
        bootstraps=settings["bootstraps"],
        block=settings["block"],
        seed=settings["seed"],
        peeking=settings["peeking"],
        filters=Filters.of(filters),
    )
    now = reported(report)
    for name in ("verdict", "better", "best", "trials", "p", "luck"):
        if now[name] != before[name] and not _alike(now[name], before[name]):
            yield f"{name} of the report is {now[name]}, not {before[name]}"


def _alike(now: Any, before: Any) -> bool:
    """Another machine may add in another order."""
    if not isinstance(now, float) or not isinstance(before, float):
        return False
    return abs(now - before) <= 1e-9 * max(abs(now), abs(before))


def _read(path: Path) -> dict[str, Any]:
    told: Any
    try:
        told = json.loads(read_bounded(path, _MOST_BYTES))
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"{path} is no certificate: it is not JSON") from None
    form = told.get("bt_lake_certificate") if isinstance(told, dict) else None
    if form is None:
        raise BadInput(f"{path} is no certificate of bt-lake")
    if form != FORM:
        raise BadInput(f"{path} is a certificate of form {form}; this bt-lake knows {FORM}")
    for place, wanted in _PARTS.items():
        part = told[place] if place else told
        if not isinstance(part, dict):
            raise BadInput(f"{path}: {place} of the certificate is no object")
        if missing := wanted - part.keys():
            raise BadInput(f"{path}: the certificate lacks {', '.join(sorted(missing))}")
    return dict(told)
