"""Documents with values of other kinds in random places, for readers that trust nothing."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

KINDS = [None, "x", "", -1, 0, 1e300, 2**70, True, [], {}, [[]], [None], {"a": 1}, "2024-01-01"]


def mangled(document: Any, rounds: int) -> Iterator[Any]:
    """Copies of the document with up to five places changed or dropped; prints the seed."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(rounds):
        changed = copy.deepcopy(document)
        for _ in range(chance.randint(1, 5)):
            _change(changed, chance)
        yield changed


def _change(document: Any, chance: random.Random) -> None:
    node = document
    while True:
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = chance.choice(keys)
        deeper = isinstance(node[key], (dict, list)) and node[key]
        if deeper and chance.random() < 0.8:
            node = node[key]
        elif isinstance(node, dict) and chance.random() < 0.3:
            del node[key]
            return
        else:
            node[key] = copy.deepcopy(chance.choice(KINDS))
            return
