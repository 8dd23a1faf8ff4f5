"""The options of how an answer is written, and answers written so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from bt_lake.cli.declaring import Option, Options
from bt_lake.cli.fields import Field, plain
from bt_lake.cli.stream import stream, write
from bt_lake.cli.style import PLAIN, Style, columns_of_terminal, style_of
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import harmless

if TYPE_CHECKING:
    import pyarrow as pa

    from bt_lake.queries.answer import Answer


Row = Sequence[Any]


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    PARQUET = "parquet"


_BY_SUFFIX = {
    ".csv": Format.CSV,
    ".json": Format.JSON,
    ".md": Format.MD,
    ".parquet": Format.PARQUET,
    ".txt": Format.TABLE,
}

# Chooses what of an answer a table shows: the fields, and the rows with a value for each.
Layout = Callable[[Sequence[str], Sequence[Row]], tuple[Sequence[Field], Sequence[Row]]]


def as_it_is(columns: Sequence[str], rows: Sequence[Row]) -> tuple[Sequence[Field], Sequence[Row]]:
    """Every column under its own name, in the plainest form of its values."""
    return [plain(name) for name in columns], rows


class Written(NamedTuple):
    """What became of an answer: how many rows were written, and the columns that had no room."""

    rows: int
    dropped: Sequence[str] = ()


@dataclass
class Output(Options):
    """Where data goes and in which form."""

    format: Annotated[
        Format | None,
        Option("--format", "-f", rich_help_panel="Output", help="How to write the answer."),
    ] = None
    path: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            metavar="FILE",
            rich_help_panel="Output",
            help="Write to a file; its ending tells the format.",
        ),
    ] = None
    raw: Annotated[
        bool,
        Option(
            "--raw",
            rich_help_panel="Output",
            help="CSV for programs: texts like =1+1 as they are.",
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.format is None:
            self.format = Format.TABLE if self.path is None else _format_of(self.path)
        if self.format is Format.PARQUET and self.on_terminal:
            raise BadInput("parquet is not for reading on a terminal: add -o FILE.parquet")

    @property
    def is_table(self) -> bool:
        return self.format is Format.TABLE

    @property
    def is_text(self) -> bool:
        """Whether a person reads it, rather than a program."""
        return self.format in (Format.TABLE, Format.MD)

    @property
    def on_terminal(self) -> bool:
        return self.path is None and sys.stdout.isatty()

    @property
    def width(self) -> int | None:
        """The columns there are to draw in; None where nothing is cut."""
        return columns_of_terminal() if self.on_terminal else None

    @property
    def style(self) -> Style:
        return PLAIN if self.path is not None else style_of(sys.stdout)

    def answer(self, answer: Answer, layout: Layout = as_it_is, *, huge: bool = False) -> Written:
        """Write an answer in the format asked for; a table and Markdown show it as laid out.

        A `huge` one may not fit in memory: it is asked for and written in pieces.
        """
        if self.format is Format.PARQUET:
            return self._parquet(answer)
        chunks = answer.chunks() if huge else iter([answer.rows()])
        first = next(chunks, [])  # the columns are known for free once rows were asked for
        columns = answer.columns
        if self.is_text:
            pieces = ((columns, chunk) for chunk in chain([first], chunks))
            return self.tables(layout(*piece) for piece in pieces)
        return self.rows(columns, chain(first, chain.from_iterable(chunks)))

    def rows(self, columns: Sequence[str], rows: Iterable[Row]) -> Written:
        """Rows as they are: raw values, every column."""
        from bt_lake.cli import writers

        counted = _Counted(rows)
        match self.format:
            case Format.CSV:
                self._raw(writers.csv_text(columns, counted, raw=self.raw))
            case Format.JSON:
                self._raw(writers.json_text(columns, counted))
            case Format.PARQUET:
                return self._parquet_rows(columns, list(rows))
            case _:
                return self.table(*as_it_is(columns, list(rows)))
        return Written(counted.count)

    def table(self, fields: Sequence[Field], rows: Sequence[Row]) -> Written:
        return self.tables([(fields, rows)])

    def tables(self, pieces: Iterable[tuple[Sequence[Field], Sequence[Row]]]) -> Written:
        """The pieces of one table."""
        from bt_lake.cli.table import Markdown, Table

        drawn = Markdown() if self.format is Format.MD else Table(self.width, self.style)
        rows = 0

        def lines() -> Iterator[str]:
            nonlocal rows
            for fields, piece in pieces:
                rows += len(piece)
                yield from drawn.lines(fields, piece)

        self.lines(lines())
        return Written(rows, drawn.dropped)

    def document(self, value: Any) -> None:
        """One thing as JSON, indented for a person who looks at it."""
        from bt_lake.cli.writers import dumps

        self._raw([dumps(value, indent=2), "\n"])

    def lines(self, lines: Iterable[str]) -> None:
        self.text(line + "\n" for line in lines)

    def text(self, pieces: Iterable[str]) -> None:
        write(self.path, pieces)

    def _raw(self, pieces: Iterable[str]) -> None:
        """Values as they are, but on a terminal without what could steer it."""
        self.text(map(harmless, pieces) if self.on_terminal else pieces)

    def _parquet(self, answer: Answer) -> Written:
        batches = iter(answer.batches())
        first = next(batches, None)
        if first is not None:
            return self._arrow(chain([first], batches))
        with stream(self.path) as file:  # no batch, no schema: the frame knows it
            answer.frame().write_parquet(file)
        return Written(0)

    def _parquet_rows(self, columns: Sequence[str], rows: Sequence[Row]) -> Written:
        import pyarrow as pa

        from bt_lake.cli.writers import of_one_kind

        values = zip(*rows, strict=True) if rows else [()] * len(columns)
        arrays = [pa.array(of_one_kind(column)) for column in values]
        return self._arrow([pa.record_batch(arrays, names=list(columns))])

    def _arrow(self, batches: Iterable[pa.RecordBatch]) -> Written:
        import pyarrow.parquet as pq

        batches, rows = iter(batches), 0
        batch = next(batches)
        with stream(self.path) as file, pq.ParquetWriter(file, batch.schema) as writer:
            for each in chain([batch], batches):
                rows += each.num_rows
                writer.write_batch(each)
        return Written(rows)


class _Counted:
    """Rows that are counted as they go by."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _format_of(path: Path) -> Format:
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise BadInput(
            f"cannot tell a format from the name {path.name}: add --format "
            f"{'|'.join(Format)}, or end it with {', '.join(_BY_SUFFIX)}"
        ) from None
