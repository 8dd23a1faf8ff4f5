"""Where `bt-lake` starts: DuckDB connects while Python loads the command line."""

from __future__ import annotations

import gc
import sys

from bt_lake.warehouse.connecting import begin

_WITHOUT_A_LAKE = {"-h", "--help", "--version", "metrics"}


def main() -> None:
    gc.set_threshold(50_000)  # what is loaded makes no garbage
    try:
        if len(sys.argv) > 1 and not _WITHOUT_A_LAKE.intersection(sys.argv):
            begin()
        from bt_lake.cli.main import main as command_line
    except KeyboardInterrupt:
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
