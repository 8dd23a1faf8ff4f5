"""Percent or fraction? Decided for each column, once, with the evidence said.

What settles it, the first that can: the caller; arithmetic against other columns; values that a
fraction cannot have; the column's name; the documentation of the store; what the store's other
columns are in; and last, how large the values are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.stores.mapping import Target, says_percent
from bt_lake.ingest.stores.source import Dialect
from bt_lake.ingest.stores.survey import FRACTIONS, Floats, Survey
from bt_lake.warehouse.errors import BadInput, UnknownName


class Unit(StrEnum):
    FRACTION = "fraction"
    PERCENT = "percent"
    MONEY = "money"


# Shares of a whole: as fractions hardly ever beyond 1 (a drawdown of an account in debt is).
SHARES = {"win_rate", "exposure", "max_drawdown", "ulcer_index"}
_RETURNS = {"total_return", "cagr", "avg_trade_return", "best_period", "worst_period"}
_STRAYS = 0.05  # so many values may be beyond what is possible before the unit is to blame
FAR_APART = 20.0  # the medians of fractions and of percentages in one column are a hundred
_FEW = 20  # drawdowns under 1 % do occur; in so many rows at once they hardly do
# Beyond these, half of the values are more likely percent than fractions.
_LARGE = {"avg_trade_return": 0.1, "var_95": 0.3, "cvar_95": 0.3, "best_period": 0.5}
_LARGE_ELSE = 2.0


@dataclass(frozen=True, slots=True)
class Decision:
    unit: Unit
    why: str
    guessed: bool = False
    told: bool = False  # by the caller


def decide(
    targets: Mapping[str, Target],
    survey: Survey,
    given: Mapping[str, str],
    dialect: Dialect,
    fills: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Decision]:
    """The unit of every column that becomes a fraction of the lake."""
    columns = {name: t.root for name, t in targets.items() if t.root in FRACTIONS}
    wanted = {_known(name, columns): _unit(name, unit) for name, unit in given.items()}
    chosen = {name: target for name, target in targets.items() if name not in fills}
    by_root = {target.root: name for name, target in chosen.items() if not target.key}
    decided: dict[str, Decision] = {}
    for name, ours in columns.items():
        values = survey.values[name]
        if name in wanted:
            _check_money(ours, wanted[name])
            decided[name] = Decision(wanted[name], "as you said", told=True)
            continue
        witnesses = {root: survey.values.get(theirs) for root, theirs in by_root.items()}
        found = (
            _by_arithmetic(ours, values, witnesses)
            or _by_range(name, ours, values, dialect)
            or _by_name(name, dialect)
        )
        if found:
            decided[name] = found
    for name, ours in columns.items():
        if name not in decided:
            decided[name] = _by_others(decided, columns) or _by_size(ours, survey.values[name])
    return decided


def _known(name: str, columns: Mapping[str, str]) -> str:
    by_bare = {theirs.partition(".")[2] or theirs: theirs for theirs in columns}
    found = name if name in columns else by_bare.get(name)
    if found is None:
        hint = f" Those with a unit are {', '.join(columns)}."
        raise UnknownName.near("column with a unit", name, columns, hint=hint)
    return found


def _unit(name: str, unit: str) -> Unit:
    try:
        return Unit(unit)
    except ValueError:
        raise BadInput(f"--unit {name}={unit}: a unit is {', '.join(Unit)}") from None


def _check_money(ours: str, unit: Unit) -> None:
    if unit is Unit.MONEY and ours != "total_return":
        raise BadInput(f"{ours} cannot be in money; only total_return can")


def _by_arithmetic(
    ours: str, values: Floats, witnesses: Mapping[str, Floats | None]
) -> Decision | None:
    """Compare with what other columns of the same rows say it must be."""
    if ours == "total_return":
        before, after = witnesses.get("initial_capital"), witnesses.get("final_equity")
        words = "final over initial capital"
    elif ours == "win_rate":
        before, after = witnesses.get("total_trades"), witnesses.get("winning_trades")
        words = "winning over all trades"
    else:
        return None
    if before is None or after is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = after / before - (ours == "total_return")
    usable = np.isfinite(values) & np.isfinite(expected) & (np.abs(expected) > 1e-3)
    scales = {Unit.FRACTION: np.ones(1), Unit.PERCENT: np.full(1, 100.0)}
    if ours == "total_return":
        scales[Unit.MONEY] = before
    fits = {unit: _fits(values, expected * scale, usable) for unit, scale in scales.items()}
    unit = max(fits, key=lambda unit: fits[unit])
    count = int(usable.sum())
    if not count or fits[unit] < 0.9 * count:
        return None
    return Decision(unit, f"agrees with {words} in {fits[unit]:,} of {count:,} rows")


def _fits(values: Floats, expected: Floats, usable: NDArray[np.bool_]) -> int:
    # Stores round: two digits of a percentage are a hundredth of a small return.
    return int((usable & (np.abs(values - expected) <= 0.02 * np.abs(expected))).sum())


def _by_range(name: str, ours: str, values: Floats, dialect: Dialect) -> Decision | None:
    """Values that a fraction of this kind cannot have, or that a percentage hardly has."""
    there = values[np.isfinite(values) & (values != 0)]
    if not len(there):
        return None
    if ours in SHARES:
        beyond = int((np.abs(there) > 1).sum())
        two_units = beyond <= len(there) / 2 and _are_two_units(np.abs(there))
        if beyond > _STRAYS * len(there) and not two_units:
            return Decision(Unit.PERCENT, f"{beyond:,} of {len(there):,} values are beyond 1")
        if ours != "win_rate" and len(there) < _FEW and _claims_percent(name, dialect):
            return None
        against = " though its name says percent" if says_percent(name) else ""
        why = f"{len(there) - beyond:,} of {len(there):,} values are within 1{against}"
        # A win rate under 1 % is no win rate.
        return Decision(Unit.FRACTION, why, guessed=bool(against) and ours != "win_rate")
    below = int((there < -1.0001).sum())
    if ours in _RETURNS and below > _STRAYS * len(there):
        return Decision(Unit.PERCENT, f"{below:,} of {len(there):,} values are losses beyond 1")
    return None


def _are_two_units(sizes: Floats) -> bool:
    """Values within 1 and far ones beyond it, none between: of two authors, most likely."""
    within, beyond = sizes[sizes <= 1], sizes[sizes > 1]
    return bool(len(within) and len(beyond) and np.median(beyond) > FAR_APART * np.median(within))


def _claims_percent(name: str, dialect: Dialect) -> bool:
    return says_percent(name) or name in dialect.percent


def _by_name(name: str, dialect: Dialect) -> Decision | None:
    if says_percent(name):
        return Decision(Unit.PERCENT, "its name says so")
    if name in dialect.percent:
        return Decision(Unit.PERCENT, "the store's documentation says so")
    if name in dialect.fraction:
        return Decision(Unit.FRACTION, "the store's documentation says so")
    return None


def _by_others(decided: Mapping[str, Decision], columns: Mapping[str, str]) -> Decision | None:
    """Columns whose values speak for themselves speak for the rest of the store."""
    telling = {
        name: decision.unit
        for name, decision in decided.items()
        if not says_percent(name) and not decision.guessed and decision.unit is not Unit.MONEY
    }
    if len(set(telling.values())) != 1:
        return None
    return Decision(next(iter(telling.values())), f"like {', '.join(telling)}", guessed=True)


def _by_size(ours: str, values: Floats) -> Decision:
    there = np.abs(values[np.isfinite(values) & (values != 0)])
    limit = _LARGE.get(ours, _LARGE_ELSE)
    if not len(there):
        return Decision(Unit.FRACTION, "no value")
    middle = float(np.median(there))
    unit = Unit.PERCENT if middle > limit else Unit.FRACTION
    return Decision(unit, f"half of the values are beyond {middle:.3g}", guessed=True)
