"""Live: one watcher looks at the times of the lake's folders, and tells every page that listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import LakeError

_LOOK_EVERY_S = 0.5
_SAY_SOMETHING_S = 15.0


class Watcher:
    """Looks only while somebody listens: events `changed`, and `running` while sweeps are."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._stamp: object = None
        self._running: list[dict[str, Any]] = []
        self._ended = False

    async def events(self) -> AsyncIterator[str]:
        """The stream of one page; a comment now and then shows a server that is gone."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(queue)
        if self._task is None or self._task.done():
            self._stamp = await asyncio.to_thread(self._look)
            self._task = asyncio.create_task(self._watch())
        try:
            yield _event("hello", {"running": self._running})
            while not self._ended:
                try:
                    said = await asyncio.wait_for(queue.get(), _SAY_SOMETHING_S)
                except TimeoutError:
                    said = ": still here\n\n"
                if said is None:
                    return
                yield said
        finally:
            self._listeners.discard(queue)

    def end(self) -> None:
        self._ended = True
        for queue in self._listeners:
            queue.put_nowait(None)
        if self._task is not None:
            self._task.cancel()

    def say(self, kind: str, body: Any) -> None:
        for queue in self._listeners:
            queue.put_nowait(_event(kind, body))

    async def _watch(self) -> None:
        while self._listeners:
            await asyncio.sleep(_LOOK_EVERY_S)
            stamp = await asyncio.to_thread(self._look)
            if stamp is not None and stamp != self._stamp:
                self._stamp = stamp
                self.say("changed", {})
            running = await asyncio.to_thread(self._under_way)
            if running != self._running:
                self._running = running
                self.say("running", {"running": running})

    def _look(self) -> object:
        return _or(self._lake.stamp, None)

    def _under_way(self) -> list[dict[str, Any]]:
        found = _or(self._lake.running, [])
        return [asdict(each) for each in found]


def _or(look: Callable[[], Any], otherwise: Any) -> Any:
    """What cannot be seen just now is no reason to stop looking."""
    try:
        return look()
    except (LakeError, OSError):
        return otherwise


def _event(kind: str, body: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(body, default=str)}\n\n"
