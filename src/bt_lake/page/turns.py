"""Turns at the lake: few questions at once, each with a limit, and none that nobody waits for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import Busy, Interrupted, LakeError

T = TypeVar("T")
_QUICK, _SLOW = 2, 1  # readers of each kind
_LIMIT_S, _SLOW_LIMIT_S = 30.0, 300.0
_MOST_WAITING = 64
_AGAIN_S = 0.05
_THREADS = "bt-lake page"


class Turns:
    """Readers of one lake. Slow questions have one of their own, so that quick ones go on.

    A `Lake` answers one question at a time. The question of a client who went away, or asked
    something else instead, is interrupted in DuckDB as well.
    """

    def __init__(self, make: Callable[[], Lake]) -> None:
        self._pool = ThreadPoolExecutor(_QUICK + _SLOW, thread_name_prefix=_THREADS)
        self._quick = _Lane([make() for _ in range(_QUICK)], _LIMIT_S)
        self._slow = _Lane([make() for _ in range(_SLOW)], _SLOW_LIMIT_S)
        self._ending = asyncio.Event()
        self._begun: set[asyncio.Future[None]] = set()

    async def ask(
        self, request: Request, question: Callable[[Lake], T], *, slow: bool = False
    ) -> T:
        """The answer, unless the client goes away before; it has said all that it will."""
        lane = self._slow if slow else self._quick
        if lane.waiting >= _MOST_WAITING:
            raise Busy("too many questions at once: wait for some of them to be answered")
        asked = asyncio.ensure_future(lane.answer(self._pool, question))
        asked.add_done_callback(_heard)
        gone = asyncio.ensure_future(_gone(request))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({asked, gone, ending}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return asked.result()
            raise Interrupted("the page is being ended") if ending.done() else ClientDisconnect
        finally:
            for each in (asked, gone, ending):
                each.cancel()
                if not self._ending.is_set():  # else what it computes may outlive the server
                    with suppress(asyncio.CancelledError, Exception):
                        await each

    def begin(self) -> None:
        """Open the lake before anybody asks."""
        for lane in (self._quick, self._slow):
            for _ in lane.lakes:
                task = asyncio.ensure_future(lane.answer(self._pool, _opened))
                self._begun.add(task)
                task.add_done_callback(self._begun.discard)
                task.add_done_callback(_heard)

    def let_go(self) -> None:
        """The server is told to end: nobody waits for an answer any longer."""
        self._ending.set()
        for lane in (self._quick, self._slow):
            for lake in lane.lakes:
                lake.interrupt()

    def end(self) -> None:
        self.let_go()
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Lane:
    """Some readers and those who wait for them, who came first first."""

    def __init__(self, lakes: list[Lake], limit_s: float) -> None:
        self.lakes = lakes
        self.waiting = 0
        self._limit_s = limit_s
        self._free: asyncio.Queue[Lake] = asyncio.Queue()
        for lake in lakes:
            self._free.put_nowait(lake)

    async def answer(self, pool: ThreadPoolExecutor, question: Callable[[Lake], T]) -> T:
        self.waiting += 1
        try:
            lake = await self._free.get()
        finally:
            self.waiting -= 1
        running = asyncio.get_running_loop().run_in_executor(pool, _asked, lake, question)
        running.add_done_callback(_heard)
        try:
            done, _ = await asyncio.wait({running}, timeout=self._limit_s)
            if not done:
                raise Busy(f"no answer within {self._limit_s:.0f} s: ask for less, or filter more")
            return running.result()
        finally:
            await asyncio.shield(self._given_back(lake, running))

    async def _given_back(self, lake: Lake, running: Awaitable[object]) -> None:
        """The reader is free when its question has ended; one between two queries is told again."""
        waited = asyncio.ensure_future(running)
        while not waited.done():
            lake.interrupt()
            await asyncio.wait({waited}, timeout=_AGAIN_S)
        self._free.put_nowait(lake)


def _opened(lake: Lake) -> None:
    """What is wrong with the lake is told to whoever asks."""
    if lake.store.layout.exists:
        with suppress(LakeError):
            lake.ask.runs(n=1, columns=["run_id"]).rows()


def _asked(lake: Lake, question: Callable[[Lake], T]) -> T:
    try:
        return question(lake)
    except KeyboardInterrupt:  # would end the loop, which has ways of its own
        raise Interrupted("the server is being stopped") from None


def _heard(running: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for any longer."""
    if not running.cancelled():
        running.exception()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def still_busy(wait_s: float = 1.0) -> bool:
    """Whether a question goes on that nothing interrupts: it computes outside of DuckDB."""
    end = time.monotonic() + wait_s
    for thread in threading.enumerate():
        if thread.name.startswith(_THREADS):
            thread.join(max(0.0, end - time.monotonic()))
    return any(thread.name.startswith(_THREADS) for thread in threading.enumerate())


def took(started: float) -> float:
    """Milliseconds since then, as they are told."""
    return round((time.perf_counter() - started) * 1000, 1)
