"""The combinations of a sweep's parameters: all of them, or some drawn at random."""

from __future__ import annotations

import random as chance
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import prod
from typing import Any

from bt_lake.running.axes import axis
from bt_lake.running.conditions import Condition
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.values import value

Params = dict[str, Any]
MOST_COMBINATIONS = 1_000_000
_DRAWS = 1_000  # tried for each one wanted, before giving up on conditions that nearly none meets


class Grid:
    """Named axes, conditions, and perhaps how many to draw."""

    def __init__(
        self,
        axes: Mapping[str, Any],
        conditions: Sequence[str] = (),
        *,
        random: int | None = None,
        seed: int = 0,
        reader: Callable[[str], tuple[Callable[[str], Any], bool]] = lambda _: (value, True),
        keep: Callable[[str, Any], Any] = lambda _, given: given,
    ) -> None:
        read = {name: axis(name, given, *reader(name)) for name, given in axes.items()}
        self.axes = {name: [keep(name, each) for each in tried] for name, tried in read.items()}
        self.conditions = [Condition(text) for text in conditions]
        self.random, self.seed = random, seed
        self.size = prod(map(len, self.axes.values()))
        if random is not None and random < 1:
            raise BadInput("random: draw one combination or more")
        if random is None and self.size > MOST_COMBINATIONS:
            raise BadInput(
                f"the grid has {self.size:,} combinations; at most {MOST_COMBINATIONS:,} run at "
                "once. Draw some of them with --random N (random=N), or take fewer values."
            )

    def combinations(
        self, fixed: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> list[Params]:
        """Those that meet every condition, each with the `fixed` parameters.

        Where a condition names none of these, the default of the function counts.
        """
        self._defaults = defaults or {}
        known = fixed.keys() | self.axes.keys() | self._defaults.keys()
        for condition in self.conditions:
            for name in condition.names - known:
                raise UnknownName.near("parameter", name, known)
        if twice := sorted(fixed.keys() & self.axes.keys()):
            raise BadInput(f"{twice[0]} is given both a single value and a grid")
        wanted = self.size if self.random is None else self.random
        found = list(islice(self._meeting(fixed), wanted))
        if not found:
            texts = " and ".join(condition.text for condition in self.conditions)
            raise BadInput(f"no combination of the grid meets {texts}")
        return found

    def _meeting(self, fixed: Mapping[str, Any]) -> Iterator[Params]:
        for place in self._places():
            params = {**fixed, **self._at(place)}
            if all(condition.holds({**self._defaults, **params}) for condition in self.conditions):
                yield params

    def _places(self) -> Sequence[int]:
        if self.random is None:
            return range(self.size)
        draws = min(self.size, self.random * _DRAWS)
        return chance.Random(self.seed).sample(range(self.size), draws)

    def _at(self, place: int) -> Params:
        """The combination that counting through the axes reaches after so many steps."""
        values = {}
        for name, tried in reversed(self.axes.items()):
            place, step = divmod(place, len(tried))
            values[name] = tried[step]
        return {name: values[name] for name in self.axes}
