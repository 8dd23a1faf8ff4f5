"""stdout, or the file that stands in for it: the one module that writes data."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from bt_lake.cli.binding import Options
from bt_lake.cli.fields import Field, plain
from bt_lake.cli.style import PLAIN, Style, style_of
from bt_lake.warehouse.errors import BadInput, CannotWrite
from bt_lake.warehouse.wholefile import whole_file
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


class ReaderGone(Exception):
    """Whoever read stdout has seen enough."""


@dataclass
class Output(Options):
    """Where data goes and in which form."""

    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", rich_help_panel="Output", help="How to write the answer."),
    ] = None
    path: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            rich_help_panel="Output",
            help="Write to a file; its ending tells the format.",
        ),
    ] = None
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            rich_help_panel="Output",
            help="CSV for programs: texts like =1+1 as they are.",
        ),
    ] = False
    # What became of the last answer, for the last line on stderr.
    shown: int = field(default=0, init=False)
    dropped: list[str] = field(default_factory=list, init=False)
    in_all: list[str] = field(default_factory=list, init=False)  # what all rows have in common

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
        return shutil.get_terminal_size().columns if self.on_terminal else None

    @property
    def style(self) -> Style:
        return PLAIN if self.path is not None else style_of(sys.stdout)

    def answer(self, answer: Answer, layout: Layout = as_it_is, *, huge: bool = False) -> None:
        """Write an answer in the format asked for; a table and Markdown show it as laid out.

        A `huge` one may not fit in memory: it is asked for and written in pieces.
        """
        if self.format is Format.PARQUET:
            self._parquet(answer)
            return
        chunks = answer.chunks() if huge else iter([answer.rows()])
        first = next(chunks, [])  # the columns are known for free once rows were asked for
        columns = answer.columns
        if self.is_text:
            pieces = ((columns, chunk) for chunk in chain([first], chunks))
            self.tables(layout(*piece) for piece in pieces)
        else:
            self.rows(columns, chain(first, chain.from_iterable(chunks)))

    def rows(self, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Rows as they are: raw values, every column."""
        from bt_lake.cli import writers

        match self.format:
            case Format.CSV:
                self._raw(writers.csv_text(columns, self._counted(rows), raw=self.raw))
            case Format.JSON:
                self._raw(writers.json_text(columns, self._counted(rows)))
            case Format.PARQUET:
                self._parquet_rows(columns, list(rows))
            case _:
                self.table(*as_it_is(columns, list(rows)))

    def table(self, fields: Sequence[Field], rows: Sequence[Row]) -> None:
        self.tables([(fields, rows)])

    def tables(self, pieces: Iterable[tuple[Sequence[Field], Sequence[Row]]]) -> None:
        """The pieces of one table."""
        from bt_lake.cli.table import Markdown, Table

        drawn = Markdown() if self.format is Format.MD else Table(self.width, self.style)
        self.lines(line for piece in pieces for line in drawn.lines(*self._piece(*piece)))
        self.dropped = drawn.dropped

    def _piece(self, fields: Sequence[Field], rows: Sequence[Row]) -> Any:
        self.shown += len(rows)
        return fields, rows

    def document(self, value: Any) -> None:
        """One thing as JSON, indented for a person who looks at it."""
        from bt_lake.cli.writers import dumps

        self._raw([dumps(value, indent=2), "\n"])

    def lines(self, lines: Iterable[str]) -> None:
        self.text(line + "\n" for line in lines)

    def _raw(self, pieces: Iterable[str]) -> None:
        """Values as they are, but on a terminal without what could steer it."""
        self.text(map(harmless, pieces) if self.on_terminal else pieces)

    def text(self, pieces: Iterable[str]) -> None:
        with self._open() as stream:
            for piece in pieces:
                stream.write(piece.encode("utf-8", "surrogateescape"))

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.shown += 1
            yield row

    def _parquet(self, answer: Answer) -> None:
        batches = iter(answer.batches())
        first = next(batches, None)
        if first is not None:
            self._arrow(chain([first], batches))
            return
        with self._open() as stream:  # no batch, no schema: the frame knows it
            answer.frame().write_parquet(stream)

    def _parquet_rows(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        import pyarrow as pa

        from bt_lake.cli.writers import of_one_kind

        values = zip(*rows, strict=True) if rows else [()] * len(columns)
        arrays = [pa.array(of_one_kind(column)) for column in values]
        self._arrow([pa.record_batch(arrays, names=list(columns))])

    def _arrow(self, batches: Iterable[pa.RecordBatch]) -> None:
        import pyarrow.parquet as pq

        batches = iter(batches)
        batch = next(batches)
        with self._open() as stream, pq.ParquetWriter(stream, batch.schema) as writer:
            for each in chain([batch], batches):
                self.shown += each.num_rows
                writer.write_batch(each)

    @contextlib.contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        """The file appears whole or not at all; a closed pipe ends the command quietly."""
        if self.path is not None:
            with whole_file(self.path) as file:
                yield file
            return
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except OSError as error:
            # What is still buffered must not fail again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from None
            raise CannotWrite(f"cannot write the answer: {error.strerror}") from None


def _format_of(path: Path) -> Format:
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise BadInput(
            f"cannot tell a format from the name {path.name}: add --format "
            f"{'|'.join(Format)}, or end it with {', '.join(_BY_SUFFIX)}"
        ) from None
