"""demo: what a lake is good for, in one command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from bt_lake.cli import messages
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput

_SYMBOLS = ("SYNTH", "SYNTH-2")
_EXIT_RULES = ("signal", "trailing")
_LABEL = "demo"
_ONE = ("--strategy", "sma_cross")
_SWEEPS = (
    (
        "A cross of moving averages: 9 x 9 lengths, two symbols, two exit rules.",
        "bt_lake.examples.sma_cross:run",
        {"fast": "5:45:5", "slow": "50:130:10"},
    ),
    (
        "Buying what fell too fast: 3 x 4 parameters, the same symbols and rules.",
        "bt_lake.examples.rsi_reversion:run",
        {"period": "7,14,21", "low": "20:35:5"},
    ),
)
_WIDTH = 78


def demo(session: Session) -> int:
    """Sweep two example strategies and ask what a lake can tell.

    \b
    Examples:
      bt-lake demo
      bt-lake demo --lake demo-lake
    """
    out = Output()
    _refuse_a_lake_in_use(session)
    for why, target, grid in _SWEEPS:
        _sweep(session, out, why, target, grid)
    codes = [_ask(session, out, why, question) for why, question in _questions(session)]
    _say_how_to_look(session)
    messages.say("\nNow yours: `bt-lake run your_file.py:function`, `bt-lake ingest results/`, or")
    messages.say("`bt_lake.open().save(result)` in a script. `bt-lake --help` lists the rest.")
    return max(codes)


def _say_how_to_look(session: Session) -> None:
    from importlib.util import find_spec

    extra = "" if find_spec("starlette") else '   (after: pip install "bt-lake[page]")'
    messages.say(f"\nLook at it in a browser: bt-lake {' '.join(_words(session, ['page']))}{extra}")


def _refuse_a_lake_in_use(session: Session) -> None:
    """The demo's trials would count among the user's own."""
    if not session.store.layout.exists:
        return
    sql = f"select count(*) from trials where sweep is distinct from '{_LABEL}'"
    if session.store.ask(lambda connection: connection.execute(sql).fetchall())[0][0]:
        raise BadInput(
            f"{session.path} holds runs of your own; give the demo a lake of its own with "
            "--lake demo-lake"
        )


def _sweep(session: Session, out: Output, why: str, target: str, grid: dict[str, str]) -> None:
    from bt_lake.cli.sweepbar import sweep_with_bar

    made = session.lake.plan(target, grid, symbol=_SYMBOLS, exit_rule=_EXIT_RULES, sweep=_LABEL)
    options = [
        *(("--grid", f"{name}={values}") for name, values in grid.items()),
        *(("--symbol", symbol) for symbol in _SYMBOLS),
        *(("--exit-rule", rule) for rule in _EXIT_RULES),
        ("--sweep", _LABEL),
    ]
    _announce(session, out, why, ["run", target, *chain.from_iterable(options)])
    swept = sweep_with_bar(session, made, metric="sharpe_ratio")
    messages.note(str(swept), f"{swept.per_s:,.0f}/s" if swept.done else "")


def _questions(session: Session) -> list[tuple[str, list[str]]]:
    answer = session.lake.ask.best("sharpe_ratio", 2, columns=["run_id"], strategy="sma_cross")
    place = answer.columns.index("run_id")
    ids = [row[place][-8:] for row in answer.rows()]
    return [
        (
            "The best, and the chance (dsr) that each is more than the luckiest of all.",
            ["best", "sharpe_ratio", "-n", "5", *_ONE, "--deflate"],
        ),
        ("Does an exit rule help?", ["aggregate", "--by", "strategy,exit_rule"]),
        (
            "Is there a plateau of good lengths, or a lone peak?",
            ["sweep", "sma_cross", "-x", "fast", "-y", "slow"],
        ),
        ("What sets the two best apart?", ["compare", *ids]),
        ("And is the best one real?", ["overfit", *_ONE]),
    ]


def _ask(session: Session, out: Output, why: str, arguments: Sequence[str]) -> int:
    from bt_lake.cli.main import run

    _announce(session, out, why, arguments)
    return run(["--lake", str(session.path), *arguments])


def _announce(session: Session, out: Output, why: str, arguments: Sequence[str]) -> None:
    """What is asked, and the command that asks it, as it can be typed."""
    command = _folded(["$ bt-lake", *_words(session, arguments)])
    out.lines(["", f"# {why}", *(out.style(line, "bold") for line in command)])


def _words(session: Session, arguments: Sequence[str]) -> list[str]:
    usual = Path(os.environ.get("BT_LAKE", "lake"))
    lake = [] if session.path == usual else ["--lake", str(session.path)]
    return [shlex.quote(word) for word in (*arguments, *lake)]


def _folded(words: Sequence[str]) -> list[str]:
    """A command on as many lines as it needs; no option is apart from its value."""
    lines = [words[0]]
    rest = list(words[1:])
    while rest:
        pair = len(rest) > 1 and rest[0].startswith("-") and not rest[1].startswith("-")
        piece = " ".join(rest[: 1 + pair])
        del rest[: 1 + pair]
        if len(lines[-1]) + len(piece) + 3 > _WIDTH:
            lines[-1] += " \\"
            lines.append(f"    {piece}")
        else:
            lines[-1] += f" {piece}"
    return lines
