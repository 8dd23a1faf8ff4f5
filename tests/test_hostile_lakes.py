"""Tampered lakes under every command, with a sentinel that sees what happens outside of them."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = [sys.executable, str(Path(__file__).parent / "soak" / "hostile.py")]
CHANGES = "openat,open,creat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlinkat,mkdir,mkdirat,execve,connect"


def soak(rounds: int, tmp_path: Path, *before: str, **more: str) -> str:
    """Rounds of a random seed, which is printed."""
    given = {"ROUNDS": str(rounds), "SEED": str(random.SystemRandom().randrange(1 << 32))}
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parent),
        "PYTHONDONTWRITEBYTECODE": "1",  # as the sentinel has it, from the start
        **given,
        **more,
    }
    done = subprocess.run([*before, *RUN], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_tampered_lakes_do_no_harm(tmp_path):
    soak(4, tmp_path)


@pytest.mark.slow
def test_nothing_is_made_moved_or_unlinked_by_what_three_hundred_lakes_say(tmp_path):
    soak(300, tmp_path, LIGHT="1")


@pytest.mark.long
def test_many_tampered_lakes_do_no_harm(tmp_path):
    soak(300, tmp_path)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_calls_of_tampered_lakes(tmp_path):
    """DuckDB and Arrow do not tell Python what they open; the system does."""
    trace = tmp_path / "trace"
    soak(
        10,
        tmp_path,
        "strace",
        "-f",
        "-y",
        "-e",
        f"trace={CHANGES}",
        "-o",
        str(trace),
    )
    told = trace.read_text(errors="replace").splitlines()
    calls = [line for line in told if re.match(r"\d+ +\w+\(", line)]  # no signals, no ends
    assert len(calls) > 1000
    assert len([call for call in calls if "execve(" in call]) == 1
    for call in calls:
        changes = not call.split("(")[0].endswith(("openat", "open")) or re.search(
            r"O_(WRONLY|RDWR|CREAT)", call
        )
        if changes and "execve(" not in call and " = -1 " not in call:
            assert str(tmp_path) in call or "/dev/null" in call, call


def test_the_sentinel_sees_harm(tmp_path):
    """It would not do to look for harm that nobody could see."""
    script = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent / "soak")!r})
from sentinel import Harm, Sentinel
sentinel = Sentinel()
inside, outside = Path({str(tmp_path)!r}, "in"), Path({str(tmp_path)!r}, "out")
inside.mkdir(); outside.mkdir()
folder = os.open(outside, os.O_RDONLY)
def harm(act):
    try:
        with sentinel.watching(inside):
            act()
    except Harm:
        return True
    return False
assert harm(lambda: (outside / "a").write_text("x"))
assert harm(lambda: os.unlink(outside / "a"))
assert harm(lambda: os.mkdir("b", dir_fd=folder))
assert harm(lambda: os.rmdir("b", dir_fd=folder))
assert harm(lambda: os.link("/proc/self/status", outside / "c") if 0 else os.rename(inside, outside / "d"))
os.rename(outside / "d", inside)
assert harm(lambda: os.system("true"))
assert not harm(lambda: (inside / "a").write_text("x"))
assert not harm(lambda: os.unlink(inside / "a"))
"""
    subprocess.run([sys.executable, "-c", script], check=True)
