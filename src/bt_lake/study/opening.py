"""What is fixed before the first trial, checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from numbers import Integral
from typing import Any

from bt_lake.queries.filters import Time, is_day, moment
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import RUNS, metrics
from bt_lake.warehouse.studies import OVERRUNS

Holdout = str | tuple[Time, Time] | None
_MOST_TRIALS = 100_000_000
_LONGEST = 2_000
_NAME = 100
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})(?::(\d{4}-\d{2}-\d{2})?)?")


def opening(
    name: str,
    *,
    hypothesis: str | None,
    budget: int | None,
    holdout: Holdout,
    metric: str,
    alpha: float,
    looks: int,
    overrun: str,
) -> dict[str, Any]:
    """The opening of a study, as it is put on record."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _NAME:
        raise BadInput(f"the name of a study is a printable text of at most {_NAME} characters")
    if not isinstance(hypothesis, str) or not hypothesis.strip():
        raise BadInput("hypothesis: say in a sentence what you expect, before you try")
    if budget is None or not _is_whole(budget) or not 1 <= budget <= _MOST_TRIALS:
        raise BadInput(f"budget: how many trials you allow yourself, 1 or more, not {budget}")
    if not isinstance(alpha, int | float) or not 0.0 < alpha < 0.5:
        raise BadInput(f"alpha, the rate of false alarms, is between 0 and 0.5, not {alpha}")
    if not _is_whole(looks) or not 1 <= looks <= budget:
        raise BadInput(f"looks: how many candidates may be shown the holdout, not {looks}")
    if overrun not in OVERRUNS:
        raise BadInput(f"overrun is {' or '.join(map(repr, OVERRUNS))}, not {overrun!r}")
    if metric not in RUNS or not RUNS[metric].is_number:
        numbers = [column.name for column in metrics()]
        raise UnknownName.near("metric", metric, numbers, " A study goes by one of the lake's own.")
    begin, end = window(holdout)
    return {
        "hypothesis": hypothesis.strip()[:_LONGEST],
        "budget": int(budget),
        "overrun": overrun,
        "holdout_from": begin,
        "holdout_to": end,
        "metric": metric,
        "alpha": float(alpha),
        "looks": int(looks),
    }


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def window(holdout: Holdout) -> tuple[datetime | None, datetime | None]:
    """From when to when the holdout is; days are whole, and it may be open at its end."""
    if holdout is None:
        return None, None
    if isinstance(holdout, str):
        found = _DAYS.fullmatch(holdout.strip())
        if found is None:
            raise BadInput(f"holdout: '{holdout}' is not a window; give 2024-01-01: or FROM:TO")
        first, last = found.groups()
    elif isinstance(holdout, tuple | list) and len(holdout) == 2:
        first, last = holdout
    else:
        raise BadInput(f"holdout: '2024-01-01:', FROM:TO, or a pair of times, not {holdout!r}")
    if first is None:
        raise BadInput("holdout: say when it begins")
    begin = moment("holdout", first)
    if last is None:
        return begin, None
    end = moment("holdout", last)
    if is_day(last):
        end = datetime.combine(end.date() + timedelta(days=1), time(), UTC)
        end -= timedelta(microseconds=1)
    if end <= begin:
        raise BadInput(f"holdout: it ends at {last}, before it begins")
    return begin, end
