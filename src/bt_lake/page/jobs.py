"""What was started from the page: each in a process of its own, watched, and stopped if asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bt_lake.page.settings import Settings
from bt_lake.warehouse.errors import BadInput, Busy, NotFound

_AT_ONCE = 2
_KEPT = 30
_DESCRIBE_S = 60.0
_STOPS_IN_S = 20.0
_LINE_BYTES = 4_000_000
_PRINTED = 200  # lines of what the user's code prints
_OVER = ("ended", "stopped", "refused", "died")


@dataclass
class Job:
    """Something under way, or what came of it."""

    id: int
    target: str
    since: str
    state: str = "starting"  # starting, running, stopping, and one of _OVER
    sweep: str | None = None
    total: int | None = None
    in_lake: int = 0
    done: int = 0
    failed: int = 0
    per_s: float = 0.0
    seconds_left: float | None = None
    metric: str | None = None
    best: float | None = None
    best_params: dict[str, Any] | None = None
    error: str | None = None
    text: str = ""
    run_ids: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.state in _OVER

    def hear(self, said: dict[str, Any]) -> None:
        kind = said.pop("kind")
        if kind in _OVER:
            self.state = kind
        elif self.state != "stopping":
            self.state = "running"
        known = self.__dataclass_fields__.keys()
        for name, value in said.items():
            if name in known:
                setattr(self, name, value)


class Jobs:
    def __init__(self, settings: Settings, tell: Callable[[str, Any], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._jobs: dict[int, Job] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0

    def all(self) -> list[dict[str, Any]]:
        """The newest first."""
        return [asdict(job) for job in reversed(self._jobs.values())]

    async def describe(self, target: str) -> list[dict[str, Any]]:
        """What a function takes; it is imported by a process that ends then."""
        process = await self._process({"do": "describe", "target": target})
        assert process.stdin is not None
        try:
            out, printed = await asyncio.wait_for(_both(process), _DESCRIBE_S)
        except TimeoutError:
            raise Busy(f"{target} was not imported within {_DESCRIBE_S:.0f} s") from None
        finally:
            _kill(process)
        said = json.loads(out or b"{}")
        if "parameters" not in said:
            raise BadInput(said.get("error") or printed.decode("utf-8", "replace")[-4000:].strip())
        found: list[dict[str, Any]] = said["parameters"]
        return found

    async def start(self, target: str, asked: dict[str, Any]) -> Job:
        if len(self._processes) >= _AT_ONCE:
            raise Busy(f"{_AT_ONCE} are under way: wait, or stop one")
        self._last += 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        job = self._jobs[self._last] = Job(self._last, target, now)
        for old in [each for each in self._jobs.values() if each.over][: -_KEPT or None]:
            del self._jobs[old.id]
        process = await self._process({"do": "run", "target": target, **asked})
        self._processes[job.id] = process
        task = asyncio.create_task(self._watch(job, process))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def stop(self, number: int) -> Job:
        """Once: what is finished is kept, as on Ctrl-C. Again: at once."""
        job = self._jobs.get(number)
        if job is None:
            raise NotFound(f"nothing of number {number} was started here")
        process = self._processes.get(number)
        if process is not None:
            if job.state == "stopping":
                _kill(process)
            else:
                job.state = "stopping"
                assert process.stdin is not None
                process.stdin.close()
            self._say(job)
        return job

    async def end(self) -> None:
        """Stop all, as on Ctrl-C; what does not stop in time is killed."""
        for number in list(self._processes):
            if self._jobs[number].state != "stopping":
                self.stop(number)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOPS_IN_S)
        for process in self._processes.values():
            _kill(process)

    async def _process(self, asked: dict[str, Any]) -> asyncio.subprocess.Process:
        settings = self._settings
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bt_lake.page.job",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # the terminal's Ctrl-C is the server's, which stops them
            limit=_LINE_BYTES,
            env={k: v for k, v in os.environ.items() if k != "BT_LAKE_PAGE_TOKEN"},
        )
        assert process.stdin is not None
        lake = {
            "lake": str(settings.lake),
            "existing": settings.existing,
            "wait_s": settings.wait_s,
        }
        process.stdin.write(json.dumps({**asked, **lake}).encode() + b"\n")
        return process

    async def _watch(self, job: Job, process: asyncio.subprocess.Process) -> None:
        printed: deque[str] = deque(maxlen=_PRINTED)
        assert process.stdout is not None and process.stderr is not None
        listening = asyncio.create_task(_keep(process.stderr, printed))
        self._say(job)
        try:
            while line := await process.stdout.readline():
                job.hear(json.loads(line))
                job.printed = list(printed)
                self._say(job)
            await process.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(listening, 1.0)
        finally:
            listening.cancel()
            self._processes.pop(job.id, None)
            job.printed = list(printed)
            if not job.over:
                job.state = "died"
                job.text = f"its process ended with {process.returncode}"
            self._say(job)

    def _say(self, job: Job) -> None:
        self._tell("job", asdict(job))


async def _both(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """The last line on stdout, and stderr; stdin stays open, as its end means to stop."""
    assert process.stdout is not None and process.stderr is not None
    out, printed = await asyncio.gather(process.stdout.read(), process.stderr.read())
    lines = out.splitlines()
    return (lines[-1] if lines else b""), printed


async def _keep(stream: asyncio.StreamReader, lines: deque[str]) -> None:
    """The last lines of what is printed; a long one in pieces."""
    rest = b""
    while piece := await stream.read(65_536):
        *whole, rest = (rest + piece).replace(b"\r", b"\n").split(b"\n")
        lines.extend(line.decode("utf-8", "replace")[:1000] for line in whole if line.strip())
        rest = rest[-65_536:]
    if rest.strip():
        lines.append(rest.decode("utf-8", "replace")[:1000])


def _kill(process: asyncio.subprocess.Process) -> None:
    """The process and its workers."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()
