"""What every older store is read as: its rows by column, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bt_lake.ingest.stores.report import Lost

BATCH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows, column by column; what a row lacks is None."""

    labels: list[str]  # what messages call the rows: "id 17"
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Sequence[int]) -> Rows:
        """Some of the rows."""
        if len(places) == len(self):
            return self
        columns = {n: [values[p] for p in places] for n, values in self.columns.items()}
        return Rows([self.labels[place] for place in places], columns)


@dataclass(frozen=True, slots=True)
class Unloaded:
    """A curve or a list of trades that is read only where its run is new; may raise ValueError."""

    load: Callable[[], Any]


class Nothing:
    """None where a parameter may be none on purpose, and not for want of a value."""

    def __str__(self) -> str:
        return "None"


NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the documentation of a store says about its columns."""

    names: Mapping[str, str] = field(
        default_factory=dict
    )  # theirs -> ours, where the name alone would mislead
    percent: frozenset[str] = frozenset()
    fraction: frozenset[str] = frozenset()
    repeats: bool = False  # a key that comes again at another time is another run


class Source(Protocol):
    """A store, opened for reading."""

    kind: str  # one of stores.KINDS
    name: str  # for people: the file or the database
    table: str
    key: tuple[str, ...]  # the columns that identify a row within the table
    strategy: str  # name of the strategy where no column tells it
    dialect: Dialect
    remarks: list[str]  # what of the store is not read
    lost: Lost

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        """All rows, in a stable order; a summary may leave out curves and trades."""

    def close(self) -> None: ...


def labels(
    columns: Mapping[str, list[Any]], key: tuple[str, ...], done: int, count: int
) -> list[str]:
    """What messages call the rows: by their key, or where there is none by their number."""
    if not key:
        return [f"row {done + number}" for number in range(1, count + 1)]
    values = [[f"{name} {value}" for value in columns[name]] for name in key]
    return [", ".join(parts) for parts in zip(*values, strict=True)]
