"""The spans of time a run is given: one, or walk-forward folds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bt_lake.warehouse.errors import BadInput

TRAIN = 0.7
Moment = date | str | None


@dataclass(frozen=True, slots=True)
class Window:
    """ISO texts, both ends included; None leaves an end open."""

    start: str | None = None
    end: str | None = None
    fold: str | None = None
    sample: str | None = None


def windows(
    start: Moment, end: Moment, folds: int | None = None, train: float | None = None
) -> list[Window]:
    """One window, or for each of several folds one in sample and one out of sample."""
    if folds is None and train is not None:
        raise BadInput("train is the share of each fold that is in sample: give folds as well")
    if folds is None:
        first, last = _text("start", start), _text("end", end)
        if first and last and _utc(last) < _utc(first):
            raise BadInput(f"end {last} is before start {first}")
        return [Window(first, last)]
    if start is None or end is None:
        raise BadInput("folds divide a span of time: give its start and end")
    return walk_forward(
        _day("start", start), _day("end", end), folds, TRAIN if train is None else train
    )


def walk_forward(start: date, end: date, folds: int, train: float) -> list[Window]:
    """Windows of whole days, rolled on so that what is out of sample joins without gap or overlap.

    `train` is the share of each fold that is in sample.
    """
    days = (end - start).days + 1
    if folds < 1 or not 0 < train < 1:
        raise BadInput("folds is 1 or more, and train a share between 0 and 1, such as 0.7")
    inside = round(train * days / (train + (1 - train) * folds))
    if inside < 1 or days - inside < folds:
        raise BadInput(f"{max(days, 0)} days from {start} to {end} are too few for {folds} folds")
    found = []
    for fold in range(folds):
        middle = inside + fold * (days - inside) // folds
        after = inside + (fold + 1) * (days - inside) // folds
        for sample, first, last in (("in", middle - inside, middle), ("out", middle, after)):
            found.append(
                Window(
                    start=(start + timedelta(days=first)).isoformat(),
                    end=(start + timedelta(days=last - 1)).isoformat(),
                    fold=str(fold + 1),
                    sample=sample,
                )
            )
    return found


def _text(name: str, given: Moment) -> str | None:
    if given is None:
        return None
    text = given if isinstance(given, str) else given.isoformat()
    try:
        _utc(text)
    except ValueError:
        raise BadInput(f"{name}: '{text}' is not a date or a time, such as 2024-01-31") from None
    return text


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(name: str, given: Moment) -> date:
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise BadInput(f"{name}: '{given}' is not a date; folds are of whole days") from None
