"""A certificate: what was vouched for, as one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bt_lake._version import __version__
from bt_lake.evidence.facts import METRICS, root_of, run_facts, tried
from bt_lake.evidence.merkle import digest
from bt_lake.overfit.results import OverfitReport
from bt_lake.overfit.verdict import p_text
from bt_lake.queries.filters import Filters
from bt_lake.queries.overfitting import overfit
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import resolve
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.wholefile import whole_file
from bt_lake.wording.metrics import metric_text

FORM = 1
FAMILIES = ("study", "strategy", "sweep", "symbol")
# Of so many trials it is small enough to say each one's digest, so that one that differs is named.
_NAMED = 200
_LEAF = 16  # hexadecimal digits
_TOLD = ("sharpe_ratio", "total_return", "max_drawdown", "total_trades")


@dataclass(frozen=True, repr=False, slots=True)
class Certificate:
    """`print` it, or `.save(path)`: JSON, and the same to read beside it as Markdown."""

    told: Mapping[str, Any]

    def __repr__(self) -> str:
        return self.markdown()

    def to_dict(self) -> dict[str, Any]:
        return dict(self.told)

    def save(self, path: str | Path) -> None:
        path = Path(path)
        if path.suffix != ".json":
            raise BadInput(f"{path}: a certificate is a .json file; the .md to read goes beside it")
        for target, text in ((path, self.json()), (path.with_suffix(".md"), self.markdown())):
            with whole_file(target) as file:
                file.write(text.encode())

    def json(self) -> str:
        return json.dumps(self.told, indent=1, ensure_ascii=False) + "\n"

    def markdown(self) -> str:
        run, family, report = (self.told[name] for name in ("run", "family", "report"))
        numbers = [
            f"| {name.replace('_', ' ')} | {metric_text(name)(run['metrics'][name])} |"
            for name in _TOLD
            if name in run["metrics"]
        ]
        p = report["p"]
        lines = [
            f"# Certificate of run {run['run_id']}",
            "",
            f"{run['strategy']} {run.get('symbol', '')} {run.get('params', '')}".strip(),
            "",
            "| | |",
            "|---|---|",
            *numbers,
            f"| trials in its family ({_words(family['filters'])}) | {family['trials']:,} |",
            f"| p of the best of them | {'unknown' if p is None else p_text(p)} |",
            f"| code | {run.get('code_hash', 'unknown')} |",
            f"| data | {run.get('data_hash', 'unknown')} |",
            "",
            report["verdict"],
            "",
            f"Made {self.told['made_at']} by bt-lake {self.told['version']}. Root of the family: "
            f"`{family['root']}`. Digest of this certificate: `{self.told['digest']}`.",
            "",
            "`bt-lake certify --verify FILE.json` recomputes all of it from the lake.",
            "",
        ]
        return "\n".join(lines)


def certify(reader: Reader, run: str, family: str | None = None) -> Certificate:
    """Vouch for a run as it is now, beside all trials of its family."""
    run_id = resolve(reader, run)
    facts = run_facts(reader, run_id)
    filters = _family(facts, family)
    members = tried(reader, filters, METRICS)
    named = {each.run_id: each.leaf.hex()[:_LEAF] for each in members}
    told: dict[str, Any] = {
        "bt_lake_certificate": FORM,
        "version": __version__,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "lake_id": reader.layout.read_card().lake_id,
        "run": facts,
        "family": {
            "filters": filters,
            "runs": len(members),
            "until": max(each.ingested_at for each in members),
            "metrics": list(METRICS),
            "root": root_of(members),
            **({"leaves": named} if len(members) <= _NAMED else {}),
        },
    }
    report = overfit(reader, filters=Filters.of(filters))
    told["family"]["trials"] = report.counts.trials
    told["report"] = reported(report)
    return Certificate({**told, "digest": digest(told)})


def reported(report: OverfitReport) -> dict[str, Any]:
    """The numbers of a report that decide, and the settings that they follow from."""
    whole = report.to_dict()
    search = whole["search"] or {}
    return {
        "settings": whole["settings"],
        "verdict": report.verdict,
        "better": report.better,
        "best": whole["best"] and whole["best"]["run_id"],
        "trials": report.counts.trials,
        "p": search.get("p"),
        "luck": search.get("luck"),
    }


def _family(facts: Mapping[str, Any], name: str | None) -> dict[str, str]:
    """The filters that select the family of a run: its study, else all of its strategy."""
    if name is None:
        name = "study" if facts.get("study") else "strategy"
    if name not in FAMILIES:
        raise UnknownName.near("family", name, FAMILIES, f" There are {', '.join(FAMILIES)}.")
    if facts.get(name) is None:
        raise BadInput(f"run {facts['run_id']} has no {name}, so that is no family of its")
    return {name: facts[name]}


def _words(filters: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in filters.items())
