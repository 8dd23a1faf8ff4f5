"""Adapters: what a backtest engine returns -> runs. No engine is ever imported here.

An adapter is a module with `matches(obj) -> bool`, which tells by type names, and
`to_runs(obj, **options) -> list[Run]`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

# The one that goes by the name of a series comes last.
NAMES = (
    "backtesting",
    "vectorbt",
    "backtrader",
    "bt",
    "nautilus",
    "pybroker",
    "zipline",
    "returns",
)
_PLATFORMS = ("tradingview", "metatrader5", "metatrader4", "ninjatrader")
# What adapters and readers of result files write into the column `engine`.
LABELS = frozenset(
    {
        "backtesting.py",
        "vectorbt",
        "backtrader",
        "bt",
        "nautilus_trader",
        "pybroker",
        "zipline",
        "freqtrade",
        "lean",
        *_PLATFORMS,
    }
)
# Their curves have a point a session, or are thinned out: the steps are not the bars.
SAMPLED = frozenset({"zipline", "lean", *_PLATFORMS})


def recognise(obj: object) -> ModuleType | None:
    """The adapter that understands the object, if one does."""
    adapters = (import_module(f"{__name__}.{name}") for name in NAMES)
    return next((adapter for adapter in adapters if adapter.matches(obj)), None)
