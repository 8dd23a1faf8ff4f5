"""Every metric of the lake, computed from curves and trades over many runs at once.

Runs lie one behind the other in flat arrays: run i has the values offsets[i] to offsets[i + 1].
A run's numbers do not depend on its neighbours, to the last bit.
"""

from bt_lake.metrics.cleaning import clean
from bt_lake.metrics.curves import curve_metrics
from bt_lake.metrics.periods import timeframe_of
from bt_lake.metrics.segments import NONE, undefined
from bt_lake.metrics.trades import are_closed, trade_metrics

__all__ = [
    "NONE",
    "are_closed",
    "clean",
    "curve_metrics",
    "timeframe_of",
    "trade_metrics",
    "undefined",
]
