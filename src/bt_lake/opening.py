"""A lake being opened while what will ask it is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    from bt_lake.lake import Lake


class Opening:
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        existing: bool,
        wait: float,
        announce: Callable[[str], None],
    ) -> None:
        self.store = Store(path, existing=existing, wait_s=wait, announce=announce)
        self.reader = Reader(self.store.layout)

    def begin(self) -> None:
        """In a thread; what goes wrong is said by the first question."""
        with suppress(LakeError):
            self.reader.begin()

    @cached_property
    def lake(self) -> Lake:
        from bt_lake.lake import Lake

        lake = Lake(self.store)
        lake.reader = self.reader
        return lake
