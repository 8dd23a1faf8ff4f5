"""Run documents with known content, for tests of what goes into the lake."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

POINTS = {
    "ts": ["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z", "2024-01-04T00:00:00Z"],
    "equity": [100.0, 110.0, 99.0],
}
TRADE = {
    "entry_at": "2024-01-02T00:00:00Z",
    "exit_at": "2024-01-03T00:00:00Z",
    "side": "long",
    "quantity": 2.0,
    "entry_price": 50.0,
    "exit_price": 55.0,
    "pnl": 9.5,
    "return": 0.095,
    "fees": 0.5,
}


def document(**columns: Any) -> dict[str, Any]:
    """A small whole run; None leaves a key out."""
    whole = {
        "strategy": "sma_cross",
        "symbol": "AAPL",
        "params": {"fast": 10, "slow": 50},
        "created_at": "2026-11-19T14:00:00Z",
        "metrics": {"sharpe_ratio": 1.2, "my_score": 7.5},
        "equity": POINTS,
        "trades": [TRADE],
        **columns,
    }
    return {name: value for name, value in whole.items() if value is not None}


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_lines(path: Path, documents: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path
