"""What a user can say of a file that the file does not."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bt_lake.warehouse.errors import BadInput


@dataclass(frozen=True, slots=True)
class Hints:
    """`columns` are those of `--set`; None means: let the file tell, or refuse to guess."""

    time_zone: str | None = None
    day_first: bool | None = None
    decimal: str | None = None
    trades: bool = False
    returns: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def zone(self) -> str | None:
        return self.time_zone or self.columns.get("time_zone")

    @property
    def capital(self) -> float | None:
        return self.columns.get("initial_capital")


NONE = Hints()


def hints(
    *,
    time_zone: str | None = None,
    day_first: bool | None = None,
    decimal: str | None = None,
    trades: bool = False,
    returns: bool = False,
    columns: Mapping[str, str] | str | None = None,
) -> Hints:
    """What a caller says; `columns` is a mapping of our names to theirs, or OURS=THEIRS,..."""
    if decimal not in (None, ".", ","):
        raise BadInput(f"the mark of decimals is . or , and not {decimal!r}")
    if columns and not trades:
        raise BadInput("columns name those of a list of trades: say --trades as well")
    names = _names(columns) if isinstance(columns, str) else dict(columns or {})
    if trades and returns:
        raise BadInput("files hold trades or returns, one of both")
    return Hints(time_zone, day_first, decimal, trades, returns, names)


def _names(text: str) -> dict[str, str]:
    names = {}
    for cells in csv.reader([text], skipinitialspace=True):
        for cell in cells:
            ours, sign, theirs = cell.partition("=")
            if not sign or not theirs.strip():
                raise BadInput(f'--columns {cell}: write OURS=THEIRS, such as pnl="Net profit"')
            names[ours.strip()] = theirs.strip().strip('"')
    return names
