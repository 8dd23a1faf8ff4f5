"""Two to four copies of one lake, with everything that happens to lakes in a year, in any order."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import second_writer
from factory import START, frames, ids
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bt_lake.warehouse import commit, compact
from bt_lake.warehouse import ids as made
from bt_lake.warehouse.copies import backups
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.store import Store

COPIES = st.integers(0, 3)


class CopiesOfALake(RuleBasedStateMachine):
    """At the end a merge of all has every acknowledged run once, with its curve and trades."""

    @initialize(count=st.integers(2, 4))
    def begin(self, count: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.umask = os.umask(0o022)
        self.ahead = 0.0
        self.saved: dict[str, tuple[int, int]] = {}
        self.tagged: dict[str, str] = {}
        self.deleted: dict[str, bool] = {}  # of runs that ever were: whether they are now
        made.time = time
        first = Store(self.folder / "0")
        first.create()
        self.paths = [first.path]
        for number in range(1, count):
            self.paths.append(Path(shutil.copytree(first.path, self.folder / str(number))))

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.all_is_there_once()
        finally:
            os.umask(self.umask)
            shutil.rmtree(self.folder)

    def store(self, place: int) -> Store:
        return Store(self.paths[place % len(self.paths)])

    @rule(place=COPIES, points=st.integers(1, 3), trades=st.integers(0, 2), count=st.integers(1, 3))
    def save(self, place, points, trades, count):
        new = frames(count, points=points, trades=trades)
        self.store(place).append(new)
        self.saved |= dict.fromkeys(ids(new), (points, trades))

    @rule(place=COPIES)
    def tag(self, place):
        store = self.store(place)
        there = sorted(store.known(self.saved))
        if there:
            tag = f"t{len(self.tagged)}"
            store.append_events("tag", there[-1:], tag)
            self.tagged[tag] = there[-1]

    @rule(place=COPIES, points=st.integers(0, 3), trades=st.integers(0, 2))
    def an_older_version_saves(self, place, points, trades):
        """Its commits say neither what belongs to them nor what bytes they have."""
        new = frames(1, points=points, trades=trades)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(commit, "new_commit_id", lambda children: made.uuid7().hex)
            patch.setattr(commit, "encoded", _without_marks)
            self.store(place).append(new)
        self.saved |= dict.fromkeys(ids(new), (points, trades))

    @rule(place=COPIES, points=st.integers(0, 3))
    def another_implementation_saves(self, place, points):
        curve = [{"ts": START + timedelta(days=n), "equity": 1.0 + n} for n in range(points)]
        run_id = second_writer.append(self.store(place).path, {"strategy": "other"}, curve)
        self.saved[run_id] = (points, 0)

    @rule(place=COPIES, at=st.integers(0, 20))
    def delete_or_restore(self, place, at):
        store = self.store(place)
        there = sorted(store.known(self.saved))
        if there:
            run_id = there[at % len(there)]
            self.deleted[run_id] = not self.deleted.get(run_id, False)
            store.append_events("delete" if self.deleted[run_id] else "restore", [run_id])

    @rule(place=COPIES, grace_s=st.sampled_from([None, 0.0, 60.0]))
    def compact(self, place, grace_s):
        self.store(place).compact(grace_s=grace_s)

    @rule(place=COPIES)
    def fold(self, place):
        compact.fold(self.store(place).layout)

    @rule(one=COPIES, other=COPIES)
    def merge(self, one, other):
        if one % len(self.paths) != other % len(self.paths):
            self.store(one).merge(self.store(other).path)

    @rule(place=COPIES, keep=st.sampled_from([None, 1, 2]))
    def backup(self, place, keep):
        self.store(place).backup(self.folder / "backups", keep=keep)

    @rule(place=COPIES)
    def a_disk_dies_and_the_backup_is_there(self, place):
        """Restored from the newest backup; what was saved since is in the copies, or set aside."""
        target = self.folder / "backups"
        if not target.is_dir() or not backups(target):
            return
        path = self.paths[place % len(self.paths)]
        aside = self.folder / f"aside-{len(self.paths)}-{time.monotonic_ns()}"
        path.rename(aside)
        Store(path).recover(target)
        Store(path).merge(aside)

    @rule(place=COPIES, other=COPIES)
    def a_copy_is_put_over_another(self, place, other):
        """As rsync without --delete, or a sync program, does: names are never replaced."""
        source, target = self.store(other).path, self.store(place).path
        if source == target:
            return
        for file in source.rglob("*.parquet"):
            mine = target / file.relative_to(source)
            if "_stage" not in file.parts and not mine.exists():
                mine.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, mine)

    @rule(place=COPIES, table=st.sampled_from(["equity", "trades", "runs"]))
    def a_folder_is_away_for_a_moment(self, place, table):
        store = self.store(place)
        away = self.folder / "away"
        store.layout.table(table).rename(away)
        try:
            for act in (store.compact, lambda: store.append_new(frames(1)), lambda: store.check()):
                try:
                    done = act()
                    if hasattr(done, "added"):
                        self.saved |= dict.fromkeys(done.added, (5, 2))
                except LakeError:
                    pass
        finally:
            self._bring_back(away, store.layout.table(table))

    def _bring_back(self, away: Path, home: Path) -> None:
        if home.exists():
            for file in home.rglob("*.parquet"):
                back = away / file.relative_to(home)
                back.parent.mkdir(parents=True, exist_ok=True)
                file.rename(back)
            shutil.rmtree(home)
        away.rename(home)

    @rule(umask=st.sampled_from([0o022, 0o002, 0o077]))
    def another_user(self, umask):
        os.umask(umask)

    @rule(days=st.sampled_from([-400, -1, 0, 1]))
    def a_clock_jumps(self, days):
        self.ahead = days * 86_400.0
        made.time = _Clock(self.ahead)

    @rule(place=COPIES)
    def check(self, place):
        self.store(place).check()

    def all_is_there_once(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            last = self.store(0)
            for path in [*self.paths[1:], self.paths[0]]:
                last.merge(path)
            last.check(repair=True)  # what was merged and then copied file by file is there twice
            again = last.merge(self.paths[-1])
        assert not again.changed, again
        found = last.ask(
            lambda c: c.execute(
                """
                select t.run_id, coalesce(e.n, 0), coalesce(d.n, 0), coalesce(t.tags, []),
                  t.deleted_at is not null
                from trials t
                left join (select run_id, count(*) n from lake_curves group by 1) e using (run_id)
                left join (select run_id, count(*) n from lake_trade_rows group by 1) d using (run_id)
                """
            ).fetchall()
        )
        assert len(found) == len({row[0] for row in found}), "a run is there twice"
        whole = {row[0]: row[1:3] for row in found}
        for run_id in self.deleted:  # a compaction may have dropped the curve and the trades
            assert all(
                n in (0, all_) for n, all_ in zip(whole[run_id], self.saved[run_id], strict=True)
            )
            whole[run_id] = self.saved[run_id]
        assert whole == self.saved
        assert {row[0]: row[4] for row in found if row[0] in self.deleted} == self.deleted
        tags = {row[0]: row[3] for row in found}
        assert all(tag in tags[run_id] for tag, run_id in self.tagged.items())


def _without_marks(name: str, table: pa.Table, children: object = None) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, store_schema=False)
    return sink.getvalue().to_pybytes()


class _Clock:
    """The clock of a machine that is wrong, for the ids of commits and runs."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_ns = int(ahead_s * 1e9)

    def time_ns(self) -> int:
        return time.time_ns() + self._ahead_ns
