"""Files of returns, as quantstats and pyfolio take them: a date, a return, perhaps a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.numbers import Floats
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets import hints as hinted
from bt_lake.ingest.sheets.clock import Clock
from bt_lake.ingest.sheets.figures import Figures
from bt_lake.ingest.sheets.grid import Grid, complete
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.sheets.ledger import instants
from bt_lake.ingest.sheets.texts import decode
from bt_lake.warehouse.errors import BadInput, LakeError

_BENCHMARKS = {"benchmark", "market", "index", "spy", "^gspc", "sp500", "s&p 500"}
_CAPITAL = 1.0
_MOST = 0.5  # no fund gains half of its worth in a usual step


def read(path: Path, hints: Hints = hinted.NONE) -> Iterator[Run | BadRow]:
    try:
        yield _run(complete(decode(content(path))), path, hints)
    except LakeError as error:
        yield BadRow(str(path), None, str(error).removeprefix(f"{path}: "))


def _run(rows: Grid, path: Path, hints: Hints) -> Run:
    headed = not any(map(str.isdigit, rows[0][0]))  # a date has digits
    header = [name.strip().lower() for name in rows.pop(0)] if headed else []
    first = 2 if header else 1
    places = [f"row {number}" for number in range(first, first + len(rows))]
    width = len(rows[0]) if rows else len(header)
    if not rows or width not in (2, 3):
        raise BadInput(
            "returns are a column of dates and one of returns, perhaps one of a benchmark behind "
            f"them; this has {width} columns and {len(rows)} rows"
        )
    clock = Clock(hints.zone, hints.day_first)
    times = clock.to_utc(clock.read([row[0] for row in rows], places))
    returns = _returns(rows, 1, places, hints)
    grown = _CAPITAL * np.cumprod(1.0 + np.nan_to_num(returns))
    curve = {"ts": instants(times), "equity": np.where(np.isnan(returns), np.nan, grown)}
    if width == 3:
        if header and header[2] not in _BENCHMARKS:
            raise BadInput(f'is "{header[2]}" a benchmark? Name it benchmark, or leave it out')
        curve["benchmark"] = np.cumprod(1.0 + np.nan_to_num(_returns(rows, 2, places, hints)))
    return Run(
        path.stem,
        equity=curve,
        initial_capital=_CAPITAL,
        time_zone=clock.zone,
        origin=str(path),
    )


def _returns(rows: Grid, at: int, places: list[str], hints: Hints) -> Floats:
    texts = [row[at] for row in rows]
    values = Figures.of(texts, hints.decimal).column(texts, places, "return")
    if any(text.rstrip().endswith("%") for text in texts):
        values = values / 100
    elif len(values) > 2 and np.nanmedian(values) > _MOST:
        raise BadInput(
            f"{places[0]}: a usual value is {np.nanmedian(values):g}, which looks like equity and "
            "not like returns; returns are fractions, or have a percent sign"
        )
    if (values < -1).any():
        row = int(np.argmax(values < -1))
        raise BadInput(
            f"{places[row]}: a return of {values[row]:g} loses more than everything; returns are "
            "fractions, or have a percent sign"
        )
    return values
