"""A certificate holds until somebody touches what it says, and says what was touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import bt_lake
from bt_lake.cli.main import run as cli
from bt_lake.evidence.merkle import leaf, root
from bt_lake.warehouse.errors import BadInput, NotFound

DAYS = np.datetime64("2022-01-03") + np.arange(80)


def document(n: int, seed: int | None = None) -> dict[str, object]:
    rng = np.random.default_rng(n if seed is None else seed)
    values = (100 * np.cumprod(1 + rng.normal(0.001, 0.01, DAYS.size))).tolist()
    return {
        "run_id": f"run{n}",
        "strategy": "m",
        "params": {"n": n},
        "equity": {"ts": [str(day) for day in DAYS], "equity": values},
        "trades": [{"entry_at": "2022-01-04", "exit_at": "2022-01-09", "pnl": 1.0 + n}],
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of four trials, compacted, and a certificate of one; never written to."""
    folder = tmp_path_factory.mktemp("certify")
    lake = bt_lake.open(folder / "lake")
    lake.save([document(n) for n in range(4)])
    lake.compact(grace_s=0)
    lake.certify("run2").save(folder / "run.json")
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> bt_lake.Lake:
    return bt_lake.open(shutil.copytree(made / "lake", tmp_path / "lake"))


def said(lake: bt_lake.Lake, certificate: Path) -> str:
    found = lake.verify(certificate)
    assert not found.holds
    return str(found)


@pytest.mark.slow
def test_it_holds_where_nothing_was_touched(made, own):
    found = own.verify(made / "run.json")
    assert found.holds, str(found)
    assert (
        own.certify("run2").to_dict()["family"]
        == json.loads((made / "run.json").read_text())["family"]
    )
    assert "run2" in (made / "run.md").read_text()
    own.compact(grace_s=0)
    own.delete("run1")  # hidden, and a trial still
    assert own.verify(made / "run.json").holds
    assert (made / "run.json").stat().st_size < 8_000


def test_a_report_that_differs_by_a_deletion_says_so(made, own):
    best = json.loads((made / "run.json").read_text())["report"]["best"]
    own.delete(best)
    told = said(own, made / "run.json")
    assert "best of the report is" in told and "1 trial of the family is deleted" in told


def test_a_trial_that_was_added_shows(made, own):
    own.save(document(9))
    assert "1 run was added to the family since" in said(own, made / "run.json")


def test_a_trial_that_was_removed_shows(made, own):
    own.delete("run1", forget=True)
    told = said(own, made / "run.json")
    assert "of the family removed: run1" in told
    assert "trials of the report is 3, not 4" in told


def test_the_run_that_was_removed_shows(made, own):
    own.delete("run2", forget=True)
    assert "run run2 is not in the lake any more" in said(own, made / "run.json")


def rewritten(lake: bt_lake.Lake, table: str, column: str, run_id: str, value: object) -> None:
    """A file of the lake, changed by hand."""
    path = next(lake.path.glob(f"{table}/month=*/m-*.parquet"))
    found = pq.read_table(path)
    place = found.column_names.index(column)
    values = found[column].to_pylist()
    for row, owner in enumerate(found["run_id"].to_pylist()):
        if owner == run_id:
            values[row] = value
            break
    field = found.schema.field(place)
    changed = found.set_column(place, field, [type_of(values, field.type)])
    pq.write_table(changed, path)


def type_of(values: list[object], kind: object):
    import pyarrow as pa

    return pa.array(values, kind)


@pytest.mark.parametrize(
    ("table", "column", "run_id", "value", "told"),
    [
        ("runs", "sharpe_ratio", "run2", 9.0, "sharpe_ratio of the run is 9.0"),
        ("runs", "params_hash", "run1", "0" * 32, "of the family changed: run1"),
        ("runs", "total_return", "run3", 5.0, "of the family changed: run3"),
        ("runs", "code_hash", "run2", "f" * 8, "code_hash of the run is ffffffff, not None"),
        ("equity", "equity", "run2", 500.0, "the curve of the run is not what was certified"),
        ("equity", "equity", "run3", 500.0, "luck of the report is"),
        ("trades", "pnl", "run2", 99.0, "the trades of the run are not what was certified"),
    ],
)
def test_what_was_changed_by_hand_shows(made, own, table, column, run_id, value, told):
    if column == "code_hash":
        value = "f" * 8
        path = next(own.path.glob("runs/month=*/m-*.parquet"))
        if column not in pq.read_schema(path).names:
            own.delete("run2", forget=True)
            own.save({**document(2), "code_hash": value})
            assert told in said(own, made / "run.json")
            return
    rewritten(own, table, column, run_id, value)
    assert told in said(bt_lake.open(own.path), made / "run.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["run"]["metrics"].update(sharpe_ratio=3.0),
        lambda told: told["family"].update(root="0" * 64),
        lambda told: told["report"].update(verdict="It is good."),
        lambda told: told.update(made_at="2020-01-01T00:00:00+00:00"),
    ],
)
def test_a_certificate_that_was_changed_shows(made, own, tmp_path, change):
    told = json.loads((made / "run.json").read_text())
    change(told)
    (tmp_path / "forged.json").write_text(json.dumps(told))
    assert "the certificate itself was changed" in said(own, tmp_path / "forged.json")


@pytest.mark.slow
def test_one_of_a_study_goes_by_the_study(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.study("s", hypothesis="x", budget=5)
    lake.save([{**document(n), "study": "s"} for n in range(2)])
    lake.save(document(3))
    assert lake.certify("run1").to_dict()["family"]["filters"] == {"study": "s"}
    assert lake.certify("run1", "strategy").to_dict()["family"]["runs"] == 3
    with pytest.raises(BadInput, match="run3 has no study"):
        lake.certify("run3", "study")


@pytest.mark.parametrize(
    ("place", "part"),
    [("run", 5), ("run", {}), ("family", []), ("family", {"filters": {}}), ("report", None)],
)
def test_a_certificate_without_its_parts_is_refused(made, own, tmp_path, place, part):
    told = json.loads((made / "run.json").read_text())
    (tmp_path / "odd.json").write_text(json.dumps({**told, place: part}))
    with pytest.raises(BadInput, match="certificate"):
        own.verify(tmp_path / "odd.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bt_lake_certificate": 9}', "\0"])
def test_what_is_no_certificate_is_refused(own, tmp_path, text):
    (tmp_path / "no.json").write_text(text)
    with pytest.raises(BadInput, match="certificate"):
        own.verify(tmp_path / "no.json")
    with pytest.raises(NotFound):
        own.verify(tmp_path / "nowhere.json")


@pytest.mark.slow
def test_the_command_writes_and_verifies(made, own, tmp_path, capsys):
    at = ["--lake", str(own.path), "certify"]
    assert cli([*at, "run2", "-o", str(tmp_path / "c.json")]) == 0
    assert cli([*at, "--verify", str(tmp_path / "c.json")]) == 0
    assert "holds." in capsys.readouterr().out
    own.delete("run1", forget=True)
    assert cli([*at, "--verify", str(tmp_path / "c.json")]) == 4
    assert "\n- of the family removed: run1\n" in capsys.readouterr().out
    assert cli(at) == 2


def test_a_root_is_that_of_these_leaves_in_this_order():
    leaves = [leaf(n) for n in range(7)]
    assert len({root(leaves[:n]) for n in range(8)}) == 8
    assert root(leaves) != root([leaves[1], leaves[0], *leaves[2:]])
    assert root(leaves) != root([*leaves, leaves[-1]])
    assert root([leaf("a")]) == leaf("a").hex()
