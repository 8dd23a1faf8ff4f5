"""What runs beside each other are called: by what sets them apart, not by their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bt_lake.queries.resolving import TAIL
from bt_lake.queries.wholerows import Row, flat
from bt_lake.warehouse.schema import SHOWN
from bt_lake.wording.values import one_line, text

_MOST = 40


def heads(rows: Sequence[Row], most: int = _MOST) -> list[str]:
    """`fast=50 slow=90` of each run; what tells too little, or is too long, ends with the id."""
    if len(rows) == 1:
        return [f"…{rows[0]['run_id'][-TAIL:]}"]
    labels = [name for name in SHOWN if _differs([row[name] for row in rows])]
    params = [flat(row["params"] or {}) for row in rows]
    names = list(dict.fromkeys(name for each in params for name in each))
    names = [name for name in names if _differs([each.get(name) for each in params])]
    made = [
        " ".join(
            [text(row[name]) for name in labels if row[name] is not None]
            + [f"{one_line(name)}={text(each[name])}" for name in names if name in each]
        )
        for row, each in zip(rows, params, strict=True)
    ]
    return _told_apart(made, rows, most)


def _told_apart(made: Sequence[str], rows: Sequence[Row], most: int) -> list[str]:
    cut = [each if len(each) <= most else each[: most - 1].rstrip() + "…" for each in made]
    often = Counter(cut)
    ends = [f"…{row['run_id'][-TAIL:]}" for row in rows]
    return [
        each
        if each and often[each] == 1
        else f"{each[: most - TAIL - 2].rstrip('…')} {end}".strip()
        for each, end in zip(cut, ends, strict=True)
    ]


def _differs(values: Sequence[object]) -> bool:
    return len({repr(value) for value in values}) > 1
