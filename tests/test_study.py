"""A study: so many trials and no more, a holdout that no trial sees, and a rule fixed beforehand."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from test_sql_surface import rows_of, shell

import bt_lake
from bt_lake.warehouse.errors import BadInput, BudgetSpent, UnknownName

DAYS = np.datetime64("2022-01-03") + np.arange(900)


def curve(seed: int, *, drift: float = 0.0, days: int = 900) -> list[list[object]]:
    returns = np.random.default_rng(seed).normal(drift, 0.01, days)
    values = 100 * np.cumprod(1 + returns)
    return [[str(day), float(value)] for day, value in zip(DAYS[:days], values, strict=True)]


def opened(folder: Path, **given: object) -> tuple[bt_lake.Lake, object]:
    lake = bt_lake.open(folder / "lake")
    asked = {"hypothesis": "what rose goes on rising", "budget": 5, **given}
    return lake, lake.study("momentum", **asked)


def tried(lake: bt_lake.Lake, n: int, **columns: object) -> str:
    given = {"strategy": "m", "params": {"n": n}, "equity": curve(n), "study": "momentum"}
    return lake.save(**{**given, **columns})


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> bt_lake.Lake:
    """Five trials of five, with a holdout; tests that change it must say so."""
    lake, _ = opened(tmp_path_factory.mktemp("study"), holdout="2024-01-01:")
    with lake.batch() as batch:
        for n in range(5):
            batch.save(
                strategy="m",
                params={"n": n},
                equity=curve(n),
                study="momentum",
                metrics={"sharpe_ratio": 9.0, "my_score": 3.0},
            )
    return lake


def test_past_its_budget_a_study_refuses(full):
    with pytest.raises(BudgetSpent, match="spent its budget of 5 trials.*1 run is not saved"):
        tried(full, 99)
    with pytest.raises(BudgetSpent), full.record(strategy="m", study="momentum"):
        pytest.fail("what would be refused is not begun")
    assert full.study("momentum").standing.trials == 5


@pytest.mark.slow
def test_a_repeat_and_another_fold_cost_nothing(tmp_path):
    lake, study = opened(tmp_path, budget=2)
    for fold in ("1", "2"):
        for sample in ("in", "out"):
            tried(lake, 1, fold=fold, sample=sample, equity=curve(int(fold)))
    assert study.standing.trials == 1
    tried(lake, 1, fold="1", sample="in", equity=curve(1))
    assert study.standing.trials == 1
    tried(lake, 1, fold="1", sample="in", equity=curve(7))  # other figures: something was changed
    assert study.standing.trials == 2
    tried(lake, 1, fold="2", sample="out", equity=curve(8))  # the same change in another fold
    assert (study.standing.trials, study.standing.left) == (2, 0)
    with pytest.raises(BudgetSpent):
        tried(lake, 2)


def test_what_fits_goes_in_unless_all_or_nothing_was_asked(tmp_path):
    lake, study = opened(tmp_path, budget=3)
    runs = [{"strategy": "m", "params": {"n": n}, "metrics": {"sharpe_ratio": n}} for n in range(5)]
    with pytest.raises(BudgetSpent, match="5 runs are not saved"):
        lake.save(runs, study="momentum")
    assert len(lake) == 0
    with (
        pytest.raises(BudgetSpent, match="2 runs are not saved, 3 are") as spent,
        lake.batch() as b,
    ):
        for run in runs:
            b.save(run, study="momentum")
    assert len(lake) == len(spent.value.saved) == study.standing.trials == 3


@pytest.mark.slow
def test_an_overrun_is_recorded_where_it_was_asked_for(tmp_path):
    lake, study = opened(tmp_path, budget=2, overrun="record")
    for n in range(5):
        tried(lake, n)
    assert (study.standing.trials, study.standing.beyond) == (5, 3)
    assert "3 too many" in str(study)
    decided = study.decide()
    assert decided.better is None and "3 trials more than the 2" in decided.verdict


@pytest.mark.slow
def test_threads_at_once_make_exactly_as_many_trials_as_there_are(tmp_path):
    lake, study = opened(tmp_path, budget=3)
    refused: list[int] = []

    def work(worker: int) -> None:
        own = bt_lake.open(lake.path)
        for n in range(3):
            try:
                own.save(
                    strategy="m",
                    params={"n": n, "worker": worker},
                    metrics={"sharpe_ratio": n + worker / 10},
                    study="momentum",
                )
            except BudgetSpent:
                refused.append(n)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (study.standing.trials, len(lake), len(refused)) == (3, 3, 3)


@pytest.mark.thorough
@pytest.mark.parametrize("overrun", ["refuse", "record"])
def test_processes_at_once_make_exactly_as_many_trials_as_there_are(tmp_path, overrun):
    lake, study = opened(tmp_path, budget=21, overrun=overrun)
    program = (
        "import sys, bt_lake\n"
        "lake, worker, refused = bt_lake.open(sys.argv[1]), int(sys.argv[2]), 0\n"
        "for n in range(5):\n"
        "    runs = [dict(strategy='m', params={'n': n, 'w': worker, 'k': k},\n"
        "                 metrics={'sharpe_ratio': n + worker / 10 + k}) for k in range(1 + n % 2)]\n"
        "    try:\n"
        "        with lake.batch() as batch:\n"
        "            for run in runs: batch.save(run, study='momentum')\n"
        "    except bt_lake.LakeError as error:\n"
        "        refused += len(runs) - len(error.saved)\n"
        "print(refused)\n"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(lake.path), str(worker)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for worker in range(8)
    ]
    refused = sum(int(worker.communicate(timeout=120)[0]) for worker in workers)
    made = 8 * 7
    assert study.standing.trials == len(lake) == made - refused
    assert (study.standing.trials == 21) if overrun == "refuse" else refused == 0
    assert study.standing.beyond == (0 if overrun == "refuse" else made - 21)


@pytest.mark.slow
def test_forgetting_a_run_gives_no_trial_back(tmp_path):
    lake, study = opened(tmp_path, budget=2)
    first, second = (tried(lake, n) for n in range(2))
    lake.delete(first, forget=True)
    lake.delete(second)
    assert study.standing.trials == 2
    with pytest.raises(BudgetSpent):
        tried(lake, 3)


def test_what_was_fixed_does_not_change(tmp_path):
    lake, study = opened(tmp_path)
    same = lake.study("momentum", hypothesis="what rose goes on rising", budget=5)
    assert same.standing == study.standing
    with pytest.raises(BadInput, match="with budget 5: what was fixed beforehand"):
        lake.study("momentum", hypothesis="what rose goes on rising", budget=500)
    with pytest.raises(BadInput, match="with alpha 0.05: what was fixed beforehand"):
        lake.study("momentum", alpha=0.1)
    assert lake.study("momentum", budget=5).standing == study.standing
    with pytest.raises(UnknownName, match="no study 'momentun'. Did you mean momentum"):
        lake.study("momentun")
    with pytest.raises(UnknownName, match="no study 'x'"):
        tried(lake, 1, study="x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hypothesis": " "}, "say in a sentence"),
        ({"budget": 0}, "1 or more"),
        ({"budget": 2.5}, "1 or more, not 2.5"),
        ({"budget": "3"}, "1 or more"),
        ({"hypothesis": 5}, "say in a sentence"),
        ({"alpha": "x"}, "between 0 and 0.5"),
        ({"looks": None}, "looks"),
        ({"holdout": 5}, "a pair of times, not 5"),
        ({"holdout": ("2024-01-01",)}, "a pair of times"),
        ({"alpha": 1.0}, "between 0 and 0.5"),
        ({"looks": 9}, "looks"),
        ({"overrun": "ignore"}, "overrun is 'refuse' or 'record'"),
        ({"metric": "sharp"}, "no metric 'sharp'"),
        ({"holdout": "later"}, "is not a window"),
        ({"holdout": "2024-02-01:2024-01-01"}, "before it begins"),
        ({"hipothesis": "x"}, "Did you mean hypothesis"),
    ],
)
def test_a_study_that_cannot_be_is_refused(tmp_path, given, said):
    with pytest.raises(BadInput, match=said):
        opened(tmp_path, **given)
    assert not (tmp_path / "lake").exists() or bt_lake.open(tmp_path / "lake").studies().is_empty()


def test_no_trial_sees_the_holdout(full, tmp_path):
    """The numbers are those of a run that ended the day before."""
    plain = bt_lake.open(tmp_path / "plain")
    before = curve(3, days=int((np.datetime64("2024-01-01") - DAYS[0]).astype(int)))
    plain.save(strategy="m", params={"n": 3}, equity=before)
    numbers = [c for c in plain.runs().columns if plain.runs()[c].dtype.is_numeric()]
    own = full.runs(params={"n": 3}).select(numbers)
    assert own.rows() == plain.runs().select(numbers).rows()
    assert full.sql("select max(ts)::date::varchar as last from equity")["last"][0] == "2023-12-31"
    told = full.sql(
        "select reported, extra from runs where reported is not null or extra is not null"
    )
    assert told.is_empty(), "what the source claims may be of the holdout"
    assert "sealed" not in full.runs().columns


def test_trades_of_the_holdout_are_put_away_too(tmp_path):
    lake, _ = opened(tmp_path, holdout="2024-01-01:")
    dates = [("2023-05-01", "2023-06-01"), ("2023-12-01", "2024-01-01"), ("2024-02-01", None)]
    run = tried(lake, 1, trades=[{"entry_at": a, "exit_at": b, "pnl": 1.0} for a, b in dates])
    assert lake.trades(run)["exit_at"].dt.date().cast(str).to_list() == ["2023-06-01"]
    assert lake.runs()["total_trades"].to_list() == [1]


def test_texts_of_trades_stay_with_their_trades_at_a_holdout(tmp_path):
    lake, _ = opened(tmp_path, holdout="2024-01-01:")
    ends = ["2023-06-01", "2024-01-05", "2023-07-03", "2024-02-01", "2023-08-01"]
    trades = [
        {"entry_at": "2023-05-01", "exit_at": end, "pnl": 1.0, "exit_reason": end, "mine": end}
        for end in ends
    ]
    kept = lake.trades(tried(lake, 1, trades=trades))
    assert kept["exit_reason"].to_list() == sorted(end for end in ends if end < "2024")
    assert [json.loads(text)["mine"] for text in kept["extra"]] == kept["exit_reason"].to_list()


def test_what_is_open_in_the_holdout_is_valued_there(tmp_path):
    lake, _ = opened(tmp_path, holdout="2024-01-01:")
    trades = [{"entry_at": "2023-05-01", "pnl": 777.0, "mfe": 888.0}]
    assert lake.trades(tried(lake, 1, trades=trades)).is_empty()
    ended = tried(lake, 2, trades=trades, equity=curve(2, days=500))
    assert lake.trades(ended)["mfe"].to_list() == [888.0]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"equity": [["2024-01-05", 1.0], ["2024-01-06", 2.0]]}, "this curve begins after that"),
        ({"equity": None, "metrics": {"sharpe_ratio": 2}}, "say that it ended before"),
        ({"trades": [{"pnl": 1.0}]}, "a trade without entry_at and exit_at"),
    ],
)
def test_what_cannot_be_cut_is_refused(tmp_path, columns, said):
    lake, study = opened(tmp_path, holdout="2024-01-01:")
    with pytest.raises(BadInput, match=said):
        tried(lake, 1, **columns)
    tried(lake, 1, equity=None, metrics={"sharpe_ratio": 2.0}, end_at="2023-12-29")
    assert study.standing.trials == 1


@pytest.mark.slow
def test_a_candidate_sees_the_holdout_once_and_on_record(tmp_path):
    lake, study = opened(tmp_path, holdout="2024-01-01:2024-03-31")
    ids = [tried(lake, n) for n in range(3)]
    seen = study.look(ids[1])
    plain = bt_lake.open(tmp_path / "plain")
    inside = [each for each in curve(1) if "2024-01-01" <= each[0] <= "2024-03-31"]
    base = next(each[1] for each in curve(1) if each[0] == "2023-12-31")
    plain.save(strategy="m", equity=inside, initial_capital=base)
    row = plain.runs()
    for name in ("sharpe_ratio", "total_return", "max_drawdown", "n_returns"):
        assert seen[name] == pytest.approx(row[name][0]), name
    assert 0 < seen["p"] < 1
    assert study.look(ids[1][-8:]) == seen  # as it was, and not counted again
    assert study.standing.looked == 1
    with pytest.raises(BadInput, match=f"allows 1 candidate to see its holdout, and {ids[1]} did"):
        study.look(ids[0])
    assert [act.act for act in study.acts] == ["open", "look"]


@pytest.mark.slow
def test_a_decision_is_for_ever(tmp_path):
    lake, study = opened(tmp_path, holdout="2024-01-01:")
    ids = [tried(lake, n) for n in range(2)]
    with pytest.raises(BadInput, match="nobody has looked"):
        study.decide()
    p = study.look(ids[0])["p"]
    decided = study.decide()
    assert decided.better == (p <= 0.05) and decided.verdict in str(study).replace("\n", " ")
    with pytest.raises(BadInput, match="it was decided"):
        study.decide()
    with pytest.raises(BudgetSpent, match="takes no more trials"):
        tried(lake, 9)
    tried(lake, 1)  # again, with the same figures
    with pytest.raises(BadInput, match="nobody looks"):
        study.look(ids[1])


@pytest.mark.slow
def test_trials_that_are_still_to_come_are_counted(tmp_path):
    """So looking early, or stopping early, makes nothing good."""
    lake, few = opened(tmp_path, budget=3)
    for n in range(3):
        tried(lake, n)
    many = lake.study("many", hypothesis="x", budget=3_000)
    lake.save(
        [{"strategy": "m", "params": {"n": n}, "equity": curve(n)} for n in range(3)], study="many"
    )
    now, later = few.best, many.best
    assert later.p > now.p and later.luck > now.luck
    assert now.p == pytest.approx(lake.overfit(study="momentum").search.p)


@pytest.mark.slow
def test_the_rule_goes_by_the_metric_that_was_fixed(tmp_path):
    lake, study = opened(tmp_path, metric="total_return")
    calm = tried(lake, 1, equity=[[d, 100 + v / 100] for d, v in curve(1, drift=0.003)])
    wild = tried(lake, 2, equity=curve(2, drift=0.001))
    assert lake.overfit(study="momentum").best.run_id == calm
    assert study.best.run_id == wild


@pytest.mark.slow
def test_a_study_without_trials_is_shown_and_decided(tmp_path):
    _, study = opened(tmp_path)
    assert study.best is None and "0 of 5 used, 5 left" in str(study)
    assert study.decide().better is False


@pytest.mark.slow
def test_sql_knows_studies_here_and_in_the_plain_shell(full):
    asked = 'select study, budget, trials, "left", looks, looked from studies'
    assert rows_of(shell(full.path, asked)) == [["momentum", "5", "5", "0", "1", "0"]]
    asked = "select number, status from study_trials order by number limit 2"
    assert rows_of(shell(full.path, asked)) == [["1", "ok"], ["2", "ok"]]
    assert full.studies()["trials"].to_list() == [5]


@pytest.mark.slow
def test_a_lake_that_takes_in_another_has_its_studies(full, tmp_path):
    other = bt_lake.open(tmp_path / "other")
    other.merge(full.path)
    assert other.study("momentum").standing == full.study("momentum").standing
    again = bt_lake.open(tmp_path / "again")
    again.ingest(full.path)
    again.compact(grace_s=0)
    assert again.study("momentum").standing.trials == 5
    assert not again.check(deep=True).damaged


@pytest.mark.slow
def test_an_export_to_a_lake_takes_its_study_along(tmp_path):
    lake, study = opened(tmp_path, budget=2, holdout="2024-01-01:")
    run = tried(lake, 1)
    tried(lake, 2)
    study.look(run)
    for _ in range(2):  # again, nothing twice
        lake.export(tmp_path / "copy", curves=True)
    copy = bt_lake.open(tmp_path / "copy")
    assert copy.study("momentum").standing == study.standing
    assert copy.study("momentum").acts == study.acts
    with pytest.raises(BudgetSpent):
        tried(copy, 3)


@pytest.mark.slow
def test_a_sweep_runs_nothing_that_its_study_would_refuse(tmp_path):
    program = tmp_path / "s.py"
    program.write_text(
        "def run(n: int):\n    return {'metrics': {'sharpe_ratio': n / 10}, 'strategy': 's'}\n"
    )
    lake, study = opened(tmp_path, budget=3)
    with pytest.raises(BudgetSpent, match="has 3 of 3 trials left, and this is 4: narrow the grid"):
        lake.run_sweep(f"{program}:run", {"n": [1, 2, 3, 4]}, study="momentum", jobs=1)
    assert len(lake) == 0
    lake.run_sweep(f"{program}:run", {"n": [1, 2, 3]}, study="momentum", jobs=1)
    lake.run_sweep(f"{program}:run", {"n": [1, 2, 3]}, study="momentum", jobs=1)  # all there
    assert (len(lake), study.standing.left) == (3, 0)
    with pytest.raises(BudgetSpent):
        lake.run_once(f"{program}:run", params={"n": 9}, study="momentum")
    lake.run_sweep(f"{program}:run", {"n": [1]}, jobs=1)  # outside of the study it is another
    assert len(lake) == 4


def test_files_are_taken_into_a_study(tmp_path):
    lake, study = opened(tmp_path, budget=1, holdout="2024-01-01:")
    (tmp_path / "a.json").write_text(json.dumps({"strategy": "m", "equity": curve(1)}))
    (tmp_path / "b.json").write_text(json.dumps({"strategy": "m", "equity": curve(2)}))
    lake.ingest(tmp_path / "a.json", study="momentum")
    lake.ingest(tmp_path / "a.json", study="momentum")
    with pytest.raises(BudgetSpent):
        lake.ingest(tmp_path / "b.json", study="momentum")
    assert (study.standing.trials, len(lake)) == (1, 1)


def test_a_file_that_shows_the_holdout_alone_is_named(tmp_path):
    lake, study = opened(tmp_path, holdout="2024-01-01:")
    good = {"strategy": "m", "params": {"n": 1}, "equity": curve(1)}
    late = {"strategy": "m", "params": {"n": 2}, "equity": [["2024-02-01", 1.0], ["2024-02-02", 2]]}
    (tmp_path / "some.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(late)}\n")
    with pytest.raises(bt_lake.LakeError, match=r"some.jsonl:2: .*begins after that"):
        lake.ingest(tmp_path / "some.jsonl", study="momentum")
    assert study.standing.trials == 0
    report = lake.ingest(tmp_path / "some.jsonl", study="momentum", on_error="skip")
    assert (len(report.added), len(report.failed)) == (1, 1)
