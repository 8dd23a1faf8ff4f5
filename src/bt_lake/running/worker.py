"""A worker process: reads trials from its standard input, runs them, writes the outcomes.

It is a Python of its own rather than a `multiprocessing.Process`, which would run the caller's
script again, and needs no guard in it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from queue import SimpleQueue
from typing import IO, Any

from bt_lake.running.stopping import left_to_the_employer

# The first thing a worker reads is where to import from.
START = (
    "import os, pickle, sys; "
    "requests = os.fdopen(os.dup(0), 'rb'); "
    "sys.path[:] = pickle.load(requests); "
    "from bt_lake.running.worker import main; "
    "main(requests)"
)
inside = False  # whether this process is one


def main(requests: IO[bytes]) -> None:
    """Serve one job; a pipe that closes means that whoever wanted the outcomes is gone."""
    global inside
    inside = True
    left_to_the_employer()
    replies = _take_stdout()
    asked: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, asked), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        _serve(asked, replies)


def _serve(asked: SimpleQueue[Any], replies: IO[bytes]) -> None:
    from bt_lake.running.calling import Trial, execute, failed
    from bt_lake.running.target import load
    from bt_lake.warehouse.errors import BadInput, LakeError

    job = asked.get()
    try:
        target = load(job.place)
        if target.code_hash != job.code_hash:
            raise BadInput(f"{target.source} changed while the sweep was running; start it again")
    except LakeError as error:
        _send(replies, error)
        return
    failed(job, Trial({}, {}), "", {})  # loads what else the first result would wait for
    _send(replies, None)
    while (trial := asked.get()) is not None:
        _send(replies, execute(target, job, trial, in_worker=True, raises_itself=True))


def _send(replies: IO[bytes], message: Any) -> None:
    pickle.dump(message, replies, protocol=pickle.HIGHEST_PROTOCOL)
    replies.flush()


def _take_stdout() -> IO[bytes]:
    """Keep the pipe for outcomes: the user's code prints to stderr and has nothing to read."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = sys.stderr
    return replies


def _listen(requests: IO[bytes], asked: SimpleQueue[Any]) -> None:
    """Hand on what is asked, and end at once, even in the middle of a run, when nobody listens."""
    try:
        message = pickle.load(requests)
        while message is not None:
            asked.put(message)
            message = pickle.load(requests)
        asked.put(None)
    except (EOFError, OSError):
        if os.name == "posix" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # with whatever the user's code has started
        os._exit(1)
