"""One file that may not be read stops nobody's questions about everything else; it is said."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from functools import partial
from pathlib import Path

import pytest
from factory import frames, ids
from users import ANNA, as_user, needs_root

from bt_lake.cli.main import run
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import CannotRead, LeftOut
from bt_lake.warehouse.store import Store

pytestmark = needs_root


@pytest.fixture
def place():
    """Where others may go: below a folder of pytest only root may."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def two_commits(place: Path, closed: str, *, compacted: bool = False) -> Store:
    """A lake of three runs; the one file of that pattern may be read by root alone."""
    store = Store(place / "lake")
    store.append(frames(2))
    if compacted:
        store.compact(grace_s=0)
    store.append(frames(1))
    for path in store.path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    min(store.path.glob(closed)).chmod(0o600)
    return store


def asked(path: Path, expected: tuple[int, int], closed: str) -> None:
    lake = Lake(path)
    for _ in range(2):  # each answer says it
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("default")
            found = lake.ask.sql(
                "select (select count(*) from runs), (select count(*) from equity)"
            ).rows()  # a frame could not be made where polars ran before the fork
        assert found == [expected]
        (one,) = said
        assert one.category is LeftOut
        assert one.filename == __file__
        assert closed in str(one.message) and "mode 600" in str(one.message)


@pytest.mark.parametrize(
    "closed, compacted, expected",
    [
        ("runs/*/c-*", False, (1, 5)),
        ("equity/*/c-*", False, (3, 5)),
        ("runs/*/m-*", True, (1, 5)),
        ("equity/*/m-*", True, (3, 5)),
    ],
)
def test_questions_go_on_without_a_closed_file(place, closed, compacted, expected):
    store = two_commits(place, closed, compacted=compacted)
    name = min(store.path.glob(closed)).name
    assert as_user(ANNA, partial(asked, store.path, expected, name), said=place / "said") == ""


def looked_up(path: Path, run_ids: list[str]) -> None:
    store = Store(path)
    with pytest.raises(CannotRead):
        store.known(run_ids)


def test_who_would_write_is_refused(place):
    """To leave out what is there would be to save it again."""
    store = two_commits(place, "runs/*/c-*")
    assert as_user(ANNA, partial(looked_up, store.path, ["x"]), said=place / "said") == ""


def commands(path: Path, out: Path) -> None:
    with open(out, "w") as file:
        for command in (["list"], ["list", "-f", "csv"], ["best", "sharpe_ratio"], ["check"]):
            code = run(["--lake", str(path), *command])
            file.write(f"{code}\n")


def test_the_command_line_answers_with_the_exit_code_of_damage(place, capfd):
    store = two_commits(place, "runs/*/c-*")
    out = place / "out"
    assert as_user(ANNA, partial(commands, store.path, out), said=place / "said") == ""
    assert out.read_text().split() == ["4", "4", "4", "4"]


def test_whoever_may_read_it_sees_all(place):
    store = two_commits(place, "runs/*/c-*")
    made = frames(1)
    store.append(made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Lake(store.path).sql("select count(*) from runs").item() == 4
    assert store.known(ids(made)) == set(ids(made))
