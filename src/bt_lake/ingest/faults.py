"""What is wrong with the runs of a batch: raised at once, or collected so that the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.run import Run
from bt_lake.ingest.times import Problems
from bt_lake.warehouse.errors import BadInput

Array = TypeVar("Array", bound=NDArray[Any])
Parser = Callable[[Any], tuple[Array, Problems]]


class Faults:
    """The first fault of each bad run, by the run's place in the batch."""

    def __init__(self, runs: Sequence[Run], *, collect: bool) -> None:
        self._runs = runs
        self._collect = collect
        self.found: dict[int, str] = {}

    def add(self, run: int, reason: str) -> None:
        if not self._collect:
            origin = self._runs[run].origin
            raise BadInput(f"{origin}: {reason}" if origin else reason)
        self.found.setdefault(run, reason)

    def add_rows(
        self, rows: Iterable[np.integer[Any]], offsets: NDArray[np.int64], words: str
    ) -> None:
        """Faults of single rows of the flat arrays; `{row}` in the words is the row of the run."""
        for row in rows:
            run = int(np.searchsorted(offsets, row, side="right")) - 1
            self.add(run, words.format(row=int(row - offsets[run])))


def parse_pieces(
    pieces: Sequence[Any],
    parse: Parser[Array],
    *,
    flat: bool,
    fault: Callable[[int, int, str], None],
) -> list[Array]:
    """One column of several runs; in one go where all are lists, or arrays, of one kind."""
    if flat and len(pieces) > 1:
        are_lists = isinstance(pieces[0], list)
        joined = list(chain.from_iterable(pieces)) if are_lists else np.concatenate(pieces)
        values, problems = parse(joined)
        if not problems:
            return [values]
    parsed = []
    for place, piece in enumerate(pieces):
        values, problems = parse(piece)
        for row, reason in problems:
            fault(place, row, reason)
        parsed.append(values)
    return parsed
