"""Where `bt-lake` starts: DuckDB connects while Python loads the command line."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any

_WITHOUT_A_LAKE = {"-h", "--help", "--version", "metrics"}


def main() -> None:
    signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(50_000)  # what is loaded makes no garbage
    sys.setswitchinterval(0.0001)  # DuckDB's answers are not to wait for what is loaded meanwhile
    from bt_lake.warehouse.connecting import begin

    if len(sys.argv) > 1 and not _WITHOUT_A_LAKE.intersection(sys.argv):
        begin()
    from bt_lake.cli.main import main as command_line

    command_line()


def _leave(*_: Any) -> None:
    """Ctrl-C while things are loaded: nothing is begun, and what is half loaded is of no use."""
    os._exit(130)


if __name__ == "__main__":
    main()
