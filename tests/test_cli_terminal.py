"""A real terminal of 80 columns: what fits, what is coloured, who is asked."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import struct
import sys
import time
from pathlib import Path

import pytest
from cli_lake import COMMAND, Cli, environment, run_id

from bt_lake.wording.widths import columns_of

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import fcntl
import pty
import termios

pytest_plugins = ["cli_fixtures"]

ESCAPES = re.compile(r"\x1b\[[0-9;]*[mK]")


def at_terminal(
    *arguments: object, lake: Path, typed: str = "", columns: int = 80, interrupt: str = "", **env
) -> tuple[int, str]:
    """Exit code and all that a terminal of so many columns showed.

    Ctrl-C is pressed once it shows the text `interrupt`.
    """
    process, screen = pty.fork()
    if process == 0:
        os.execve(
            COMMAND[0],
            [*COMMAND, "--lake", str(lake), *map(str, arguments)],
            environment(**{"TERM": "xterm-256color", **env}),
        )
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    seen, end, pressed = b"", time.monotonic() + 120, False
    while time.monotonic() < end:
        if select.select([screen], [], [], 0.05)[0]:
            try:
                piece = os.read(screen, 65536)
            except OSError:  # Linux ends a pseudo-terminal so
                break
            if not piece:
                break
            seen += piece
        if typed and seen.rstrip().endswith((b"[y/N]", b"lake>")):
            line, _, typed = typed.partition("\n")
            os.write(screen, line.encode() + b"\n")
        if interrupt and not pressed and interrupt.encode() in seen:
            os.kill(process, signal.SIGINT)
            pressed = True
    _, status = os.waitpid(process, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), seen.decode().replace("\r\n", "\n")


def bare(text: str) -> str:
    return ESCAPES.sub("", text)


COMMANDS = [
    ["best", "sharpe_ratio"],
    ["best", "sharpe_ratio", "--deflate"],
    ["list"],
    ["list", "--sort", "my_score"],
    ["show", "07"],
    ["show", "01"],
    ["show", "08"],
    ["compare", "05", "06", "07", "04", "03", "02"],
    ["aggregate", "--by", "symbol,param.fast", "--above", "1"],
    ["sweep", "sma_cross", "-x", "fast", "-y", "slow"],
    ["sweep", "sma_cross", "-x", "fast"],
    ["equity", "07"],
    ["trades", "07"],
    ["lookup", "--strategy", "rsi"],
    ["metrics"],
    ["sql", "from runs"],
    ["info"],
    ["check"],
]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_line_is_wider_than_the_terminal(made_lake: Path, arguments: list[str], columns: int):
    code, seen = at_terminal(*arguments, lake=made_lake, columns=columns)
    assert code == 0
    assert not [line for line in bare(seen).splitlines() if columns_of(line) > columns]


def test_a_table_at_80_columns(made_lake: Path):
    code, seen = at_terminal("best", "sharpe_ratio", "-n", 2, lake=made_lake)
    assert code == 0
    *lines, last = bare(seen).splitlines()
    assert lines == [
        "#  run        symbol  fast  slow  risk  sharpe  return  max dd  trades",
        "1  …00000007  WAVE       5    50     1    6.40  +21.0%  -10.0%       2",
        "2  …00000006  SYNTH     10    70     2    3.00  +60.0%   -6.0%      60",
        "2 of 8 trials · 1 column left out (strategy sma_cross)",
    ]
    assert last.startswith("1 computed from curves, 6 as their sources report · ")


def test_what_is_left_out_is_named(made_lake: Path):
    _, seen = at_terminal("list", lake=made_lake)
    assert re.search(r"8 of 8 runs · \d columns left out \(.+\) · ", bare(seen))


@pytest.mark.slow
def test_colours_are_for_terminals_only(made_lake: Path, cli: Cli):
    _, seen = at_terminal("best", "sharpe_ratio", lake=made_lake)
    assert "\x1b[32m+21.0%\x1b[0m" in seen
    assert "\x1b" not in cli("best", "sharpe_ratio").out
    piped = cli.process("best", "sharpe_ratio", env=environment(TERM="xterm-256color"))
    assert "\x1b" not in piped.out + piped.err


@pytest.mark.slow
def test_colour_can_be_refused(made_lake: Path):
    refusals: list[dict[str, str]] = [{"NO_COLOR": "1"}, {"TERM": "dumb"}]
    for number, arguments in enumerate(COMMANDS):
        refusal = refusals[number % 2]  # one place decides, whatever is asked
        code, seen = at_terminal(*arguments, lake=made_lake, **refusal)
        assert code == 0
        assert "\x1b" not in seen


@pytest.mark.slow
def test_colour_can_be_forced_into_a_pipe(cli: Cli):
    forced = cli.process("best", "sharpe_ratio", env=environment(FORCE_COLOR="1"))
    assert "\x1b[32m+21.0%\x1b[0m" in forced.out
    assert run_id(7) in forced.out  # uncut all the same
    both = cli.process("list", env=environment(FORCE_COLOR="1", NO_COLOR="1"))
    assert "\x1b" not in both.out


def test_a_heatmap_in_colour(made_lake: Path):
    _, seen = at_terminal("sweep", "sma_cross", "-x", "fast", "-y", "slow", lake=made_lake)
    assert "48;5;" in seen
    assert "█" not in seen


def test_parquet_is_kept_from_the_terminal(made_lake: Path):
    code, seen = at_terminal("list", "-f", "parquet", lake=made_lake)
    assert code == 2
    assert "add -o FILE.parquet" in seen


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("yes", 0), ("n", 2), ("", 2)])
def test_deleting_asks(own: Cli, answer: str, code: int):
    ended, seen = at_terminal("delete", "06", lake=own.lake, typed=f"{answer}\n")
    assert ended == code
    assert "Delete 1 run? [y/N]" in bare(seen)
    assert ("nothing was changed" in seen) == bool(code)
    assert own("list").err.startswith("7 of 7" if not code else "8 of 8")


def test_the_prompt_asks_and_answers(made_lake: Path, tmp_path: Path):
    typed = "select 41 + 1 as n;\n.quit\n"
    code, seen = at_terminal("shell", lake=made_lake, typed=typed, PATH=str(tmp_path))
    assert code == 0
    assert "Views: runs, trials" in seen
    assert "\n42\n" in bare(seen).replace(" ", "")


@pytest.mark.slow
def test_a_bar_shows_progress_and_goes_away(tmp_path: Path):
    file = tmp_path / "runs.ndjson"
    line = {"strategy": "a", "metrics": {"sharpe_ratio": 1.0}}
    file.write_text("".join(json.dumps({**line, "params": {"n": n}}) + "\n" for n in range(5000)))
    code, seen = at_terminal("ingest", file, lake=tmp_path / "lake")
    assert code == 0
    bars = [part for part in bare(seen).split("\r") if "runs · " in part]
    assert bars
    assert all(columns_of(part) <= 80 for part in bars)
    assert not [part for part in bars if "made a new lake" in part]
    assert "\r\x1b[K" in seen
    assert bare(seen).splitlines()[-1].startswith("5,000 added")


@pytest.mark.slow
def test_ctrl_c_says_what_is_in(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.json").write_text('{"strategy": "a"}')
    lake = tmp_path / "lake"
    code, seen = at_terminal("ingest", folder, "--watch", lake=lake, interrupt="1 added")
    assert code == 130
    assert bare(seen).splitlines()[-1] == "interrupted: 1 run came in meanwhile"
