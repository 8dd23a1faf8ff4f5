"""What a script meets at the edges: exit codes, wrong options, closed pipes, bugs, files."""

from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_lake import COMMAND, Cli, environment

import bt_lake.cli
from bt_lake.cli import main
from bt_lake.cli.everywhere import lake_first
from bt_lake.warehouse.errors import (
    Ambiguous,
    BadInput,
    Busy,
    CannotWrite,
    Conflict,
    Damaged,
    FormatTooNew,
    LakeError,
    NotFound,
)

pytest_plugins = ["cli_fixtures"]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bt_lake.queries.ranking.best", broken)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput, 2),
        (Ambiguous, 2),
        (NotFound, 3),
        (Damaged, 4),
        (FormatTooNew, 4),
        (Conflict, 4),
        (CannotWrite, 4),
        (Busy, 5),
    ],
)
def test_exit_codes(cli: Cli, monkeypatch, error: type[LakeError], code: int):
    raising(monkeypatch, error("what is wrong\nand what to do"))
    said = cli("best", "sharpe_ratio")
    assert (said.code, said.out) == (code, "")
    assert said.err == "error: what is wrong\n       and what to do\n"


def test_a_bug_says_so_and_how_to_report_it(cli: Cli, monkeypatch):
    raising(monkeypatch, RuntimeError("oops"))
    said = cli("best", "sharpe_ratio")
    assert (said.code, said.out) == (1, "")
    assert "Traceback (most recent call last):" in said.err
    assert "RuntimeError: oops\nerror: this is a bug in bt-lake" in said.err


def test_ctrl_c(cli: Cli, monkeypatch):
    stop = KeyboardInterrupt()
    stop.add_note("12 runs are in, the rest is not")
    raising(monkeypatch, stop)
    said = cli("best", "sharpe_ratio")
    assert (said.code, said.err) == (130, "interrupted: 12 runs are in, the rest is not\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bset"], "error: no command 'bset'. Did you mean best?\n       `bt-lake --help` lists"),
        (["best"], "error: best by which metric? `bt-lake metrics` lists them\n"),
        (["best", "x", "--foo"], "error: no such option: --foo"),
        (["best", "x", "-n", "ten"], "error: --limit: 'ten' is not a whole number\n"),
        (["best", "x", "-n", "0"], "error: --limit: 0 is less than 1\n"),
        (
            ["list", "--limit"],
            "error: option '--limit' requires an argument.\n       `bt-lake list -",
        ),
        (["compact", "--grace", "nan"], "error: --grace: nan is less than 0\n"),
        (["best", "x", "-f", "jsn"], "error: --format: no 'jsn'. Did you mean json? Use table,"),
        (["best", "x", "-o", "best.xls"], "error: cannot tell a format from the name best.xls"),
        (["best", "x", "y"], "error: got unexpected extra argument"),
        (["compact", "--grace", "-1"], "error: --grace: -1.0 is less than 0\n"),
    ],
)
def test_wrong_command_lines(cli: Cli, arguments: list[str], message: str):
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(message)


def test_no_command_at_all_is_the_help(capsys: pytest.CaptureFixture[str]):
    assert main.run([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Usage: bt-lake ")


def test_a_missing_lake(cli: Cli, tmp_path: Path):
    for command in (["list"], ["best", "sharpe_ratio"], ["show", "x"], ["check"], ["compact"]):
        said = cli("--lake", tmp_path / "nowhere", *command)
        assert (said.code, said.out) == (3, ""), command
        assert said.err.startswith(f"error: no lake at {tmp_path / 'nowhere'}. `bt-lake init`")


@pytest.mark.parametrize(
    ("card", "code", "words"),
    [
        (None, 3, "no lake at"),
        ("{}", 4, "is not a lake's card"),
        ("[]", 4, "is not a lake's card"),
        ('{"format": null}', 4, "is not a lake's card"),
        ("torn", 4, "is not a lake's card"),
    ],
)
@pytest.mark.parametrize("command", ["list", "info"])
def test_a_lake_without_its_card(own: Cli, command: str, card: str | None, code: int, words: str):
    place = Path(own.lake) / "lake.json"
    place.unlink() if card is None else place.write_text(card)
    said = own(command)
    assert (said.code, said.out) == (code, "")
    assert words in said.err


@pytest.mark.slow
def test_a_path_full_of_characters(cli: Cli, tmp_path: Path):
    place = tmp_path / "a [b]* ?'x' ü"
    shutil.copytree(cli.lake, place)
    for command in (["list"], ["best", "sharpe_ratio"], ["equity", "07"], ["trades", "07"]):
        there, here = cli("--lake", place, *command, "-f", "csv"), cli(*command, "-f", "csv")
        assert (there.code, there.out) == (0, here.out), command


@pytest.mark.slow
def test_the_lake_may_be_named_anywhere_or_by_the_environment(cli: Cli, tmp_path: Path):
    lake, elsewhere = str(cli.lake), environment(BT_LAKE=str(tmp_path / "nowhere"))
    for arguments in (
        ["--lake", lake, "list"],
        ["list", "--lake", lake],
        ["list", f"--lake={lake}", "-n", "5"],
    ):
        assert subprocess.run([*COMMAND, *arguments], env=elsewhere).returncode == 0
    assert subprocess.run([*COMMAND, "list"], env=elsewhere).returncode == 3
    assert subprocess.run([*COMMAND, "list"], env=environment(BT_LAKE=lake)).returncode == 0


def test_the_last_lake_counts_and_nothing_after_two_dashes():
    assert lake_first(["a", "--lake", "x", "b", "--lake=y", "--", "--lake", "z"]) == [
        *("--lake", "x", "--lake=y", "a", "b", "--", "--lake", "z")
    ]
    assert lake_first(["list", "--lake"]) == ["list", "--lake"]


def test_version(cli: Cli):
    from bt_lake import __version__

    assert cli("--version").out == f"bt-lake {__version__}\n"


@pytest.mark.slow
def test_a_closed_pipe_ends_quietly(cli: Cli):
    query = "select range as n, repeat('x', 100) as x from range(2000000)"
    for extra in (["-f", "csv"], ["-f", "json"], []):
        process = subprocess.Popen(
            [*COMMAND, "--lake", str(cli.lake), "sql", query, *extra],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_closed_stderr_changes_nothing(cli: Cli):
    line = f"{sys.executable} -m bt_lake --lake '{cli.lake}' best sharpe_ratio 2>&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, env=environment(), text=True)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 8


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_bug(cli: Cli):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "--lake", str(cli.lake), "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
    assert done.returncode == 4
    assert done.stderr.startswith("error: cannot write the answer: No space left")


def test_a_file_is_written_whole_or_not_at_all(cli: Cli, tmp_path: Path):
    file = tmp_path / "runs.csv"
    file.write_text("kept")
    assert cli("best", "nothing_of_the_kind", "-o", file).code == 2
    assert file.read_text() == "kept"
    assert cli("sql", "select error('x') from range(3)", "-o", file).code == 2
    assert file.read_text() == "kept"
    assert cli("best", "sharpe_ratio", "-o", file).code == 0
    assert file.read_text().startswith("rank,")
    assert [p.name for p in tmp_path.iterdir()] == ["runs.csv"]


def test_a_file_that_cannot_be_written(cli: Cli, tmp_path: Path):
    said = cli("list", "-o", tmp_path / "nowhere" / "runs.csv")
    assert said.code == 4
    assert said.err.startswith(f"error: cannot write {tmp_path / 'nowhere' / 'runs.csv'}: No such")


def test_a_device_is_written_to_directly(cli: Cli):
    assert cli("list", "-f", "csv", "-o", os.devnull).code == 0
    assert Path(os.devnull).is_char_device() or os.name == "nt"


def test_unicode_goes_out_as_utf_8_whatever_the_locale(cli: Cli):
    said = cli.process(
        "sql", "select chr(233) || chr(8230) as x", env=environment(LC_ALL="C", PYTHONUTF8="0")
    )
    assert said.out == "x\né…\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_of_a_long_query(cli: Cli):
    query = "select count(*) from range(100000) a, range(100000) b where a.range * b.range % 7 = 1"
    process = subprocess.Popen(
        [*COMMAND, "--lake", str(cli.lake), "sql", query],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (out, process.returncode) == ("", 130)
    assert err.startswith("interrupted")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_at_any_moment_of_a_short_command(cli: Cli):
    """While it is loaded, connects, opens the lake, asks, writes and ends."""
    here = (  # what comes before ours is Python's
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print('here', flush=True); "
        "from bt_lake.__main__ import main; main()"
    )
    command = [sys.executable, "-c", here, "--lake", str(cli.lake), "list"]
    begun = time.monotonic()
    subprocess.run(command, env=environment(), check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - begun
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    for _ in range(40):
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, took))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        # Python ends by the signal itself where it came while a text was run, as dataclasses do.
        ends = (0, 130, -signal.SIGINT)
        assert process.returncode in ends, f"seed {seed}: {process.returncode} {err}"
        assert "Traceback" not in err, f"seed {seed}: {err}"


def sources() -> list[Path]:
    return sorted(Path(bt_lake.cli.__file__).parent.rglob("*.py"))


def test_one_module_writes_stdout_and_one_stderr():
    writers: dict[str, set[str]] = {"stdout": set(), "stderr": set(), "print": set()}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("write", "buffer"):
                stream = getattr(node.value, "attr", "")
                writers.get(stream, set()).add(path.name)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                writers["print"].add(path.name)
    assert writers == {"stdout": {"stream.py"}, "stderr": {"messages.py"}, "print": set()}


def test_files_are_small():
    for path in sources():
        assert len(path.read_text("utf-8").splitlines()) < 300, path


@pytest.mark.parametrize("question", [["list"], ["best", "sharpe_ratio"], ["aggregate"]])
def test_an_empty_lake_says_how_to_fill_it(capsys, tmp_path: Path, question: list[str]):
    cli = Cli(tmp_path / "lake", capsys)
    assert cli("init").code == 0
    said = cli(*question)
    assert (said.code, said.out) == (0, "")
    assert "the lake is empty: `bt-lake ingest` and `lake.save()` put runs in" in said.err


def test_a_sweep_of_nothing_says_why(cli: Cli, capsys, tmp_path: Path):
    assert "no run has strategy 'sma_cros'. Did you mean sma_cross?" in (
        cli("sweep", "sma_cros", "-x", "fast").err
    )
    assert "none of these runs has param.fast and param.slow" in (
        cli("sweep", "rsi", "-x", "fast", "-y", "slow").err
    )
    assert "no parameter 'fats'. Did you mean fast?" in cli("sweep", "sma_cross", "-x", "fats").err
    empty = Cli(tmp_path / "lake", capsys)
    empty("init")
    assert "the lake is empty" in empty("sweep", "sma_cross", "-x", "fast").err


def test_unknown_parameters_are_told(cli: Cli):
    assert "no run has parameter 'fats'. Did you mean fast?" in (
        cli("best", "sharpe_ratio", "--param", "fats>=30").err
    )
    said = cli("aggregate", "--by", "param.fats")
    assert (said.code, said.out) == (2, "")
    assert "no parameter 'fats'. Did you mean fast?" in said.err


def test_a_list_of_values_is_given_one_by_one(cli: Cli):
    said = cli("list", "--symbol", "WAVE,SYNTH")
    assert "no run has symbol 'WAVE,SYNTH'. Give several one by one: " in said.err
    assert "--symbol WAVE --symbol SYNTH" in said.err


def test_near_matches_do_not_mind_the_case(cli: Cli):
    assert "no metric 'SHARPE_RATIO'. Did you mean sharpe_ratio" in cli("best", "SHARPE_RATIO").err


def test_no_lake_is_exported_among_other_files(cli: Cli, tmp_path: Path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    said = cli("export", tmp_path / "thesis")
    assert said.code == 2 and "holds other files and is no lake" in said.err
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_a_condition_that_cannot_be_read_is_told_in_the_users_words(cli: Cli):
    said = cli("list", "--where", "max_drawdown > -20%")
    assert said.code == 2
    assert "where: 'max_drawdown > -20%' is not complete: something is missing" in said.err
    said = cli("list", "--where", "fast = 10")
    assert said.code == 2 and "If it is a parameter, write: param.fast" in said.err
    assert cli("list", "--where", "params ->> 'fast' = 10", "-f", "csv").code == 0
