"""demo: what a lake is good for, in one command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from bt_lake.cli import messages
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput

_SYMBOLS = ("SYNTH", "SYNTH-2")
_EXIT_RULES = ("signal", "trailing")
_SWEEPS = {
    "bt_lake.examples.sma_cross:run": {"fast": "5:45:5", "slow": "50:130:10"},
    "bt_lake.examples.rsi_reversion:run": {"period": "7,14,21", "low": "20:35:5"},
}
_LABEL = "demo"
_ONE = ("--strategy", "sma_cross")


def demo(session: Session) -> int:
    """Sweep two example strategies and ask what a lake can tell.

    \b
    Examples:
      bt-lake demo
      bt-lake demo --lake demo-lake
    """
    out = Output()
    _refuse_a_lake_in_use(session)
    for target, grid in _SWEEPS.items():
        _sweep(session, out, target, grid)
    codes = [_ask(session, out, question) for question in _questions(session)]
    messages.say("\nNow yours: `bt-lake run your_file.py:function`, `bt-lake ingest results/`, or")
    messages.say("`bt_lake.open().save(result)` in a script. `bt-lake --help` lists the rest.")
    return max(codes)


def _refuse_a_lake_in_use(session: Session) -> None:
    """The demo's trials would count among the user's own."""
    if not session.store.layout.exists:
        return
    sql = f"select count(*) from trials where sweep is distinct from '{_LABEL}'"
    if session.store.ask(lambda connection: connection.execute(sql).fetchall())[0][0]:
        raise BadInput(
            f"{session.lake} holds runs of your own; give the demo a lake of its own with "
            "--lake demo-lake"
        )


def _sweep(session: Session, out: Output, target: str, grid: dict[str, str]) -> None:
    from bt_lake.cli.commands.running import sweep_with_bar
    from bt_lake.ingest.running.planning import plan

    made = plan(target, grid, symbol=_SYMBOLS, exit_rule=_EXIT_RULES, sweep=_LABEL)
    axes = " ".join(f"--grid {name}={values}" for name, values in grid.items())
    labels = " ".join(
        f"--{name} {value}"
        for name, values in (("symbol", _SYMBOLS), ("exit-rule", _EXIT_RULES))
        for value in values
    )
    out.lines([f"$ bt-lake run {target} {axes} {labels} --sweep {_LABEL}"])
    swept = sweep_with_bar(session, made, jobs=None, fail_fast=False, metric="sharpe_ratio")
    messages.note(str(swept), f"{swept.per_s:,.0f}/s" if swept.done else "")


def _questions(session: Session) -> list[list[str]]:
    from bt_lake.queries.filters import Filters
    from bt_lake.queries.ranking import best

    answer = best(
        session.reader,
        "sharpe_ratio",
        n=2,
        columns=["run_id"],
        filters=Filters(strategy="sma_cross"),
    )
    place = answer.columns.index("run_id")
    ids = [row[place][-8:] for row in answer.rows()]
    return [
        ["best", "sharpe_ratio", "-n", "5", *_ONE],
        ["aggregate", "--by", "strategy,exit_rule"],
        ["sweep", "sma_cross", "-x", "fast", "-y", "slow"],
        ["compare", *ids],
        ["overfit", *_ONE],
    ]


def _ask(session: Session, out: Output, arguments: Sequence[str]) -> int:
    from bt_lake.cli.main import run

    out.lines(["", f"$ bt-lake {shlex.join(arguments)}"])
    return run(["--lake", str(session.lake), *arguments])
