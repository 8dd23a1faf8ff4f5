"""bt-lake: one lake of Parquet files that remembers every backtest you ever ran."""

from bt_lake._version import __version__

__all__ = ["__version__"]
