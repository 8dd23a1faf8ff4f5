"""sql, shell: questions in the user's own words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.output import Output
from bt_lake.cli.rawtable import raw_layout
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import pairs


def sql(
    session: Session,
    out: Output,
    query: Annotated[
        str | None, Argument(metavar="SQL", help="One SELECT; - reads standard input.")
    ] = None,
    file: Annotated[
        Path | None, Option("--file", metavar="FILE", help="Read the SELECT from a file.")
    ] = None,
    values: Annotated[
        list[str] | None,
        Option("--value", "-v", metavar="NAME=VALUE", help="What $NAME in it stands for."),
    ] = None,
) -> None:
    """Ask in SQL.

    Views: runs, trials, equity, trades, events, monthly_returns. Macros: best, aggregate, sweep,
    newest. It cannot write, or read anything but the lake. Values are shown as they are stored.

    \b
    Examples:
      bt-lake sql "select strategy, count(*) from runs group by all"
      bt-lake sql "from best('sharpe_ratio', n := 5)"
      bt-lake sql "from runs where symbol = $s" -v s=AAPL -o aapl.parquet
    """
    named = pairs("--value", values or (), "NAME=VALUE, such as symbol=AAPL")
    answer = session.lake.ask.sql(_text(query, file), **dict(named))
    shown = out.answer(answer, raw_layout(out), huge=True)
    messages.told(session, shown, answer, "row")


def _text(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise BadInput('give one SELECT: bt-lake sql "from runs", or --file query.sql')
    if query == "-":
        return sys.stdin.read()
    if query is not None:
        return query
    try:
        return Path(file or "").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {file}: {error}") from None


def shell(session: Session) -> int:
    """The lake in a DuckDB shell.

    Where DuckDB's own is not installed, in a small prompt of bt-lake's.

    \b
    Examples:
      bt-lake shell
      echo "from best('sharpe_ratio');" | bt-lake shell
    """
    from bt_lake.cli.prompt import duckdb_shell, prompt

    session.store.layout.check_format()
    code = duckdb_shell(session.store.layout)
    return prompt(session) if code is None else code
