"""Which column of a run their columns become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bt_lake.ingest.run import KEYS
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import RUNS

# Objects whose members are columns of their own, such as `metrics.sharpe_ratio`.
METRICS = ("metrics", "metrics_json")
# Ours, then other names for it; of several that are there the first one wins. Every column of
# `runs` is a name for itself. Metrics are here only where the other name leaves no doubt.
_SYNONYMS = """
run_id              run_uuid backtest_id
created_at          run_timestamp timestamp
status              execution_status
error               error_message
duration_s          duration_seconds execution_duration_seconds
strategy            strategy_name strategy_id
symbol              instrument_symbol instrument ticker pair
timeframe           interval bar_size
reproduced_from     reproduced_from_run_id
params              parameters params_json parameters_json
config              config_json config_snapshot
start_at            start_date period_start
end_at              end_date period_end
initial_capital     initial_balance initial_cash starting_balance starting_capital
final_equity        final_balance final_capital final_value ending_balance
sharpe_ratio        sharpe
sortino_ratio       sortino
calmar_ratio        calmar
drawdown_trough_at  max_drawdown_date
total_trades        num_trades trade_count trades_count
winning_trades      num_winning_trades
losing_trades       num_losing_trades
expectancy          avg_trade_pnl
best_trade          max_winner
worst_trade         max_loser
avg_trade_hours     avg_trade_duration_hours
"""
# The lake fills these in itself; what a store has under these names is something else.
_OURS_ALONE = {
    *("commit_id", "ingested_at", "deleted_at"),
    *("params_hash", "metrics_from", "reported", "extra", "sealed"),
}
# A study of this lake is opened before its first trial: what others call so is none.
_BY_NAME_ALONE = {"study"}
# Columns of these names are as often numbers as curves: only a store that says so has them.
_CURVES = {"equity", "trades"}
_PERCENT = re.compile(r"(?i)(_pct|_percent|_percentage|(?<!\s)\s*+\[%\]|(?<!\s)\s*+%)$")
_KEY = re.compile(r"(?i)(^|[_.])id$")
# Spaces of names: what is in them and not known goes to this part of a run.
_SPACES = {"metrics.": "extra", "params.": "params", "param_": "params", "tags.": "tags"}
_OPEN = {"params", "extra", "config", "tags"}  # `--map theirs=params.fast`
REST, IMPORTED = "rest", "imported"


@dataclass(frozen=True, slots=True)
class Target:
    """A column of a run, or a member of one: `params.fast`.

    The root `imported` is for what has no place of its own, and `rest` for what has one only if
    it is a number: in `extra`.
    """

    root: str
    key: str = ""

    def __str__(self) -> str:
        root = "config.imported" if self.root == IMPORTED else self.root
        return f"{root}.{self.key}" if self.key else root


def _names() -> dict[str, tuple[int, str]]:
    """Each known name with its rank and the column it means."""
    known = {name: (0, name) for name in KEYS - _OURS_ALONE - _BY_NAME_ALONE - _CURVES}
    for line in filter(None, _SYNONYMS.splitlines()):
        ours, *others = line.split()
        known |= {other: (rank, ours) for rank, other in enumerate(others, 1)}
    return known | dict.fromkeys(METRICS, (0, "metrics"))


_KNOWN = _names()
# What a parameter or a tag may be instead: a label of the run, its period, its capital.
_DESCRIBING = {c.name for c in RUNS.columns if c.group in ("label", "period", "money")} - {
    "final_equity",
    "bars",
    "tags",
}


_MEASURES = {c.name for c in RUNS.columns if c.is_number or c.kind == "timestamp"}
# Of these a store may have several columns, as its names changed over the years.
JOINED = _MEASURES | _DESCRIBING - {"run_id", "status", "error", "notes", "reproduced_from"}


def says_percent(name: str) -> bool:
    return _PERCENT.search(name) is not None


def bare(name: str) -> str:
    """The name without the space it is in."""
    space = _space(name)
    return name.removeprefix(space) if space else name


def known(name: str, names: Mapping[str, str]) -> tuple[int, str] | None:
    """The rank and the column that a name means by itself; `names` know better."""
    if name in names:
        return 0, names[name]
    space = _space(name)
    plain = _PERCENT.sub("", bare(name).strip().lower()).replace(" ", "_").replace("-", "_")
    found = _KNOWN.get(plain)
    if found and space and _SPACES[space] in ("params", "tags") and found[1] not in _DESCRIBING:
        return None
    if found and space == "metrics." and found[1] not in _MEASURES:
        return None
    return found


def targets(
    names: Iterable[str], given: Mapping[str, str], dialect: Mapping[str, str]
) -> tuple[dict[str, Target], dict[str, str]]:
    """Where each column goes, and which only fill in where another, the chosen one, has nothing.

    The exact name is chosen before a spelling of it, and that before another name for it.
    """
    names = list(names)
    chosen = {_theirs(theirs, names): parse(ours) for theirs, ours in given.items()}
    taken = {target.root: name for name, target in chosen.items() if target.key == ""}
    ranked: dict[str, list[tuple[int, bool, str]]] = {}
    for name in names:
        found = None if name in chosen else known(name, dialect)
        if found:
            spelled = bare(name) != found[1]
            ranked.setdefault(found[1], []).append((found[0], spelled, name))
    fills: dict[str, str] = {}
    for ours, candidates in ranked.items():
        first, *_ = ordered = [name for *_, name in sorted(candidates)]
        if ours not in taken:
            taken[ours] = first
            chosen[first] = Target(ours)
        others = [name for name in ordered if name != taken[ours]]
        if ours in JOINED:
            fills |= dict.fromkeys(others, taken[ours])
            chosen |= dict.fromkeys(others, Target(ours))
    return {name: chosen.get(name) or rest(name) for name in names}, fills


def parse(ours: str) -> Target:
    """A target as `--map` and `--set` name it."""
    root, _, key = ours.partition(".")
    if root in _OPEN and key:
        return Target(root, key)
    allowed = KEYS - _OURS_ALONE
    if ours not in allowed:
        more = " params.NAME, extra.NAME and config.NAME are places, too."
        raise UnknownName.near("column", ours, allowed, hint=more)
    return Target(ours)


def extra_name(key: str) -> str:
    """A metric of the user's own must not look like one of the lake's."""
    return f"imported_{key}" if key in KEYS else key


def rest(name: str) -> Target:
    """Where a column goes that nothing is known about."""
    space = _space(name)
    if space and _SPACES[space] in ("params", "tags"):
        return Target(_SPACES[space], bare(name))
    return Target(IMPORTED if _KEY.search(name) else REST, bare(name))


def _space(name: str) -> str | None:
    return next((space for space in _SPACES if name.startswith(space) and name != space), None)


def _theirs(theirs: str, names: list[str]) -> str:
    """The full name of a column; one in a space may be named without it."""
    if theirs in names:
        return theirs
    fitting = [name for name in names if bare(name) == theirs]
    if len(fitting) > 1:
        raise BadInput(f"--map {theirs}: write one of {', '.join(fitting)}")
    if not fitting:
        raise UnknownName.near("column", theirs, names, hint=f" There are {', '.join(names)}.")
    return fitting[0]
