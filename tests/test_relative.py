"""Beside a benchmark, along a window, in a fall: every number against numpy or a plain loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.lake import Lake
from bt_lake.metrics.relative import NAMES, STORED, relative
from bt_lake.warehouse.errors import BadInput, NotFound

DAYS = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(700)]
seeds = st.integers(0, 2**32 - 1)


def pair(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    b = draw.normal(0.0004, 0.01, n)
    return 0.6 * b + draw.normal(0.0003, 0.006, n), b


def of(r, b, rate=0.0, year=252.0):
    return relative(r, b, np.arange(len(r)) // 21, year, rate)


@given(seeds, st.sampled_from([0.0, 0.03]))
def test_each_number_is_that_of_numpy(seed: int, rate: float):
    r, b = pair(seed)
    free = (1 + rate) ** (1 / 252) - 1
    slope_and_level = np.linalg.lstsq(np.c_[b - free, np.ones(b.size)], r - free, rcond=None)[0]
    rises, falls = b > 0, b < 0
    months = np.array([(np.prod(1 + r[n : n + 21]), np.prod(1 + b[n : n + 21])) for n in range(0, 300, 21)])  # fmt: skip
    expected = {
        "beta": slope_and_level[0],
        "alpha": slope_and_level[1] * 252,
        "correlation": np.corrcoef(r, b)[0, 1],
        "r_squared": np.corrcoef(r, b)[0, 1] ** 2,
        "tracking_error": np.std(r - b, ddof=1) * np.sqrt(252),
        "information_ratio": np.mean(r - b) / np.std(r - b, ddof=1) * np.sqrt(252),
        "treynor_ratio": np.mean(r - free) * 252 / slope_and_level[0],
        "up_capture": np.expm1(np.log1p(r[rises]).mean()) / np.expm1(np.log1p(b[rises]).mean()),
        "down_capture": np.expm1(np.log1p(r[falls]).mean()) / np.expm1(np.log1p(b[falls]).mean()),
        "benchmark_return": np.expm1(np.log1p(b).sum()),
        "excess_return": np.expm1(np.log1p(r).sum()) - np.expm1(np.log1p(b).sum()),
        "months_ahead": np.mean(months[:, 0] > months[:, 1]),
        "returns": 300,
    }
    assert tuple(expected) == NAMES
    assert of(r, b, rate) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(seeds, st.floats(0.1, 5))
def test_leverage_scales_what_it_should(seed: int, k: float):
    r, b = pair(seed)
    once, often = of(r, b), of(k * r, b)
    for name in ("beta", "alpha"):
        assert often[name] == pytest.approx(k * once[name], rel=1e-9)
    for name in ("correlation", "r_squared", "treynor_ratio"):
        assert often[name] == pytest.approx(once[name], rel=1e-9)


@given(seeds)
def test_the_order_of_returns_is_no_matter(seed: int):
    r, b = pair(seed)
    order = np.random.default_rng(seed).permutation(r.size)
    once, again = of(r, b), of(r[order], b[order])
    del once["months_ahead"], again["months_ahead"]
    assert again == pytest.approx(once, rel=1e-9)


def test_what_is_undefined_is_undefined():
    r = np.array([0.01, -0.01, 0.02, 0.0])
    flat = of(r, np.full(4, 0.001))
    assert all(np.isnan(flat[name]) for name in ("beta", "alpha", "correlation", "treynor_ratio"))
    same = of(r, r)
    assert (same["beta"], same["excess_return"]) == (pytest.approx(1), 0.0)
    assert np.isnan(same["tracking_error"]) and np.isnan(same["information_ratio"])
    few = of(r[:3], r[:3] * 2)
    assert np.isnan(few["beta"]) and few["returns"] == 3
    nothing = of(r[:0], r[:0])
    assert nothing["returns"] == 0 and all(
        np.isnan(v) for n, v in nothing.items() if n != "returns"
    )
    gone = of(np.array([0.1, -1.0, 0.0, 0.0]), np.array([0.1, 0.2, -0.1, 0.3]))
    assert gone["up_capture"] == pytest.approx(-1 / (np.prod([1.1, 1.2, 1.3]) ** (1 / 3) - 1))


def walk(seed: int, n: int = 700) -> np.ndarray:
    return 1000 * np.cumprod(1 + np.random.default_rng(seed).normal(0.0003, 0.012, n))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    """Runs 0 to 3 with a benchmark in their curves, run 4 without, run 5 without a curve."""
    lake = Lake(tmp_path_factory.mktemp("relative") / "lake")
    ids = []
    for n in range(5):
        curve = {"ts": DAYS, "equity": walk(n)}
        if n < 4:
            curve["benchmark"] = walk(100)
        capital = {"initial_capital": 1010.0} if n == 1 else {}
        ids.append(
            lake.save(strategy="s", params={"n": n}, equity=curve, periods_per_year=365, **capital)
        )
    ids.append(lake.save(strategy="s", metrics={"sharpe_ratio": 1.0}))
    return lake, ids


def test_of_runs_by_the_benchmark_in_their_curves(made):
    lake, ids = made
    frame = lake.relative([ids[0], ids[1][-8:]])
    assert frame["run_id"].to_list() == ids[:2] and set(frame["benchmark"]) == {"benchmark"}
    for n, row in enumerate(frame.to_dicts()):
        r, b = (np.diff(each) / each[:-1] for each in (walk(n), walk(100)))
        months = np.array([day.year * 12 + day.month for day in DAYS[1:]])
        expected = relative(r, b, months, 365.0)
        assert {name: row[name] for name in NAMES} == pytest.approx(expected, rel=1e-9)


def test_they_are_stored_when_a_run_is_saved(made):
    lake, ids = made
    rows = {row["run_id"]: row for row in lake.runs().to_dicts()}
    for one in lake.relative(ids[:4]).to_dicts():
        assert {n: rows[one["run_id"]][n] for n in STORED} == {n: one[n] for n in STORED}
    for run in ids[4:]:
        assert {rows[run][name] for name in STORED} == {None}
    (best,) = lake.best("information_ratio", n=1).to_dicts()
    assert best["run_id"] == max(ids[:4], key=lambda run: rows[run]["information_ratio"])


def test_many_runs_at_once_are_each_as_if_saved_alone(tmp_path):
    """With gaps in a benchmark, a capital before the curve, months of another zone."""
    gaps = np.where(np.arange(700) % 9 < 2, np.nan, walk(100))
    local = [day.astimezone(ZoneInfo("Asia/Tokyo")) for day in DAYS]
    runs = [
        {"strategy": "s", "equity": {"ts": DAYS, "equity": walk(0), "benchmark": gaps}},
        {"strategy": "s", "equity": {"ts": DAYS, "equity": walk(1)}},
        {"strategy": "s", "equity": {"ts": local, "equity": walk(2), "benchmark": walk(100)}},
        {"strategy": "s", "equity": {"ts": DAYS[:2], "equity": walk(3, 2), "benchmark": walk(4, 2)}},
        {"strategy": "s", "metrics": {"beta": 0.7}},
        {"strategy": "s", "initial_capital": 900.0, "metrics": {"beta": 9.0},
         "equity": {"ts": DAYS, "equity": walk(5), "benchmark": walk(100)}},
    ]  # fmt: skip
    lake = Lake(tmp_path / "lake")
    together = lake.save(runs)
    alone = [lake.save([run])[0] for run in runs]
    rows = {row["run_id"]: [row[name] for name in STORED] for row in lake.runs(n=None).to_dicts()}
    assert [rows[run] for run in together] == [rows[run] for run in alone]
    known = [[value is not None for value in rows[run]] for run in together]
    assert [all(one) for one in known] == [True, False, True, False, False, True]
    assert not any(known[1]) and rows[together[4]][STORED.index("beta")] == 0.7
    assert rows[together[5]][STORED.index("beta")] < 1  # computed, whatever is claimed
    assert lake.run(together[5]).row["reported"] == {"beta": 9.0}


def test_of_a_window_they_begin_with_the_last_point_before_it(made):
    lake, ids = made
    first, last = 100, 400
    found = lake.best(
        "beta", n=4, start=f"{DAYS[first]:%Y-%m-%d}", end=f"{DAYS[last]:%Y-%m-%d}"
    ).to_dicts()
    assert len(found) == 4
    months = np.array([day.year * 12 + day.month for day in DAYS[first : last + 1]])
    for row in found:
        n = ids.index(row["run_id"])
        r, b = (
            np.diff(each[first - 1 : last + 1]) / each[first - 1 : last]
            for each in (walk(n), walk(100))
        )
        expected = relative(r, b, months, 365.0)
        assert {n: row[n] for n in STORED} == pytest.approx(
            {n: expected[n] for n in STORED}, rel=1e-9
        )
    whole = lake.best("beta", n=9, start=DAYS[0] - timedelta(days=9), end=DAYS[-1])
    stored = {row["run_id"]: row["beta"] for row in lake.runs().to_dicts()}
    assert {row["run_id"]: row["beta"] for row in whole.to_dicts()} == pytest.approx(
        {run: stored[run] for run in ids[:4]}, rel=1e-9
    )


def test_recompute_fills_them_in_lakes_of_before(tmp_path):
    lake = Lake(tmp_path / "lake")
    for n in range(3):
        curve = {"ts": DAYS, "equity": walk(n)}
        lake.save(strategy="s", equity=curve | ({} if n else {"benchmark": walk(100)}))
    asked = f"select {', '.join(STORED)} from runs order by run_id"
    before = lake.sql(asked).rows()
    for path in lake.path.glob("runs/month=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        old = [name for name in (*STORED, "definitions") if name in table.column_names]
        pq.write_table(table.drop_columns(old), path)
    assert {None} == {value for row in lake.sql(asked).rows() for value in row}
    with pytest.warns(UserWarning, match="bytes"):
        assert lake.recompute() == 3
    assert lake.sql(asked).rows() == before and None not in before[0]


def test_of_runs_by_a_benchmark_that_is_named(made, tmp_path):
    lake, ids = made
    (row,) = lake.relative(ids[4], ids[0]).to_dicts()
    r, b = (np.diff(each) / each[:-1] for each in (walk(4), walk(0)))
    assert row["beta"] == pytest.approx(np.cov(r, b)[0, 1] / np.var(b, ddof=1), rel=1e-9)
    assert row["benchmark"] == f"run …{ids[0][-8:]}"
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "date,close\n"
        + "".join(f"{day:%Y-%m-%d},{v!r}\n" for day, v in zip(DAYS, walk(0).tolist(), strict=True))
    )
    (same,) = lake.relative(ids[4], prices).to_dicts()
    assert (
        same["beta"] == pytest.approx(row["beta"], rel=1e-12) and same["benchmark"] == "prices.csv"
    )
    (rate,) = lake.relative(ids[4], 0.02, rf=0.02).to_dicts()
    assert rate["beta"] is None
    assert rate["information_ratio"] == pytest.approx(
        (r - (1.02 ** (1 / 365) - 1)).mean() / r.std(ddof=1) * 365**0.5
    )


def test_who_has_no_benchmark_is_told_how_to_name_one(made):
    lake, ids = made
    with pytest.raises(NotFound, match="no benchmark in its curve: name one"):
        lake.relative(ids[4])
    with pytest.raises(NotFound, match="no equity curve"):
        lake.relative(ids[5])
    with pytest.raises(BadInput, match="rf: a rate a year is a fraction"):
        lake.relative(ids[0], rf=3)


def test_rolling_is_what_numpy_says_of_each_window(made):
    lake, ids = made
    frame = lake.rolling(ids[1], 60)
    r = np.diff(walk(1), prepend=1010.0) / np.r_[1010.0, walk(1)[:-1]]
    b = np.r_[np.nan, np.diff(walk(100)) / walk(100)[:-1]]
    assert frame.height == 700 - 59 and frame["ts"].to_list() == DAYS[59:]
    for n, row in enumerate(frame.to_dicts()):
        part, other = r[n : n + 60], b[n : n + 60]
        assert row["return"] == pytest.approx(np.prod(1 + part) - 1, rel=1e-9, abs=1e-12)
        assert row["volatility"] == pytest.approx(part.std(ddof=1) * 365**0.5, rel=1e-9)
        assert row["sharpe_ratio"] == pytest.approx(
            part.mean() / part.std(ddof=1) * 365**0.5, rel=1e-9, abs=1e-9
        )
        beta = np.cov(part, other)[0, 1] / other.var(ddof=1)
        assert row["beta"] == (None if n == 0 else pytest.approx(beta, rel=1e-9, abs=1e-9))


def test_returns_are_those_of_the_metrics(made):
    lake, ids = made
    frame = lake.returns([ids[1], ids[0], ids[5]])
    of = {run: part for (run,), part in frame.group_by("run_id", maintain_order=True)}
    assert list(of) == [ids[1], ids[0]]  # the last has no curve
    r = np.diff(walk(1), prepend=1010.0) / np.r_[1010.0, walk(1)[:-1]]
    assert of[ids[1]]["return"].to_list() == pytest.approx(r.tolist(), rel=1e-12)
    assert of[ids[1]]["ts"].to_list() == DAYS and of[ids[0]]["ts"].to_list() == DAYS[1:]
    row = lake.run(ids[0]).row
    assert of[ids[0]].height == row["n_returns"]
    assert of[ids[0]]["return"].quantile(0.05, "linear") == pytest.approx(row["var_95"])


def test_rolling_takes_half_a_year_or_a_third_of_the_run(made):
    lake, ids = made
    assert lake.rolling(ids[0]).height == 699 - 182 + 1
    assert lake.rolling([ids[0], ids[4]], 699).height == 2
    assert lake.rolling(ids[0], 5000).height == lake.rolling(ids[5]).height == 0
    assert lake.rolling(ids[4], 50)["beta"].null_count() == 650
    with pytest.raises(BadInput, match="take 4 or more"):
        lake.rolling(ids[0], 3)


def falls_of(equity, capital=None):
    """Each fall as (depth, peak, trough, back), by walking along the curve."""
    peak, at, found, now = capital or equity[0], None if capital else 0, [], None
    for n, value in enumerate(equity):
        if value >= peak:
            if now:
                found.append((*now, n))
            peak, at, now = value, n, None
        elif now is None or value / peak - 1 < now[0]:
            now = (value / peak - 1, at, n)
    return sorted([*found, *([(*now, None)] if now else [])])


def test_drawdowns_are_those_of_a_walk_along_the_curve(made):
    lake, ids = made
    for n in (0, 1):
        expected = falls_of(walk(n), 1010.0 if n == 1 else None)
        rows = lake.drawdowns(ids[n], 1000).to_dicts()
        assert len(rows) == len(expected) >= 5
        for row, (depth, peak, trough, back) in zip(rows, expected, strict=True):
            assert row["depth"] == pytest.approx(depth, rel=1e-12)
            times = [None if each is None else DAYS[each] for each in (peak, trough, back)]
            assert [row["peak_at"], row["trough_at"], row["recovered_at"]] == times
            assert row["days"] == (699 if back is None else back) - (peak or 0)
            assert row["days_down"] == trough - (peak or 0)


def test_the_deepest_is_the_one_that_the_run_tells_of(made):
    lake, ids = made
    frame = lake.drawdowns(ids[:4], 2)
    assert frame["rank"].to_list() == [1, 2] * 4
    runs = {row["run_id"]: row for row in lake.runs().to_dicts()}
    for row in frame.to_dicts()[::2]:
        run = runs[row["run_id"]]
        assert row["depth"] == pytest.approx(run["max_drawdown"], rel=1e-12)
        for name in ("peak_at", "trough_at", "recovered_at"):
            assert row[name] == run[f"drawdown_{name}"], name
    assert lake.drawdowns(ids[5]).height == 0
    with pytest.raises(BadInput, match="1 or more"):
        lake.drawdowns(ids[0], 0)
