"""Answers in the user's own words as a table: columns under their own names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bt_lake.cli.fields import Field, plain, run_field
from bt_lake.cli.output import Layout, Output, Row
from bt_lake.wording.values import times


def raw_layout(out: Output) -> Layout:
    """Columns under their own names, values as they are; on a terminal ids by their ends."""

    def layout(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[Field], Sequence[Row]]:
        return [
            _field(name, out, [row[place] for row in rows]) for place, name in enumerate(columns)
        ], rows

    return layout


def _field(name: str, out: Output, values: list[Any]) -> Field:
    if name == "run_id" and all(isinstance(value, str | None) for value in values):
        return run_field(full=not out.on_terminal).titled(name)
    moments = [value for value in values if value is not None]
    if moments and all(isinstance(value, datetime) for value in moments):
        return replace(plain(name), texts=times, shrink=None)
    return plain(name)
