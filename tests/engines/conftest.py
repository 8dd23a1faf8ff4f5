"""Live tests run in environments of their own (see run.sh): the engines' pins do not agree.

Where an engine is not installed, as in the base suite, its file is not collected.
"""

from __future__ import annotations

from importlib.util import find_spec

ENGINES = ("backtesting", "backtrader", "bt", "pybroker", "vectorbt")

collect_ignore = [f"test_{name}_live.py" for name in ENGINES if find_spec(name) is None]
