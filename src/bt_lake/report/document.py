"""What a report is made of, whatever it is written as: every text is text, never markup."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TypeAlias

from bt_lake.drawing.picture import Picture
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.wholefile import whole_file

KINDS = (".html", ".md")


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


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """One self-contained page: `.html()`, `.markdown()`, `.save("report.html")`."""

    title: str
    subtitle: str
    parts: Sequence[Part]
    left_out: Sequence[str] = field(default_factory=list)

    def html(self) -> str:
        """A page without a script or anything from elsewhere."""
        from bt_lake.report.page import page

        return page(self)

    def markdown(self) -> str:
        """Tables and words, for a pull request; the pictures are in the page."""
        from bt_lake.report.markdown import markdown

        return markdown(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """To a file; its ending tells how: .html or .md."""
        target = Path(path)
        check_kind(target)
        text = self.html() if target.suffix.lower() == ".html" else self.markdown()
        with whole_file(target) as file:
            file.write(text.encode("utf-8"))
        return target

    def __repr__(self) -> str:
        names = ", ".join(part.title for part in self.parts if part.title)
        return f"Report({self.title}: {names})"

    def _repr_html_(self) -> str:
        page = escape(self.html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:80vh;border:0"></iframe>'


def check_kind(path: Path) -> None:
    """Refuse a name we cannot write to, before anything is asked of the lake."""
    if path.suffix.lower() not in KINDS:
        raise BadInput(f"cannot write a report to {path.name}: end it with {', '.join(KINDS)}")


def table(
    head: Sequence[str], rows: Sequence[Sequence[str | Cell]], *, most: int, **look: object
) -> Table:
    """A table of no more than so many rows, that says so where there are more."""
    left = len(rows) - most
    note = f"The first {most:,} of {len(rows):,}." if left > 0 else ""
    return Table(head, rows[:most], note=note, **look)  # type: ignore[arg-type]
