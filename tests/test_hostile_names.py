"""A lake may come from anybody: what its log names and where its links lead does no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from factory import edit_log, frames, ids, resealed

from bt_lake.warehouse import compact, folders, log, strays
from bt_lake.warehouse.errors import Damaged, LakeError
from bt_lake.warehouse.paths import data_file, named
from bt_lake.warehouse.store import Store

ID = "0123456789abcdef" * 2
OUTSIDE = [
    "../victim.txt",
    "runs/../../victim.txt",
    "runs/month=2026-01/../../../victim.txt",
    "/etc/hostname",
    "lake.json",
    "_log/00000000.json",
    f"runs/month=2026-01/c-{ID}.parquet\n",
    f"runs/month=2026-01/c-{ID.upper()}.parquet",
    f"runs/month=٢٠٢٦-٠١/c-{ID}.parquet",
    f"runs\\month=2026-01\\c-{ID}.parquet",
    f"seeds/month=2026-01/c-{ID}.parquet",
    f"./runs/month=2026-01/c-{ID}.parquet",
    f"file:///runs/month=2026-01/c-{ID}.parquet",
    "",
]


def test_names_of_data_files():
    assert data_file(f"equity/month=2026-01/c-{ID}.parquet") == ("equity", ID, None)
    assert data_file(f"runs/month=2026-12/m-00000012-{ID}.parquet") == ("runs", None, 12)
    for name in OUTSIDE:
        assert data_file(name) is None, name
        with pytest.raises(Damaged, match="no data file"):
            named(name)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim.txt"
    path.write_text("precious")
    return path


def change_log(store: Store, change: Callable[[dict], None]) -> None:
    edit_log(log.newest_path(store.layout), change)


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("key", ["removed", "unseen", "adds"])
def test_a_log_that_names_anything_else_is_damaged(store, key, name):
    store.layout.log.mkdir(parents=True)
    (store.layout.log / "00000000.json").write_text(log.State.empty().to_json())
    change_log(store, lambda state: state.update({key: naming(key, name)}))
    with pytest.raises(Damaged, match="names .* no data file"):
        log.newest(store.layout)


def naming(key: str, name: str) -> object:
    add = {"table": "runs", "path": name, "rows": 1, "bytes": 1, "min_run_id": None}
    return {"removed": {name: 1.0}, "unseen": [name], "adds": [add | {"max_run_id": None}]}[key]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["removed", "unseen", "adds"])
def test_nothing_outside_is_unlinked_whatever_a_log_names(store, victim, monkeypatch, key):
    name = "../victim.txt"
    monkeypatch.setattr(compact, "FOLD_AT", 1)
    monkeypatch.setattr(compact, "LOOK_EVERY", 1)
    store.create()
    change_log(store, lambda state: state.update({key: naming(key, name)}))
    with pytest.raises(Damaged, match="is not a readable log"):
        store.compact()
    with pytest.warns(UserWarning, match="is not a readable log"):
        store.append(frames(1))
    (finding,) = store.check().findings
    assert (finding.kind, finding.damage) == ("log", True)
    assert ascii(name)[:100] in finding.message
    if key == "adds":
        with pytest.raises(Damaged, match="is not a readable log"):
            store.ask(lambda connection: connection.execute("from runs").fetchall())
    assert victim.read_text() == "precious"
    assert store.layout.card.is_file()
    assert not store.check(repair=True).damaged
    assert store.check().findings == []
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 99},
        {"epoch": -1},
        {"epoch": "1"},
        {"grace_s": float("nan")},
        {"grace_s": -1},
        {"grace_s": "1"},
        {"removed": [f"runs/month=2026-01/c-{ID}.parquet"]},
        {"removed": {f"runs/month=2026-01/c-{ID}.parquet": "now"}},
        {"unseen": [f"runs/month=2026-01/c-{ID}.parquet"]},
        {"adds": [{"table": "runs", "path": f"equity/month=2026-01/m-00000001-{ID}.parquet"}]},
        {"adds": [{"table": "runs", "path": f"runs/month=2026-01/c-{ID}.parquet"}]},
        {"adds": [3]},
    ],
)
def test_a_log_of_other_values_is_damaged(store, change):
    store.create()
    change_log(store, lambda state: state.update(change))
    with pytest.raises(Damaged, match="is not a readable log"):
        log.newest(store.layout)


def test_the_numbers_of_epochs_end(store):
    store.append(frames(1))
    path = log.newest_path(store.layout)
    last = json.loads(path.read_bytes()) | {"epoch": 99_999_999}
    (store.layout.log / "99999999.json").write_bytes(resealed(last))
    with pytest.raises(Damaged, match="used up"):
        store.compact()
    assert not list(store.layout.log.glob("?????????*.json"))


# Links: what writes or unlinks does not follow them, what reads may.


def linked(store: Store, name: str) -> Path:
    """Put a link in place of a folder of the lake; where the folder is now."""
    real = store.path.parent / f"real-{name.replace('/', '-')}"
    os.rename(store.path / name, real)
    (store.path / name).symlink_to(real)
    return real


def listing(folder: Path) -> list[tuple[str, bytes]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files]


@pytest.fixture
def as_on_windows(monkeypatch):
    """Folders by path: Windows has no descriptors of them."""
    monkeypatch.setattr(folders, "_BY_DESCRIPTOR", False)


@pytest.mark.usefixtures("as_on_windows")
def test_nor_where_folders_have_no_descriptors(store, rows):
    test_nothing_is_written_or_unlinked_through_a_linked_folder(store, rows, "month")


@pytest.mark.parametrize("folder", ["runs", "month", "_log", "_stage", "events"])
def test_nothing_is_written_or_unlinked_through_a_linked_folder(store, rows, folder):
    made = frames(3)
    store.append(made)
    store.append_events("tag", ids(made)[:1], "x")
    store.compact(grace_s=0)
    store.append(frames(2))
    if folder == "month":
        folder = next(store.path.glob("runs/month=*")).relative_to(store.path).as_posix()
    real = linked(store, folder)
    before = listing(real)
    assert rows("select count(*) from runs") == [(5,)], "reading is not refused"
    for act in (
        lambda: store.append(frames(1)),
        lambda: store.append_events("delete", ids(made)),
        lambda: store.compact(grace_s=0),
        lambda: store.forget(ids(made)),
        lambda: store.check(repair=True),
    ):
        try:
            act()
        except LakeError as error:
            assert "link" in str(error)
        assert listing(real) == before
    assert (folder, True) in [(f.path, f.damage) for f in store.check().findings]


def test_repair_deletes_nothing_behind_a_linked_stage(store, tmp_path):
    store.append(frames(1))
    home = tmp_path / "home"
    (home / "papers").mkdir(parents=True)
    (home / "papers" / "thesis").write_text("years of work")
    (home / "letter").write_text("dear")
    long_ago = time.time() - 2 * strays.YOUNG_S
    for path in (home / "papers", home / "letter"):
        os.utime(path, (long_ago, long_ago))
    linked(store, "_stage").rename(tmp_path / "old")
    (store.path / "_stage").unlink()
    (store.path / "_stage").symlink_to(home)
    try:
        store.check(repair=True)
    except Damaged as error:
        assert "link" in str(error)
    assert len(listing(home)) == 2
    # in a stage of its own, a link goes and what it leads to stays
    (store.path / "_stage").unlink()
    (store.path / "_stage").mkdir()
    (store.path / "_stage" / "old").symlink_to(home)
    os.utime(store.path / "_stage" / "old", (long_ago, long_ago), follow_symlinks=False)
    store.check(repair=True)
    assert len(listing(home)) == 2


def test_a_lock_is_not_made_behind_a_link(store, tmp_path):
    store.append(frames(1))
    (store.path / "_stage" / "maintenance.lock").unlink(missing_ok=True)
    (store.path / "_stage" / "maintenance.lock").symlink_to(tmp_path / "made")
    with pytest.raises(Damaged, match=r"maintenance\.lock is a link"):
        store.compact()
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_nobody_waits_for_a_pipe_in_place_of_a_lock(store):
    store.append(frames(1))
    pipe = store.layout.stage / "maintenance.lock"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    script = "import sys; from bt_lake.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "--lake", str(store.path), "info"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_spilling_goes_nowhere_else(store, tmp_path):
    store.append(frames(1))
    (tmp_path / "elsewhere").mkdir()
    (store.path / "_stage" / "spill").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="spill is a link"):
        store.compact()


def test_linked_files_are_read_named_and_only_the_link_goes(store, rows):
    """Some keep big files elsewhere and link them (git-annex does)."""
    store.append(frames(2))
    path = next(store.path.glob("runs/month=*/c-*"))
    real = store.path.parent / "annexed"
    os.rename(path, real)
    path.symlink_to(real)
    content = real.read_bytes()
    assert rows("select count(*) from runs") == [(2,)]
    assert [(f.kind, f.damage) for f in store.check().findings] == [("link", False)]
    store.compact(grace_s=0)
    assert rows("select count(*) from runs") == [(2,)]
    assert not path.is_symlink()
    assert real.read_bytes() == content


def test_a_large_linked_file_is_not_taken_over(store, tmp_path, monkeypatch):
    monkeypatch.setattr(compact, "FOLD_AT", 1)
    monkeypatch.setattr(compact, "LARGE_BYTES", 1)
    store.append(frames(1))
    path = next(store.path.glob("runs/month=*/c-*"))
    os.rename(path, tmp_path / "real")
    path.symlink_to(tmp_path / "real")
    with pytest.raises(Damaged, match="not a file"):
        compact.fold(store.layout)


def test_the_lake_as_a_whole_may_be_behind_a_link(store, tmp_path):
    store.append(frames(2))
    (tmp_path / "other-disk").symlink_to(store.path)
    linked = Store(tmp_path / "other-disk")
    linked.append(frames(1))
    linked.compact(grace_s=0)
    assert linked.check().findings == []
    assert (
        len(store.ask(lambda connection: connection.execute("select run_id from runs").fetchall()))
        == 3
    )


def test_repair_rebuilds_a_log_from_files_of_strict_names_only(store, rows):
    store.append(frames(2))
    store.compact()
    month = next(store.path.glob("runs/month=*"))
    for name in ("m-evil.parquet", "c-copy (1).parquet", "m-99999999x-.parquet"):
        (month / name).write_bytes(next(month.glob("m-0*")).read_bytes())
    for path in store.layout.log.iterdir():
        path.write_text("{")
    assert not store.check(repair=True).damaged
    assert rows("select count(*) from runs") == [(2,)]
    assert (month / "m-evil.parquet").exists()
