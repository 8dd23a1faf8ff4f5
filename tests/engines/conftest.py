"""Live tests run in environments of their own (see run.sh): the engines' pins do not agree.

Where an engine is not installed, as in the base suite, its file is not collected.
"""

from __future__ import annotations

from importlib.util import find_spec

# The package that stands for each.
ENGINES = dict.fromkeys(("backtesting", "backtrader", "bt", "pybroker", "vectorbt"))
ENGINES |= {"clusters": "ray", "cloud": "moto", "judge": "empyrical", "lakehouse": "daft"}

collect_ignore = [
    f"test_{name}_live.py"
    for name, package in ENGINES.items()
    if find_spec(package or name) is None
]
