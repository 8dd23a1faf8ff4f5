"""Ask a lake while calls that read fail: each answer is the truth, an error, or says what it lacks.

    LD_PRELOAD=failing_calls.so python failing_reads.py LAKE SEED ROUNDS

Prints how often each came, and ends with 1 at the first answer that is wrong without a word.
"""

from __future__ import annotations

import ctypes
import errno
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bt_lake
from bt_lake import Lake, LakeError
from bt_lake.warehouse.errors import BadInput, Damaged, LeftOut, NotFound

CODES = [errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE, errno.ENOMEM, errno.EINTR]


def questions(ids: list[str]) -> dict[str, Callable[[Lake], Any]]:
    """Each gives rows."""
    return {
        "runs": lambda lake: lake.runs().select("run_id", "bars", "strategy").rows(),
        "best": lambda lake: lake.best("sharpe_ratio", n=100).select("run_id").rows(),
        "live": lambda lake: lake.sql("select run_id, bars from runs").rows(),
        "points": lambda lake: lake.sql("select run_id, ts, equity from equity").rows(),
        "trades": lambda lake: lake.sql("select run_id, trade_no, pnl from trades").rows(),
        "folded": lambda lake: lake.equity(ids[0]).rows(),
        "young": lambda lake: lake.equity(ids[-1]).rows(),
        "trades of one": lambda lake: lake.trades(ids[1]).rows(),
        "one": lambda lake: [(lake.run(ids[-2]).run_id,)],
    }


def places(lake: Path) -> list[str]:
    """Parts of paths: every file that a reader may need, and the folders above them."""
    files = [str(p.relative_to(lake)) for p in sorted(lake.rglob("*")) if "_stage" not in p.parts]
    return [name for name in files if not name.endswith((".sql", ".md"))]


def verdict(
    answer: list[Any] | None,
    refused: LakeError | None,
    truth: list[Any],
    told: list[str],
    failed: int,
) -> str | None:
    """In a word what came of a question; None where it is wrong without a word."""
    if answer is None:
        # What cannot be read now may be whole, and who asked did nothing wrong.
        if isinstance(refused, Damaged | BadInput):
            return None
        if isinstance(refused, NotFound) and not (told or "may read" in str(refused)):
            return None
        return type(refused).__name__
    found, due = Counter(answer), Counter(truth)
    if found == due:
        return "right, with a failure" if failed else "right"
    if found < due and told:
        return "less, and said so"
    # a deletion that cannot be read is not applied
    if found > due and any("/events/" in text for text in told):
        return "more, and said so"
    return None


class Fault(NamedTuple):
    """Some calls of a kind fail whose path holds a part, from the nth on."""

    call: str
    place: str
    code: int
    nth: int = 1
    times: int = 1_000_000

    def __str__(self) -> str:
        name = errno.errorcode[self.code]
        return f"{self.call} of {self.place}: {name}, {self.times} from {self.nth}"


class Layer:
    """What failing_calls.c put before the C library."""

    def __init__(self) -> None:
        self._calls = ctypes.CDLL(None)
        self._calls.calls_failed.restype = ctypes.c_long

    @contextmanager
    def failing(self, root: Path, fault: Fault) -> Iterator[None]:
        numbers = ctypes.c_long(fault.nth), ctypes.c_long(fault.times)
        place = f"{root}/{fault.place}".encode()
        self._calls.fail_calls(fault.call.encode(), place, fault.code, *numbers)
        try:
            yield
        finally:
            self.failed = self._calls.calls_failed()
            self._calls.fail_calls(b"", b"", 0, ctypes.c_long(0), ctypes.c_long(0))


def drawn(draw: random.Random, where: list[str]) -> Fault:
    return Fault(
        draw.choice(["open", "read", "read", "list", "stat"]),
        draw.choice(where),
        draw.choice(CODES),
        draw.choice([1, 1, 1, 2, 3]),
        draw.choice([1, 2, 1_000_000]),
    )


def main(folder: str, seed: int, rounds: int) -> int:
    layer, root, draw = Layer(), Path(folder), random.Random(seed)
    ids = [i for (i,) in bt_lake.open(root).sql("select run_id from runs order by 1").rows()]
    asked = questions(ids)
    truth = {name: ask(bt_lake.open(root)) for name, ask in asked.items()}
    standing, said = bt_lake.open(root), Counter[str]()
    for number in range(rounds):
        # The first shows that the layer is heard.
        fault = drawn(draw, places(root)) if number else Fault("list", "runs", errno.EIO)
        name = draw.choice([*asked])
        lake = draw.choice([standing, None]) or bt_lake.open(root)
        answer, refused = None, None
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                with layer.failing(root, fault):
                    answer = asked[name](lake)
            except LakeError as error:
                refused = error
        told = [str(w.message) for w in heard if issubclass(w.category, LeftOut)]
        ended = verdict(answer, refused, truth[name], told, layer.failed)
        if ended is None or not (number or layer.failed):
            print(f"WRONG: {name}: {answer or refused!r} ({fault}) {told}")
            return 1
        said[ended] += 1
        if number % 10 == 9:
            for again, ask in asked.items():
                if Counter(ask(standing)) != Counter(truth[again]):
                    print(f"WRONG afterwards: {again} ({fault})")
                    return 1
    print(dict(said))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
