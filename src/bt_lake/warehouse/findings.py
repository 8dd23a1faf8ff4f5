"""What a look at a lake found."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from bt_lake.warehouse.paths import data_file

ASIDE = "--repair moves it to _quarantine"
TAKEN_OUT = (
    "restore it from a backup; --repair moves it to _quarantine so that the rest can be read"
)
# While one of these stands nothing else is touched: what seems lost may only be away.
AWAY = ("away", "unreachable")
# How it begins what was done of a file that came whole from a backup.
PUT_RIGHT = "put right from"
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
    def is_given_up(self) -> bool:
        """Whether a repair let go of what the file held."""
        lost = self.kind in ("torn", "lost", "missing") or (self.kind == "foreign" and self.damage)
        return lost and bool(self.repaired) and not self.repaired.startswith(PUT_RIGHT)

    @property
    def table(self) -> str:
        return self.path.partition("/")[0]

    @property
    def commit(self) -> str | None:
        file = data_file(self.path)
        return file and file.commit


@dataclass(slots=True)
class Findings:
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    # Of a repair: how many runs readers saw of each table, before and after.
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)

    @property
    def damaged(self) -> bool:
        return any(finding.damage and not finding.repaired for finding in self.findings)


def away(folder: str, why: str) -> Finding:
    return Finding(
        "away",
        folder,
        f"the folder is not there, and {why}",
        "bring it back: a disk that is not mounted, or a copy that is not complete yet? Nothing is "
        "repaired meanwhile. If it is gone for good, make an empty folder of that name first",
    )


def leftover(relative: str, what: str) -> Finding:
    said = f"left over from a {what}; readers pass it over"
    return Finding("leftover", relative, said, ASIDE, damage=False)


def torn(relative: str, error: Exception) -> Finding:
    reason = str(error).split("\n")[0]
    return Finding("torn", relative, f"not a whole Parquet file: {reason}", TAKEN_OUT)


def rotten(path: str, what: str = "its bytes are not those that were written") -> Finding:
    return Finding(
        "rotten",
        path,
        f"{what}, though it can be read: some number in it may be wrong",
        "--repair --from BACKUP puts a whole copy in its place; without one nothing is moved",
    )


def unreachable(relative: str, error: OSError) -> Finding:
    """It may be whole: who looks may not, or cannot at the moment."""
    return Finding(
        "unreachable",
        relative,
        f"cannot be read: {error.strerror or error}{_whose(error.filename)}",
        "let its owner give you the right to read it, or bring the disk back. Nothing is moved: "
        "the file may be whole",
    )


def _whose(path: object) -> str:
    try:
        status = os.stat(str(path))
        import pwd

        owner = pwd.getpwuid(status.st_uid).pw_name
    except (OSError, ImportError, KeyError):
        return ""
    return f". It belongs to {owner}, mode {status.st_mode & 0o777:03o}"
