"""Rows of one run among those of many that were read together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Rows:
    """From `start` to `stop` of columns that other runs have, too."""

    columns: dict[str, pa.Array]
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def taken(self) -> dict[str, pa.Array]:
        return {name: values[self.start : self.stop] for name, values in self.columns.items()}
