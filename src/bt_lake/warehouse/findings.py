"""What a look at a lake found."""

from __future__ import annotations

from dataclasses import dataclass, field

from bt_lake.warehouse.paths import data_file

_MENDABLE = {
    "furniture", "log", "staging", "leftover", "lost", "missing", "torn", "stray", "copy",
    "doubled", "returned",
}  # fmt: skip


@dataclass(slots=True)
class Finding:
    kind: str
    path: str
    message: str
    remedy: str
    # Damage makes answers wrong or impossible; anything else only takes up room.
    damage: bool = True
    repaired: str = ""

    @property
    def mendable(self) -> bool:
        return self.kind in _MENDABLE or (self.kind == "foreign" and self.damage)

    @property
    def table(self) -> str:
        return self.path.partition("/")[0]

    @property
    def commit(self) -> str | None:
        file = data_file(self.path)
        return file and file.commit


@dataclass(slots=True)
class Report:
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    # Of a repair: how many runs readers saw of each table, before and after.
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)

    @property
    def damaged(self) -> bool:
        return any(finding.damage and not finding.repaired for finding in self.findings)
