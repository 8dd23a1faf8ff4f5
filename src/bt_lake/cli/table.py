"""Tables for people: aligned, and on a terminal never wider than it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from bt_lake.cli.fields import Field, fitted
from bt_lake.cli.style import PLAIN, Style
from bt_lake.wording.values import MISSING
from bt_lake.wording.widths import columns_of, padded, shortened

GAP = "  "
_TOLD = 20  # columns a value may take in the last line


@dataclass(slots=True)
class _Column:
    field: Field
    width: int = 0
    cells: list[str] = dataclass_field(default_factory=list)
    looks: list[str] = dataclass_field(default_factory=list)

    def fill(self, values: Sequence[Any]) -> None:
        self.cells = self.field.texts(values)
        self.looks = [self.field.look(value) if self.field.look else "" for value in values]

    def widen(self) -> None:
        self.width = max(self.width, *map(columns_of, [self.field.title, *self.cells]))

    def described(self, *, known: bool) -> str:
        """Its title, and its value if all of its cells are known and the same."""
        value = self.cells[0]
        if not known or value == MISSING or any(cell != value for cell in self.cells):
            return self.field.title
        return f"{self.field.title} {shortened(value, _TOLD)}"


class Table:
    """Lays rows out, piece by piece: the first piece decides the columns.

    With a width, text is cut and the least telling columns are dropped to fit; `dropped` names
    them, with their value where all rows have the same.
    """

    def __init__(self, width: int | None = None, style: Style = PLAIN) -> None:
        self._width = width
        self._style = style
        self._columns: list[tuple[int, _Column]] = []
        self._dropped: list[_Column] = []
        self._pieces = 0

    @property
    def dropped(self) -> list[str]:
        return [column.described(known=self._pieces == 1) for column in self._dropped]

    def lines(self, fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> list[str]:
        first = not self._columns
        if not rows:
            return []
        self._pieces += 1
        if first:
            self._columns = [(n, _Column(f)) for n, f in enumerate(fitted(fields, rows))]
        for place, column in self._columns:
            column.fill([row[place] for row in rows])
            if first or self._width is None:
                column.widen()
        if first and self._width is not None:
            self._fit(self._width)
        columns = [column for _, column in self._columns]
        head = [self._style(_line([_aligned(c, c.field.title) for c in columns]), "dim")]
        body = [
            _line([self._style(_aligned(c, c.cells[n]), c.looks[n]) for c in columns])
            for n in range(len(rows))
        ]
        return head + body if first else body

    def _fit(self, width: int) -> None:
        """Keep the most telling columns that fit with their text cut, then cut no more than due."""
        by_telling = sorted(self._columns, key=lambda entry: -entry[1].field.telling)
        kept, used = by_telling[:1], _least(by_telling[0][1])
        for entry in by_telling[1:]:
            need = len(GAP) + _least(entry[1])
            if used + need <= width:
                kept.append(entry)
                used += need
        self._dropped = [c for n, c in self._columns if (n, c) not in kept]
        self._columns = sorted(kept, key=lambda entry: entry[0])
        columns = [column for _, column in self._columns]
        _cut(columns, sum(c.width for c in columns) + len(GAP) * (len(columns) - 1) - width)


class Markdown:
    """The same table for a document: nothing is cut, nothing dropped."""

    def __init__(self) -> None:
        self._fields: list[Field] = []
        self.dropped: list[str] = []

    def lines(self, fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> list[str]:
        head = []
        if not self._fields:
            self._fields = fitted(fields, rows)
            rules = ["---:" if field.right else "---" for field in self._fields]
            head = [_markdown([field.title for field in self._fields]), _markdown(rules)]
        cells = [f.texts([row[place] for row in rows]) for place, f in enumerate(self._fields)]
        return head + [_markdown(row) for row in zip(*cells, strict=True)]


def _markdown(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _line(cells: list[str]) -> str:
    return GAP.join(cells).rstrip()


def _least(column: _Column) -> int:
    """The columns of the terminal it takes at least."""
    if column.field.shrink is None:
        return column.width
    return min(column.width, max(column.field.shrink, columns_of(column.field.title)))


def _cut(columns: list[_Column], excess: int) -> None:
    """Take the excess from the widest texts first; a lone column gives all of it."""
    if len(columns) == 1:
        columns[0].width = max(1, columns[0].width - max(0, excess))
        return
    for _ in range(excess):
        widest = max((c for c in columns if c.width > _least(c)), key=lambda column: column.width)
        widest.width -= 1


def _aligned(column: _Column, text: str) -> str:
    return padded(shortened(text, column.width), column.width, right=column.field.right)
