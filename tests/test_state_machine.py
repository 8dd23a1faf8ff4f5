"""Any sequence of writes and maintenance, against a plain model in memory."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from factory import frames, ids
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from bt_lake.warehouse import compact
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store


class LakeMachine(RuleBasedStateMachine):
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store(self.folder / "lake")
        self.store.create()
        self.model: dict[str, dict] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _save(self, count: int, points: int, trades: int):
        made = frames(count, points=points, trades=trades)
        self.store.append(made)
        for run_id in ids(made):
            self.model[run_id] = {
                "points": points, "trades": trades, "tags": [], "notes": [], "deleted": False,
            }  # fmt: skip
        return ids(made)

    @rule(target=runs, points=st.integers(1, 4), trades=st.integers(0, 3))
    def save(self, points, trades):
        return self._save(1, points, trades)[0]

    @rule(target=runs, count=st.integers(2, 6), points=st.integers(1, 3))
    def save_batch(self, count, points):
        return multiple(*self._save(count, points, 1))

    @rule(target=runs, points=st.integers(1, 3))
    def save_batch_of_unlike_runs(self, points):
        """One run with a curve, one without, in one commit."""
        full, bare = frames(1, points=points, trades=1), frames(1, points=0, trades=0)
        runs = pa.concat_tables([full.runs, bare.runs])
        self.store.append(Frames(runs, full.equity, full.trades))
        for made, size in ((full, (points, 1)), (bare, (0, 0))):
            self.model[ids(made)[0]] = {
                "points": size[0], "trades": size[1], "tags": [], "notes": [], "deleted": False,
            }  # fmt: skip
        return multiple(*ids(full), *ids(bare))

    @rule(run=runs)
    def save_again(self, run):
        """What is in stays as it is; what was forgotten comes back."""
        result = self.store.append_new(frames(points=2, trades=0, run_ids=[run]))
        assert result.already == ([run] if run in self.model else [])
        if run not in self.model:
            self.model[run] = {
                "points": 2, "trades": 0, "tags": [], "notes": [], "deleted": False,
            }  # fmt: skip

    @rule(run=runs, tag=st.sampled_from(["a", "b"]), add=st.booleans())
    def tag(self, run, tag, add):
        if run not in self.model:
            return
        self.store.append_events("tag" if add else "untag", [run], tag)
        tags = self.model[run]["tags"]
        if tag in tags:
            tags.remove(tag)
        if add:
            tags.append(tag)

    @rule(run=runs, text=st.sampled_from(["one", "two"]))
    def note(self, run, text):
        if run in self.model:
            self.store.append_events("note", [run], text)
            self.model[run]["notes"].append(text)

    @rule(run=runs, hide=st.booleans())
    def delete_or_restore(self, run, hide):
        if run in self.model:
            self.store.append_events("delete" if hide else "restore", [run])
            self.model[run]["deleted"] = hide

    @rule(run=runs)
    def forget(self, run):
        self.store.forget([run])
        self.model.pop(run, None)

    @rule(run=runs, points=st.integers(1, 4))
    def replace(self, run, points):
        if run in self.model and not self.model[run]["deleted"]:
            self.store.compact()
            self.store.replace(frames(points=points, trades=1, run_ids=[run]))
            self.model[run] |= {"points": points, "trades": 1, "tags": [], "notes": []}

    @rule(grace_s=st.sampled_from([0.0, 60.0]))
    def compact(self, grace_s):
        self.store.compact(grace_s=grace_s)
        for run in self.model.values():
            if run["deleted"]:
                run["points"] = run["trades"] = 0

    @rule()
    def fold(self):
        compact.fold(self.store.layout)

    @rule()
    def reopen(self):
        self.store = Store(self.store.path)

    @invariant()
    def the_lake_is_the_model(self):
        found = self.store.ask(
            lambda c: c.execute(
                """
                select t.run_id, coalesce(e.n, 0), coalesce(d.n, 0), coalesce(t.tags, []),
                  t.notes, t.deleted_at is not null
                from trials t
                left join (select run_id, count(*) n from equity group by 1) e using (run_id)
                left join (select run_id, count(*) n from trades group by 1) d using (run_id)
                order by 1
                """
            ).fetchall()
        )
        expected = [
            (
                run_id,
                0 if run["deleted"] else run["points"],
                0 if run["deleted"] else run["trades"],
                run["tags"],
                "\n".join(run["notes"]) or None,
                run["deleted"],
            )
            for run_id, run in sorted(self.model.items())
        ]
        assert found == expected


TestLake = LakeMachine.TestCase
TestLake.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
TestLake = pytest.mark.thorough(pytest.mark.filterwarnings("error")(TestLake))
