"""A curve of any form is the same curve."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput, LakeError

DAYS = ["2024-01-02T14:30:00Z", "2024-01-03T14:30:00Z", "2024-01-04T14:30:00Z"]
EQUITY = [100.0, 110.5, 99.25]
INDEX = pd.DatetimeIndex(pd.to_datetime(DAYS))
COLUMNS = {"ts": DAYS, "equity": EQUITY, "cash": [100.0, None, 50.0], "exposure": [0, 0.5, 1]}
FRAME = pd.DataFrame({"equity": EQUITY}, index=INDEX)

FORMS = {
    "columns": {"ts": DAYS, "equity": EQUITY},
    "pairs": list(zip(DAYS, EQUITY, strict=True)),
    "lists": [list(point) for point in zip(DAYS, EQUITY, strict=True)],
    "objects": [{"ts": t, "equity": e} for t, e in zip(DAYS, EQUITY, strict=True)],
    "values and times": (EQUITY, DAYS),
    "numpy and index": (np.array(EQUITY), INDEX),
    "numpy and whole seconds": (
        np.array(EQUITY),
        INDEX.tz_localize(None).to_numpy().astype("M8[s]"),
    ),
    "numpy and nanoseconds": (np.array(EQUITY), INDEX.as_unit("ns").asi8),
    "seconds": {"ts": INDEX.as_unit("s").asi8.tolist(), "equity": EQUITY},
    "tuples": tuple(zip(INDEX, EQUITY, strict=True)),
    "pandas series": pd.Series(EQUITY, INDEX, name="Equity"),
    "pandas series in New York": pd.Series(EQUITY, INDEX.tz_convert("America/New_York")),
    "pandas series without zone": pd.Series(EQUITY, INDEX.tz_localize(None)),
    "pandas frame": FRAME,
    "pandas frame with ts": FRAME.rename_axis("ts").reset_index(),
    "polars frame": pl.DataFrame({"ts": INDEX, "equity": EQUITY}),
    "polars lazy frame": pl.LazyFrame({"ts": INDEX, "equity": EQUITY}),
    "arrow table": pa.table({"ts": pa.array(INDEX), "equity": EQUITY}),
    "arrow floats": pa.table({"ts": DAYS, "equity": pa.array(EQUITY, pa.float32())}),
    "mapping of arrays": {"ts": INDEX.to_numpy(), "equity": np.array(EQUITY)},
    "numbers of several types": {"ts": DAYS, "equity": [100, np.float32(110.5), Decimal("99.25")]},
}


def points(frames) -> list[tuple]:
    rows = frames.equity.to_pylist()
    return [(row["ts"].isoformat(), row["equity"]) for row in rows]


SAME = [(day.replace("Z", "+00:00"), value) for day, value in zip(DAYS, EQUITY, strict=True)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_is_the_same_curve(form):
    assert points(assemble([Run("s", equity=form)])) == SAME


def test_all_forms_in_one_batch():
    frames = assemble([Run("s", equity=form) for form in FORMS.values()])
    assert points(frames) == SAME * len(FORMS)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_is_a_curve(tmp_path, suffix):
    path = tmp_path / f"curve.{suffix}"
    frame = pl.DataFrame({"ts": DAYS, "equity": EQUITY})
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    assert points(assemble([Run("s", equity=path)])) == SAME
    assert points(assemble([Run("s", equity=str(path))])) == SAME


def test_two_tuples_are_two_points_or_values_and_times():
    days = tuple(DAYS[:2])
    for form in (tuple(zip(days, EQUITY, strict=False)), (tuple(EQUITY[:2]), days)):
        assert points(assemble([Run("s", equity=form)])) == SAME[:2]


def test_what_numpy_masks_is_missing():
    mask = [False, True, False]
    form = (np.ma.array(EQUITY, mask=mask), INDEX)
    assert points(assemble([Run("s", equity=form)])) == [SAME[0], SAME[2]]
    for times in (INDEX.to_numpy(), INDEX.tz_localize(None).to_numpy()):
        masked = np.ma.array(times, mask=mask)
        with pytest.raises(BadInput, match=r"equity\[1\]\.ts: the time is missing"):
            assemble([Run("s", equity=(EQUITY, masked))])


def test_more_columns_and_missing_values():
    other = {"ts": DAYS, "equity": EQUITY, "benchmark": [1.0, float("inf"), float("nan")]}
    rows = assemble([Run("s", equity=COLUMNS), Run("s", equity=other)]).equity.to_pylist()
    assert [row["cash"] for row in rows] == [100.0, None, 50.0, None, None, None]
    assert [row["exposure"] for row in rows] == [0.0, 0.5, 1.0, None, None, None]
    assert [row["benchmark"] for row in rows] == [None, None, None, 1.0, None, None]


def test_a_curve_is_sorted_and_cleaned():
    curve = {
        "ts": ["2024-01-04", "2024-01-02", "2024-01-03", "2024-01-03", "2024-01-05"],
        "equity": [4.0, 2.0, 1.0, 3.0, None],
    }
    rows = assemble([Run("s", equity=curve, duplicates="last")]).equity.to_pylist()
    assert [(row["ts"].day, row["equity"]) for row in rows] == [(2, 2.0), (3, 3.0), (4, 4.0)]


def zones(*runs: Run) -> list[str | None]:
    return assemble(runs).runs["time_zone"].to_pylist()


def test_the_curves_own_zone_is_kept():
    tokyo = pd.Series(EQUITY, INDEX.tz_convert("Asia/Tokyo"))
    utc = pd.Series(EQUITY, INDEX)
    assert zones(
        Run("s", equity=tokyo),
        Run("s", equity=utc),
        Run("s", equity=tokyo, time_zone="Europe/Berlin"),
        Run("s", equity=FORMS["pairs"], time_zone="America/New_York"),
    ) == ["Asia/Tokyo", None, "Europe/Berlin", "America/New_York"]
    with pytest.raises(BadInput, match=r"no time zone 'Europe/Berlim'.*Europe/Berlin"):
        zones(Run("s", equity=utc, time_zone="Europe/Berlim"))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"ts": ["2024-01-02", "2024-13-01"], "equity": [1, 2]}, r'equity\[1\]\.ts: "2024-13-01"'),
        ({"ts": ["2024-01-02", None], "equity": [1, 2]}, r"equity\[1\]\.ts: the time is missing"),
        ({"ts": DAYS, "equity": [1, 2, "3"]}, r'equity\[2\]\.equity: "3" is not a number'),
        ({"ts": DAYS, "equity": [1, float("inf"), 3]}, r"equity\[1\]\.equity: infinity"),
        ({"ts": DAYS, "equity": [1, 2]}, r"equity\.equity is not a column as long as"),
        ({"ts": DAYS, "equity": 1.0}, "not a column as long as"),
        ({"ts": DAYS, "equity": np.ones((3, 2))}, "not a column as long as"),
        ({"ts": [], "equity": []}, "equity is empty; leave it out"),
        ([], "equity is empty"),
        (pd.Series([], dtype=float), "equity is empty"),
        ({"ts": DAYS, "equity": [None] * 3}, "equity has no numbers"),
        ({"ts": DAYS, "equty": EQUITY}, "no column of equity 'equty'. Did you mean equity"),
        ({"equity": EQUITY}, "equity has no column `ts`"),
        (pd.Series(EQUITY), "0 is a number, not a time"),
        (np.array(EQUITY), "equity is a ndarray; give a series"),
        (17, "equity is a int"),
        ((np.array([1, 2], "m8[ns]"), DAYS[:2]), r"equity\[0\]\.equity: .* is not a number"),
        ([1.0, 2.0], r"equity\[0\] is not a pair"),
        ([["2024-01-02", 1.0], ["2024-01-03"]], r"equity\[1\] is not a pair"),
        ({"ts": DAYS, "equity": EQUITY, "cash": ["a", 1, 2]}, r"equity\[0\]\.cash: \"a\" is not"),
    ],
)
def test_what_is_no_curve_is_named(form, message):
    with pytest.raises(BadInput, match=message):
        assemble([Run("s", equity=form)])
    with pytest.raises(BadInput, match="^here: .*" + message):
        assemble([Run("s", equity=FORMS["pairs"]), Run("s", equity=form, origin="here")])


RETURNS = [
    ([-0.01, 0.02, 0.005], "equity begins at -0.01, and no account does; returns go in by"),
    ([0.0, 10.0, 5.0], "equity begins at 0, and no account does"),
    ([0.01, -0.02, 0.3], "equity goes below 0 and never reaches 1, as returns do; returns go in"),
]


@pytest.mark.parametrize(("values", "message"), RETURNS)
def test_what_is_no_account_is_refused(values, message):
    with pytest.raises(BadInput, match="^" + message):
        assemble([Run("s", equity=pd.Series(values, INDEX))])
    # in order of time, not of the rows
    backwards = pd.Series(values[::-1], INDEX[::-1])
    with pytest.raises(BadInput, match="^here: " + message):
        assemble([Run("s", equity=FRAME), Run("s", equity=backwards, origin="here")])
    vouched = assemble([Run("s", equity=pd.Series(values, INDEX), initial_capital=0.5)])
    assert [row["equity"] for row in vouched.equity.to_pylist()] == values


def test_an_account_may_go_below_zero_later():
    (_, last) = points(assemble([Run("s", equity=[[DAYS[0], 1.0], [DAYS[1], -0.5]])]))
    assert last[1] == -0.5


def test_what_is_no_file_is_named(tmp_path):
    for name, content, message in (
        ("gone.csv", None, "no such file"),
        ("bad.csv", "ts,equity\n2024-01-02,1\n2024-01-03,abc\n", "row 3, column 2: 'abc'"),
        ("short.csv", "ts,equity\n2024-01-02\n", "Expected 2 columns, got 1"),
        ("twice.csv", "ts,ts,equity\n1,1,1\n", "column 'ts' is there twice"),
        ("empty.csv", "", "Empty CSV"),
        ("cut.parquet", "PAR1 and no more", "cut.parquet: "),
        ("some.csv", "a,b\n1,2\n", "no column of equity 'a'"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_text(content)
        with pytest.raises(LakeError, match=message):
            assemble([Run("s", equity=path)])


def test_a_parquet_file_cannot_claim_endless_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("bt_lake.ingest.columns.MOST_ROWS", 2)
    pq.write_table(pa.table({"ts": DAYS, "equity": EQUITY}), tmp_path / "bomb.parquet")
    with pytest.raises(BadInput, match="at most 2 fit"):
        assemble([Run("s", equity=tmp_path / "bomb.parquet")])
