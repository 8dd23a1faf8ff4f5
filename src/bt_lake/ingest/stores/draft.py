"""A run in the making: what a row of a store says of it, each value where it belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bt_lake.ingest.stores.mapping import bare
from bt_lake.ingest.stores.source import NOTHING
from bt_lake.ingest.stores.survey import parsed
from bt_lake.ingest.stores.units import Unit


@dataclass(slots=True)
class Draft:
    """A run in the making."""

    columns: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)  # params, config, extra
    imported: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    fractions: dict[str, tuple[str, float]] = field(default_factory=dict)  # their unit is to come
    fault: tuple[str, str] | None = None  # the first column that cannot be read, and why
    cells: list[tuple[str, str]] = field(default_factory=list)  # columns left out, and why
    conflicts: list[str] = field(default_factory=list)  # columns that another one contradicts
    proved: list[tuple[str, Unit]] = field(default_factory=list)  # in another unit than the rest

    def member(self, root: str, key: str, value: Any) -> None:
        self.objects.setdefault(root, {})[key] = value

    def leave_out(self, root: str, name: str, value: Any) -> None:
        """A metric that is not believed, kept as what the store said."""
        self.metrics[root] = None
        self.imported[bare(name)] = kept(value)

    def get(self, root: str) -> Any:
        """What is known of a column of runs, whatever its unit."""
        value = self.metrics.get(root, self.columns.get(root))
        return self.fractions[root][1] if root in self.fractions else value


def kept(value: Any) -> Any:
    """A value that nobody reads, in a form that JSON has."""
    if value is NOTHING:
        return None
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "backslashreplace").decode()
    # Only objects and lists: "1.10" may be a version.
    return parsed(text) if text[:1] in ("{", "[") else text
