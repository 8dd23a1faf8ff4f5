"""A machine at work on a lake in a store, an address or a folder that stands for one, until it is killed.

python far_worker.py STORE appends|writes|folds|reads SEED: what is done is told line by line, once it is.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

import obstore
from obstore.store import LocalStore, from_url

import bt_lake
from bt_lake.errors import Busy, CannotRead, CannotWrite, Conflict, Unconfirmed
from bt_lake.lake import Lake
from bt_lake.warehouse import compact, mirror, objects

CURVE = [["2024-01-01", 1.0], ["2024-01-02", 2.0], ["2024-01-03", 3.0]]


def appends(lake: Lake, draw: random.Random, name: str, n: int) -> None:
    """Most of its time between a curve and its run."""
    run_id = lake.save(strategy="s", params={"by": name, "n": n}, equity=CURVE)
    print("saved", run_id, flush=True)


mine: list[str] = []


def writes(lake: Lake, draw: random.Random, name: str, n: int) -> None:
    if n % 2 and mine:
        lake.tag("t", mine[-1:])
        print("tagged", mine[-1], flush=True)
        return
    run_id, given = f"{name}-{n}", draw.choice(["plain", "unique", "own"])
    run = {"strategy": "s", "params": {"by": name, "n": n}, "equity": CURVE}
    if given == "own":
        lake.save(**run, run_id=run_id)
    else:
        run_id = lake.save(**run, unique=given == "unique")
    mine.append(run_id)
    print("saved", run_id, flush=True)


def folds(lake: Lake, draw: random.Random, name: str, n: int) -> None:
    if draw.random() < 0.5:
        lake.compact(grace_s=draw.choice([0.0, 60.0]))
    else:
        compact.fold(lake.store.layout)
    print("folded", n, flush=True)


seen: set[str] = set()


def reads(lake: Lake, draw: random.Random, name: str, n: int) -> None:
    """All in one question, which is of one moment."""
    rows = lake.sql(
        "select run_id, sum(runs) as runs, sum(points) as points from ("
        "select run_id, 1 as runs, 0 as points from runs union all "
        "select run_id, 0, 1 from equity) group by all"
    ).rows()
    odd = [row for row in rows if row[1:] != (1, 3)]
    lost = seen.difference(row[0] for row in rows)
    seen.update(row[0] for row in rows)
    print(*(["wrong", odd, lost] if odd or lost else ["read", len(rows)]), flush=True)


ACTS = {each.__name__: each for each in (appends, writes, folds, reads)}


def slow(ask: Callable, most_s: float) -> Callable:
    """Most of the time goes by at the store, as over a network: so that is where most die."""

    def asks(*given, **options):
        time.sleep(random.uniform(0.0, most_s))
        answer = ask(*given, **options)
        time.sleep(random.uniform(0.0, most_s))
        return answer

    return asks


def opened(store: str):
    if "://" not in store:
        return LocalStore(store, mkdir=True)
    return from_url(store, client_options={"timeout": "3s", "allow_http": True})


def main(store: str, role: str, name: str) -> None:
    objects._opened = lambda url: opened(store)
    for request in ("put", "get", "list", "delete"):
        most_s = 0.1 if role == "appends" else 0.02
        setattr(obstore, request, slow(getattr(obstore, request), most_s))
    compact.FOLD_AT, compact.LOOK_EVERY, compact.FAN_IN = 8, 4, 4
    mirror._FRESH_S = 0.0
    draw = random.Random(name)
    lake = bt_lake.open(store if "://" in store else "s3://bucket/lake")
    for n in range(10_000):
        try:
            ACTS[role](lake, draw, name, n)
        except Unconfirmed:
            print("unsure", f"{name}-{n}", flush=True)
        except (Busy, Conflict, CannotRead, CannotWrite):  # many are at it, or the store is away
            print("refused", f"{name}-{n}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
