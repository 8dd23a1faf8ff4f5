"""A PostgreSQL server of one's own, for the tests that need a real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PACKAGE = Path("/usr/lib/postgresql")


class Server:
    """Reached through a socket in its folder; every test takes a database of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self._databases = 0

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"trading_{self._databases}"
        self.ask("postgres", f"create database {name}")
        return f"postgresql://tester@/{name}?host={self.folder}"

    def ask(self, database: str, sql: str) -> str:
        """What psql answers; the database is a name or a URL."""
        where = (
            database if "://" in database else f"postgresql://tester@/{database}?host={self.folder}"
        )
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", where, input=sql)

    def start(self) -> None:
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-N", "--locale=C.UTF-8")
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        self._run(
            "pg_ctl", "-D", data, "-l", str(self.folder / "log"), "-w", "-o", options, "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str, input: str = "") -> str:
        # The server refuses to be root; its package brings a user for it.
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        with tempfile.TemporaryFile("w+") as out:
            # A file, as the server would keep a pipe open.
            done = subprocess.run(
                [self._programs / program, *arguments],
                input=input,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
                **(as_user if os.geteuid() == 0 else {}),
            )
            out.seek(0)
            said = out.read()
        assert done.returncode == 0, f"{program}: {said}"
        return said


@contextmanager
def running() -> Iterator[Server]:
    found = sorted(_PACKAGE.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3].split(".")[0]))
    lacking = f"the package postgresql is not installed (no {_PACKAGE}/*/bin/initdb)"
    if not found and not os.environ.get("CI"):
        pytest.skip(lacking)
    assert found, lacking
    folder = Path(tempfile.mkdtemp(prefix="bt-lake-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Server(found[-1].parent, folder)
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
