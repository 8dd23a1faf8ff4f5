"""What every writer of the benchmark has loaded before the clock starts."""

import pyarrow.parquet  # noqa: F401

from bt_lake.warehouse import compact, database, store  # noqa: F401
