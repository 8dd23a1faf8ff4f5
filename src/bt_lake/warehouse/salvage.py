"""What can still be read of a torn file: whole runs, never half of a curve.

A file without its footer has lost all of them. Of one with its footer the row groups can be read
that are whole: of `runs` the columns that a run can do without may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Without its deletion a deleted run would be shown.
_NEEDED = {"runs": {"deleted_at", *(c.name for c in TABLES["runs"].columns if c.required)}}


@dataclass(slots=True)
class Salvaged:
    rows: pa.Table
    of: int
    # Columns of `runs` that are empty in some rows, because they could not be read.
    lacking: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        without = f", without {', '.join(sorted(self.lacking))} where lost" if self.lacking else ""
        return f"{len(self.rows):,} of its {self.of:,} rows could still be read{without}"


def salvage(table: str, path: Path) -> Salvaged | None:
    """The rows of a torn file that can be read, if any; no digest proves them any more."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        marks = {k: v for k, v in (file.schema_arrow.metadata or {}).items() if k == b"folded"}
        found = Salvaged(file.schema_arrow.empty_table(), file.metadata.num_rows)
        groups, lost = [], []
        for number in range(file.num_row_groups):
            group = _group(table, file, number, found.lacking)
            if group is None:
                lost.append(_bounds(file, number))
            else:
                groups.append(group)
        if not groups or None in lost:
            return None
        found.rows = _outside(pa.concat_tables(groups), lost).replace_schema_metadata(marks)
        return found if len(found.rows) else None
    except (pa.ArrowException, OSError, ValueError):
        return None


def rows_of(path: Path, run_ids: pa.ChunkedArray) -> pa.Table | None:
    """The rows of some runs in a whole file; None if there are none, or it is not whole."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        rows = file.read().replace_schema_metadata(None)
        rows = rows.filter(pc.is_in(rows["run_id"], value_set=run_ids.combine_chunks()))
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return None
    return rows if len(rows) else None


def _group(table: str, file: pq.ParquetFile, number: int, lacking: set[str]) -> pa.Table | None:
    """A row group; None if a column that its rows need cannot be read."""
    import pyarrow as pa

    columns = []
    count = file.metadata.row_group(number).num_rows
    for column in file.schema_arrow:
        try:
            columns.append(file.read_row_group(number, columns=[column.name]).column(0))
        except (pa.ArrowException, OSError, ValueError):
            if column.name in _NEEDED.get(table, {column.name}):
                return None
            lacking.add(column.name)
            columns.append(pa.nulls(count, column.type))
    return pa.table(columns, schema=file.schema_arrow)


def _bounds(file: pq.ParquetFile, number: int) -> tuple[str, str] | None:
    """The ids that a row group may hold rows of; None if nothing says which."""
    group = file.metadata.row_group(number)
    for place in range(group.num_columns):
        column = group.column(place)
        if column.path_in_schema == "run_id" and column.statistics is not None:
            low, high = column.statistics.min, column.statistics.max
            if isinstance(low, str) and isinstance(high, str):
                return low, high
    return None


def _outside(rows: pa.Table, lost: list[tuple[str, str] | None]) -> pa.Table:
    """Without the runs of which rows may be in what is lost."""
    import pyarrow.compute as pc

    for bounds in filter(None, lost):
        ids = rows["run_id"]
        beyond = pc.or_(pc.less(ids, bounds[0]), pc.greater(ids, bounds[1]))
        rows = rows.filter(beyond)
    return rows
