"""A command ends at once, but not before what must be done at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from factory import frames

from bt_lake.warehouse.store import Store

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def left(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script += "\nfrom bt_lake.cli.leaving import leave\nleave(3)\n"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=BUFFERED,
        timeout=60,
    )


def test_what_is_registered_is_done_and_all_that_was_said_arrives():
    done = left(
        "import atexit, sys, tempfile\n"
        "atexit.register(print, 'registered')\n"
        "kept = tempfile.TemporaryDirectory()\n"
        "print(kept.name)\n"
        "sys.stderr.write('no end of line')\n"
    )
    folder, said = done.stdout.splitlines()
    assert (done.returncode, said, done.stderr) == (3, "registered", "no end of line")
    assert not Path(folder).exists()


def test_a_thread_that_goes_on_ends_first():
    done = left(
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('ended'))).start()\n"
        "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    )
    assert (done.returncode, done.stdout) == (3, "ended\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_cannot_be_written_is_no_success():
    script = "print('x')\nfrom bt_lake.cli.leaving import leave\nleave(0)\n"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, env=BUFFERED
        )
    assert done.returncode != 0
    assert b"No space left" in done.stderr


def test_what_duckdb_put_on_disk_for_want_of_memory_goes(tmp_path):
    store = Store(tmp_path / "lake")
    store.append(frames(1))
    spill = tmp_path / "spill"
    done = left(
        "import sys\n"
        "from pathlib import Path\n"
        "from bt_lake.warehouse.database import Database\n"
        "from bt_lake.warehouse.layout import Layout\n"
        "database = Database(Layout(Path(sys.argv[1])))\n"
        "ask = database.connection.execute\n"
        "ask(f\"set temp_directory = '{sys.argv[2]}'\")\n"
        "ask(\"set threads = 1; set memory_limit = '30MB'\")\n"
        "ask('create temp table much as select range as a, md5(range::varchar) as b from range(2_000_000)')\n"
        "print(len([*Path(sys.argv[2]).iterdir()]))\n",
        str(store.path),
        str(spill),
    )
    assert done.returncode == 3, done.stderr
    assert int(done.stdout) > 0
    assert not spill.exists() or not [*spill.iterdir()]
