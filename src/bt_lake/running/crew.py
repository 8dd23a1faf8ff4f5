"""The worker processes of a sweep, as their employer sees them."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, Queue
from threading import Lock, Thread
from typing import Any, Self

from bt_lake.running.calling import Job, Outcome, Trial
from bt_lake.running.printed import Printed
from bt_lake.running.worker import START
from bt_lake.warehouse.errors import BadInput, LakeError

# A trial with its outcome, or with words on how the worker ended that had it, and what it printed.
Finished = tuple[Trial, Outcome | str, str | None]
_POSIX = os.name == "posix"
_LOOK_EVERY_S = 0.5
_PATIENCE_S = 5.0
_HIRES = 5  # workers that may be killed while they import before it is the import that does it
_WAITING = 4  # outcomes that may wait for each worker: bounds memory if committing is slow
# Numeric libraries start a thread for every core, in every worker, unless told otherwise.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


class Killed(Exception):
    """A worker process ended in the middle of a run."""


class Worker:
    """One process; ready when the constructor returns."""

    def __init__(
        self,
        job: Job,
        threads: int,
        *,
        imports: Sequence[str] | None = None,
        folder: str | None = None,
    ) -> None:
        limits = {name: str(threads) for name in _THREADS}
        # A group of its own: Ctrl-C is for the employer, and what the worker starts ends with it.
        apart: dict[str, Any] = (
            {"process_group": 0}
            if _POSIX
            else {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        )
        self.printed = Printed()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.printed.stderr,
            env={**limits, **os.environ},
            cwd=folder,
            **apart,
        )
        self._job = job
        self._imports = [*sys.path] if imports is None else [*imports]
        self.is_over: Callable[[], bool] = bool  # asked while a run takes long: False
        if _POSIX:
            self._readable = select.poll()
            self._readable.register(self.process.stdout, select.POLLIN)  # type: ignore[arg-type]

    def introduce(self) -> None:
        """Say what the work is; raises what the worker cannot do without."""
        self._send(self._imports)
        self._send(self._job)
        problem = self._receive()
        if problem is not None:
            raise problem

    def run(self, trial: Trial) -> Outcome:
        self._send(trial)
        outcome: Outcome = self._receive()
        return outcome

    def _send(self, message: Any) -> None:
        assert self.process.stdin is not None
        try:
            pickle.dump(message, self.process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()
        except OSError:
            raise Killed(self._end()) from None

    def _receive(self) -> Any:
        assert self.process.stdout is not None
        try:
            self._wait()
            return pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise Killed(self._end()) from None

    def _wait(self) -> None:
        """Until there is something to read; a dead worker's children may keep its pipe open."""
        if not _POSIX:
            return
        while not self._readable.poll(1000 * _LOOK_EVERY_S):
            self.printed.pass_on()
            if self.process.poll() is not None or self.is_over():
                raise EOFError

    def _end(self) -> str:
        """How the process ended, in words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_LOOK_EVERY_S)  # it may be about to say by itself
        self.kill()
        code = self.process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"was killed by signal {-code} ({signal.Signals(-code).name})"
        return f"ended by itself with exit code {code}"

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if _POSIX:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    def dismiss(self) -> None:
        """Let it end by itself: the user's code may have something to tidy up."""
        with contextlib.suppress(Killed, subprocess.TimeoutExpired):
            self._send(None)
            self.process.wait(_PATIENCE_S)
        self.close()

    def close(self) -> None:
        if self.process.returncode is None:
            self.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self.printed.pass_on()


class Crew:
    """Workers that go through trials; a thread for each hands out one after the other."""

    def __init__(
        self, job: Job, trials: Iterable[Trial], count: int, *, fresh: bool = False
    ) -> None:
        self._job = job
        self._fresh = fresh  # a process of its own for each trial
        self._trials = iter(trials)
        self._lock = Lock()
        self._workers: set[Worker] = set()
        self._closing = False
        self._done: Queue[Finished | Exception | None] = Queue(count * _WAITING)
        self._threads_each = max(1, (os.cpu_count() or 1) // count)
        self._serving = [Thread(target=self._serve, daemon=True) for _ in range(count)]
        self._left = count
        for thread in self._serving:
            thread.start()

    @property
    def busy(self) -> bool:
        return self._left > 0

    def next(self, timeout_s: float) -> Finished | None:
        """What has finished since; None if nothing has."""
        try:
            found = self._done.get(timeout=timeout_s)
        except Empty:
            return None
        if isinstance(found, Exception):
            raise found
        if found is None:
            self._left -= 1
        return found

    def printing(self) -> bytes:
        """The last that any run which is under way has printed."""
        with self._lock:
            said = [worker.printed.tail for worker in self._workers]
        return max(said, key=len, default=b"")

    def stop(self) -> Iterator[Finished]:
        """End every worker; what is running is lost, what is finished comes out."""
        with self._lock:
            self._closing = True
            for worker in self._workers:
                if worker.process.returncode is None:
                    worker.kill()
        while self.busy:
            with contextlib.suppress(LakeError):
                found = self.next(_LOOK_EVERY_S)
                if found is not None:
                    yield found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _finished in self.stop():
            pass

    def _serve(self) -> None:
        worker: Worker | None = None
        try:
            while (trial := self._next_trial()) is not None:
                worker = worker or self._hire()
                try:
                    outcome = worker.run(trial)
                    self._done.put((trial, outcome, worker.printed.take()))
                except Killed as error:
                    printed = worker.printed.take()
                    self._fire(worker)
                    worker = None
                    if not self._closing:
                        self._done.put((trial, str(error), printed))
                if self._fresh and worker is not None:
                    worker.dismiss()
                    self._fire(worker)
                    worker = None
            if worker is not None:
                worker.dismiss()
        except Exception as error:
            self._done.put(error)
        finally:
            if worker is not None:
                self._fire(worker)
            self._done.put(None)

    def _next_trial(self) -> Trial | None:
        with self._lock:
            return None if self._closing else next(self._trials, None)

    def _hire(self) -> Worker:
        """A worker that has imported the function; one that is killed meanwhile is replaced."""
        for tried in range(1, _HIRES + 1):
            with self._lock:
                worker = Worker(self._job, self._threads_each)
                self._workers.add(worker)
                if self._closing:
                    worker.kill()
            try:
                worker.introduce()
                worker.printed.take()  # what the import says is no run's
                return worker
            except Killed as error:
                self._fire(worker)
                if tried == _HIRES or self._closing:
                    raise BadInput(
                        f"importing {self._job.entrypoint}, a worker process {error}, "
                        f"{_HIRES} times in a row"
                    ) from None
            except LakeError:
                self._fire(worker)
                raise
        raise AssertionError

    def _fire(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()
