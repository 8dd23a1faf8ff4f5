"""Machines at work on one lake in a store, killed at any moment, in rounds; and what must hold then."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import bt_lake
from bt_lake.lake import Lake

WORKER = str(Path(__file__).with_name("far_worker.py"))
ROLES = ("appends", "appends", "writes", "folds", "reads")


def rounds(store: str, draw: random.Random, caches: Path, count: int = 2) -> list[list[str]]:
    """Five machines at a time; the next one has the cache of the killed. Gives what they told."""
    said: list[list[str]] = []
    for round in range(count):
        killed = []
        for place, role in enumerate(ROLES):
            where = {**os.environ, "BT_LAKE_CACHE": str(caches / str(place))}
            where |= {"PYTHONWARNINGS": "ignore"}  # of a fold that a store in trouble refused
            command = [
                sys.executable,
                WORKER,
                store,
                role,
                f"{draw.randrange(1 << 32)}-{round}-{place}",
            ]
            process = subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=where)
            killed.append(process)
        # Who needs an epoch to himself may wait for long.
        first = [
            process.stdout.readline()
            for process, role in zip(killed, ROLES, strict=True)
            if role != "writes"
        ]
        for process in draw.sample(killed, len(killed)):
            time.sleep(draw.uniform(0.0, 0.5))
            process.kill()
        rest = [process.communicate() for process in killed]
        errors = "".join(errors for _, errors in rest)
        assert not errors, errors
        lines = "".join(first + [out for out, _ in rest]).splitlines()
        said += [line.split(maxsplit=1) for line in lines]
    return said


def prove(lake: Lake, said: list[list[str]], down: Path) -> list[str]:
    """Nothing lost, nothing doubled, nothing torn; what was refused is not there. Gives the ids."""
    done = {act: {what for did, what in said if did == act} for act, _ in said}
    assert "wrong" not in done
    found = lake.sql("select run_id from trials")["run_id"].to_list()
    assert len(found) == len({*found}) and done["saved"] <= {*found}
    tagged = {*lake.sql("select run_id from trials where tags = ['t']")["run_id"]}
    assert done.get("tagged", set()) <= tagged
    tried = lake.sql("select params->>'by' || '-' || (params->>'n') as tried from runs")["tried"]
    assert not done.get("refused", set()).intersection(tried)
    curves = lake.sql("select run_id from equity")["run_id"].to_list()
    assert sorted(curves) == sorted(found * 3)
    Lake.copy(lake.store.address, down)
    assert not [each for each in bt_lake.open(down).check().findings if each.damage]
    return found
