"""The trials of a sweep in the hands of an executor: chunks go out, reports come back."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from typing import Self

from bt_lake.running import chunk
from bt_lake.running.calling import Job, Trial
from bt_lake.running.chunk import ChunkReport, Place, Work, carry_out
from bt_lake.running.left import Left
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.ids import uuid7

CHUNK_S = 1.0  # of work: some milliseconds of an executor's own are little beside it
_GROWTH = 8  # times the size of the chunk before it, at most
_LARGEST = 4_096
_PATIENCE_S = 5.0  # with chunks that are under way when it ends
_LOSSES = 3  # chunks that may be lost in a row, before it is the executor that is at fault


class Away:
    """As a `Crew`, but elsewhere: an executor carries out chunks of trials."""

    def __init__(
        self,
        job: Job,
        left: Left,
        executor: Executor,
        *,
        slots: int,
        metric: str,
        place: Place | None,
        fresh: bool = False,
        chunk_s: float = CHUNK_S,
    ) -> None:
        self._left = left
        self._executor = executor
        # One that waits for each few that run, so that no worker waits for us.
        self._at_once = slots + 1 + slots // 4
        self._slots = slots
        self._work = Work(
            token=uuid7().hex,
            job=job,
            metric=metric,
            fresh=fresh,
            budget_s=2 * chunk_s,
            imports=tuple(sys.path),
            folder=os.getcwd(),
            place=place,
        )
        self._chunk_s = chunk_s
        self._size = 1
        self._under_way: dict[Future[ChunkReport], list[Trial]] = {}
        self._arrived: deque[ChunkReport] = deque()
        self._lost = 0
        self._closing = False
        self._printed = b""

    @property
    def busy(self) -> bool:
        more = len(self._left) > 0 and not self._closing
        return bool(self._arrived or self._under_way or more)

    def next(self, timeout_s: float) -> ChunkReport | None:
        """A chunk that has ended since; None if none has."""
        if not any(report.lost for report in self._arrived):  # what of it is saved comes first
            self._send_out()
        if not self._arrived:
            ended, _ = wait(self._under_way, timeout_s, FIRST_COMPLETED)
            for future in ended:
                self._take(future, self._under_way.pop(future))
        return self._arrived.popleft() if self._arrived else None

    def printing(self) -> bytes:
        return self._printed

    def _send_out(self) -> None:
        while not self._closing and len(self._under_way) < self._at_once and len(self._left):
            fair = -(-len(self._left) // self._at_once)
            trials = self._left.take(min(self._size, fair))
            try:
                future = self._executor.submit(carry_out, self._work, trials)
            except RuntimeError as error:  # it broke, or was shut down
                self._left.give_back(trials)
                raise BadInput(f"the executor takes no more work: {error}") from error
            self._under_way[future] = trials

    def _take(self, future: Future[ChunkReport], trials: list[Trial]) -> None:
        try:
            report = future.result()
        except LakeError:
            raise
        except (Exception, CancelledError, KeyboardInterrupt) as error:
            # A machine that went, most likely.
            self._left.give_back(trials)
            self._arrived.append(ChunkReport(lost=True))
            self._lost += 1
            if self._lost >= _LOSSES and not self._closing:
                raise BadInput(
                    f"{self._lost} pieces of work in a row were lost by the executor: "
                    f"{type(error).__name__}: {error}"
                ) from error
            return
        self._lost = 0
        self._left.give_back(report.rest)
        self._printed = report.printed.encode() or self._printed
        if report.ran:
            fit = self._chunk_s * report.ran / max(report.seconds, 1e-6)
            self._size = max(1, min(int(fit), _GROWTH * self._size, _LARGEST))
        self._arrived.append(report)

    def stop(self) -> Iterator[ChunkReport]:
        """End it: what waits is not begun; what is finished comes out."""
        self._closing = True
        chunk.over.add(self._work.token)
        for future in self._under_way:
            future.cancel()
        until = time.monotonic() + _PATIENCE_S
        while self._under_way and time.monotonic() < until:
            with contextlib.suppress(LakeError):
                ended, _ = wait(self._under_way, 0.1, FIRST_COMPLETED)
                for future in ended:
                    self._take(future, self._under_way.pop(future))
        self._under_way.clear()
        chunk.end(self._work.token)
        while self._arrived:
            yield self._arrived.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _report in self.stop():
            pass
