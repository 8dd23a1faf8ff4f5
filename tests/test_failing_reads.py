"""Disks and networks fail under readers, DuckDB's own calls included; see failing_reads.py."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from factory import frames, ids

from bt_lake.warehouse.store import Store

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("layer") / "failing_calls.so"
    how = ["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(HERE / "failing_calls.c"), "-ldl"]
    subprocess.run(how, check=True)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [30, pytest.param(400, marks=pytest.mark.thorough)])
def test_no_answer_is_wrong_without_a_word(store: Store, layer: Path, rounds: int):
    for number in range(3):
        store.append(frames(2, points=4 + number, strategy=f"s{number}"))
    store.compact(grace_s=0)
    for number in range(4):
        store.append(frames(1, points=7 + number, trades=number + 1))
    deleted = frames(1)
    store.append(deleted)
    store.append_events("delete", ids(deleted))
    seed = random.randrange(2**32)
    print("seed", seed)
    script = [str(HERE / "failing_reads.py"), str(store.path), str(seed), str(rounds)]
    done = subprocess.run(
        [sys.executable, *script],
        env={**os.environ, "LD_PRELOAD": str(layer)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
