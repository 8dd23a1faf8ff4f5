"""The lake in DuckDB's own shell, or in a prompt of ours where that is not installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.cli import messages
from bt_lake.cli.output import Output
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.surface import lake_sql

if TYPE_CHECKING:
    from bt_lake.cli.session import Session
    from bt_lake.warehouse.layout import Layout

_WELCOME = """\
Views: runs, trials, equity, trades, events, monthly_returns.
Macros: best, aggregate, sweep, newest. End a query with ; and leave with .quit or Ctrl-D."""


def duckdb_shell(layout: Layout) -> int | None:
    """Run the `duckdb` shell in the lake; None where there is none."""
    program = shutil.which("duckdb")
    if program is None:
        return None
    # The lake's own lake.sql may hold anything, commands of the shell included.
    with tempfile.TemporaryDirectory(prefix="bt-lake-") as folder:
        script = Path(folder, "lake.sql")
        script.write_text(lake_sql(str(script)), "utf-8")
        try:
            return subprocess.run([program, "-init", str(script)], cwd=layout.root).returncode
        except KeyboardInterrupt:  # the shell has dealt with it
            return 0


def prompt(session: Session) -> int:
    """Queries from standard input, one at a time; a mistake does not end it."""
    asked = sys.stdin.isatty()
    if asked:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  (gives input() its history)
        messages.say(_WELCOME)
    query, failed = "", 0
    while (line := _line("lake> " if not query else "  ... ", asked)) is not None:
        if not query and line.strip() in (".quit", ".exit"):
            break
        query += line + "\n"
        if query.rstrip().endswith(";"):
            failed = _answer(session, query) or failed
            query = ""
    if query.strip():
        failed = _answer(session, query) or failed
    return 0 if asked else failed


def _line(mark: str, asked: bool) -> str | None:
    try:
        return input(mark) if asked else input()
    except EOFError:
        return None


def _answer(session: Session, query: str) -> int:
    from bt_lake.cli.rawtable import raw_layout

    try:
        out = Output()
        shown = out.answer(session.lake.ask.sql(query), raw_layout(out), huge=True)
        messages.note(messages.many(shown.rows, "row"), messages.hidden(shown.dropped))
    except LakeError as error:
        messages.error(str(error))
        return error.exit_code
    return 0
