"""What a report is made of, whatever it is written as: every text is text, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from bt_lake.drawing.picture import Picture


@dataclass(frozen=True, slots=True)
class Cell:
    """`tint` is from -1 (the worst) to 1 (the best): the ground of the cell."""

    text: str
    tint: float = 0.0
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Cards:
    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence that must not be overlooked."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, or several of which a reader chooses one; the first is shown and printed."""

    pictures: Sequence[tuple[str, Picture]]

    @classmethod
    def of(cls, picture: Picture) -> Figure:
        return cls([("", picture)])


@dataclass(frozen=True, slots=True)
class Table:
    """The first `texts` columns are to the left, numbers to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    texts: int = 1
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Abreast:
    """Tables beside each other where there is room."""

    tables: Sequence[Table]


Block: TypeAlias = Cards | Remark | Words | Figure | Table | Abreast


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    parts: Sequence[Part]
    left_out: Sequence[str] = field(default_factory=list)


def table(
    head: Sequence[str], rows: Sequence[Sequence[str | Cell]], *, most: int, **look: object
) -> Table:
    """A table of no more than so many rows, that says so where there are more."""
    left = len(rows) - most
    note = f"The first {most:,} of {len(rows):,}." if left > 0 else ""
    return Table(head, rows[:most], note=note, **look)  # type: ignore[arg-type]
