"""Every metric of the lake, computed from curves and trades over many runs at once.

Runs lie one behind the other in flat arrays: run i has the values offsets[i] to offsets[i + 1].
A run's numbers do not depend on its neighbours, to the last bit.
"""

from bt_lake.metrics.cleaning import clean
from bt_lake.metrics.curves import curve_metrics
from bt_lake.metrics.periods import timeframe_of
from bt_lake.metrics.segments import NONE, undefined
from bt_lake.metrics.trades import marked_to_market, told_by_trades, trade_metrics

__all__ = [
    "NONE",
    "clean",
    "curve_metrics",
    "marked_to_market",
    "timeframe_of",
    "told_by_trades",
    "trade_metrics",
    "undefined",
]
