"""Executors for a sweep: one that the caller has, or Ray, Dask or SLURM by name."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bt_lake.running.away import CHUNK_S
from bt_lake.warehouse.errors import BadInput, MissingExtra

# Of SLURM a job is asked for, which may wait for its turn: it is worth some minutes of work.
_JOB_S = 120.0
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Crowd:
    """An executor, how many pieces of work it does at once, and how long each should take."""

    executor: Executor
    slots: int
    chunk_s: float = CHUNK_S


@contextmanager
def crowd(
    executor: Any, jobs: int | None, options: Mapping[str, Any] | None = None
) -> Iterator[Crowd]:
    """The executor that was given, or that a name stands for; what was made here ends here."""
    if isinstance(executor, Executor):
        if options:
            raise BadInput("options are for an executor that is named, such as 'ray'")
        yield Crowd(executor, jobs or _slots_of(executor))
        return
    if type(executor).__module__.partition(".")[0] == "submitit":
        yield from _ended(Crowd(_Submitit(executor), jobs or 1, _JOB_S))
        return
    if executor not in NAMED:
        raise BadInput(
            f"executor: {executor!r}; a concurrent.futures.Executor, or one of {', '.join(NAMED)}"
        )
    yield from _ended(NAMED[executor](jobs, dict(options or {})))


def _ended(made: Crowd) -> Iterator[Crowd]:
    try:
        yield made
    finally:
        made.executor.shutdown(wait=False, cancel_futures=True)


def _slots_of(executor: Executor) -> int:
    found = getattr(executor, "_max_workers", None)
    return found if isinstance(found, int) and found > 0 else os.cpu_count() or 1


def _needed(module: str, name: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise MissingExtra.needs(f"running on {name}", name) from missing


def _tried(name: str, connect: Callable[[], Any]) -> Any:
    try:
        return connect()
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise BadInput(f"{name} cannot be reached, or refuses an option: {error}") from error


def _ray(jobs: int | None, options: dict[str, Any]) -> Crowd:
    ray = _needed("ray", "ray")
    ours = not ray.is_initialized()
    if ours:
        _tried("Ray", lambda: ray.init(**options))
    slots = jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
    return Crowd(_Ray(ray, ours), slots)


class _Ray(Executor):
    """Ray's tasks as futures; $RAY_ADDRESS names a cluster, else this machine is one."""

    def __init__(self, ray: Any, ours: bool) -> None:
        self._ray = ray
        self._ours = ours
        self._remote: dict[Any, Any] = {}
        self._asked: dict[Future[Any], Any] = {}

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if function not in self._remote:
            self._remote[function] = self._ray.remote(function)
        asked = self._remote[function].remote(*args, **kwargs)
        future: Future[Any] = asked.future()
        self._asked[future] = asked
        future.add_done_callback(lambda ended: self._asked.pop(ended, None))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            for asked in [*self._asked.values()]:
                self._ray.cancel(asked)
        if self._ours:
            self._ray.shutdown()


def _dask(jobs: int | None, options: dict[str, Any]) -> Crowd:
    distributed = _needed("distributed", "dask")
    client = _tried("Dask", lambda: distributed.Client(**options))
    slots = jobs or max(1, sum(client.nthreads().values()))
    return Crowd(_Dask(client), slots)


class _Dask(Executor):
    """Dask's own executor, and the client ends with it; $DASK_SCHEDULER_ADDRESS names a cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False, retries=0)

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = self._executor.submit(function, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait)
        self._client.close()


def _slurm(jobs: int | None, options: dict[str, Any]) -> Crowd:
    submitit = _needed("submitit", "slurm")
    if shutil.which("sbatch") is None:
        raise BadInput("there is no sbatch on this machine: begin the sweep on a node of SLURM's")
    if jobs is None:
        raise BadInput("--jobs N (jobs=N) says how many SLURM jobs may be there at once")
    folder = Path(options.pop("folder", "slurm-jobs")).expanduser()
    executor = submitit.AutoExecutor(folder=folder, cluster="slurm")
    _tried("SLURM", lambda: executor.update_parameters(**options))
    return Crowd(_Submitit(executor), jobs, _JOB_S)


class _Submitit(Executor):
    """Jobs of submitit as futures: a thread looks which have ended."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._jobs: dict[Future[Any], Any] = {}
        self._lock = threading.Lock()
        self._looking: threading.Thread | None = None

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        job = self._executor.submit(function, *args, **kwargs)
        with self._lock:
            self._jobs[future] = job
            if self._looking is None:
                self._looking = threading.Thread(target=self._look, daemon=True)
                self._looking.start()
        return future

    def _look(self) -> None:
        while True:
            with self._lock:
                jobs = [*self._jobs.items()]
                if not jobs:
                    self._looking = None
                    return
            for future, job in jobs:
                if future.cancelled():
                    job.cancel()
                elif not job.done():
                    continue
                else:
                    _settle(future, job)
                with self._lock:
                    del self._jobs[future]
            time.sleep(_LOOK_EVERY_S)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            jobs = [*self._jobs.items()]
        for future, job in jobs:
            if cancel_futures and not future.done():
                job.cancel()


def _settle(future: Future[Any], job: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job.result())
    except BaseException as error:
        future.set_exception(error)


NAMED: dict[str, Callable[[int | None, dict[str, Any]], Crowd]] = {
    "ray": _ray,
    "dask": _dask,
    "slurm": _slurm,
}
