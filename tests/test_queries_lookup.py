"""lookup and enrich: exact, in the keys' order, as the frame that came."""

from __future__ import annotations

import json
import random

import pandas as pd
import polars as pl
import pytest

from bt_lake.lake import Lake
from bt_lake.queries.lookup import STATISTICS, lookup
from bt_lake.warehouse.errors import BadInput, UnknownName

pytest_plugins = ["golden_fixtures"]

LABELS = ("strategy", "symbol", "timeframe", "exit_rule")


def fitting(golden, key):
    """The latest run that fits exactly; a failed one only where no other does."""
    fits = [row for row in golden.rows if all(row[name] == value for name, value in key.items())]
    fits.sort(key=lambda row: (row["status"] != "failed", row["created_at"], row["run_id"]))
    return fits[-1] if fits else None


def some_keys(golden, count, names):
    seed = random.randrange(10**9)
    print("seed", seed)
    rng = random.Random(seed)
    keys = [{name: rng.choice(golden.rows)[name] for name in names} for _ in range(count // 2)]
    keys += [{name: row[name] for name in names} for row in rng.choices(golden.rows, k=count)]
    rng.shuffle(keys)
    return keys


def without_nan(column: pd.Series) -> list:
    return [None if pd.isna(value) else value for value in column.tolist()]


@pytest.mark.parametrize(
    "names", [("strategy",), ("strategy", "symbol"), (*LABELS, "params"), ("params",)]
)
def test_lookup_finds_what_fits_exactly(golden, names):
    keys = some_keys(golden, 60, names)
    found = golden.lake.lookup(keys).to_dicts()
    assert len(found) == len(keys)
    for key, row in zip(keys, found, strict=True):
        want = fitting(golden, key)
        assert row["run_id"] == (want and want["run_id"])
        for name in STATISTICS:
            if want is not None and name in want:
                assert row[name] == want[name]
        for name in names:
            shown = row[name]
            if name == "params" and shown is not None:
                shown = json.loads(shown)
            assert shown == key[name]


def test_params_are_the_same_in_any_order_and_form(golden):
    row = next(r for r in golden.rows if r["params"] and len(r["params"]) > 2)
    turned = dict(reversed(row["params"].items()))
    floats = {k: float(v) if type(v) is int else v for k, v in turned.items()}
    keys = [{"params": form} for form in (row["params"], turned, floats, json.dumps(floats))]
    assert golden.lake.lookup(keys)["run_id"].n_unique() == 1
    fewer = [{"params": {"fast": row["params"]["fast"]}}]
    assert golden.lake.lookup(fewer)["run_id"].to_list() == [None]  # all of them, or none


def test_the_answer_comes_as_the_keys_came(golden):
    keys = some_keys(golden, 10, ("strategy", "symbol"))
    plain = golden.lake.lookup(keys)
    assert isinstance(plain, pl.DataFrame)
    assert golden.lake.lookup(pl.DataFrame(keys)).equals(plain)
    index = [f"r{n}" for n in range(len(keys))]
    pandas = golden.lake.lookup(pd.DataFrame(keys, index=index))
    assert isinstance(pandas, pd.DataFrame)
    assert list(pandas.index) == index
    assert without_nan(pandas["run_id"]) == plain["run_id"].to_list()
    assert golden.lake.lookup(keys[0])["run_id"].to_list() == plain["run_id"].to_list()[:1]


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_enrich_keeps_the_frame_and_adds_statistics(golden, kind):
    keys = some_keys(golden, 30, LABELS)
    frame = pl.DataFrame(keys).with_columns(price=pl.int_range(len(keys)))
    given = frame if kind == "polars" else pd.DataFrame(frame.to_dict(as_series=False))
    if kind == "pandas":
        given.index = given.index[::-1]
    found = golden.lake.enrich(given, columns=["sharpe_ratio", "my_score"])
    assert type(found) is type(given)
    assert list(found.columns) == [*frame.columns, "run_id", "sharpe_ratio", "my_score"]
    if kind == "pandas":
        assert list(found.index) == list(given.index)
        found = pl.DataFrame({name: without_nan(found[name]) for name in found})
    assert found["price"].to_list() == frame["price"].to_list()
    for key, row in zip(keys, found.to_dicts(), strict=True):
        want = fitting(golden, key)
        assert row["run_id"] == (want and want["run_id"])
        assert row["sharpe_ratio"] == (want and want["sharpe_ratio"])


def test_enrich_joins_on_what_it_is_told(golden):
    frame = pl.DataFrame({"strategy": ["momentum"], "symbol": ["no such"], "engine": ["vectorbt"]})
    assert golden.lake.enrich(frame)["run_id"].to_list() == [None]
    found = golden.lake.enrich(frame, on=["strategy", "engine"])["run_id"].item()
    assert found == fitting(golden, {"strategy": "momentum", "engine": "vectorbt"})["run_id"]


def test_a_struct_of_params_leaves_out_what_is_null(tmp_path):
    lake = Lake(tmp_path / "lake")
    a = lake.save(strategy="s", params={"fast": 1})
    b = lake.save(strategy="s", params={"fast": 1, "stop": 2.0})
    frame = pl.DataFrame({"params": [{"fast": 1, "stop": None}, {"fast": 1, "stop": 2}]})
    assert lake.enrich(frame)["run_id"].to_list() == [a, b]


@pytest.mark.slow
def test_many_keys_are_one_query(golden):
    keys = some_keys(golden, 70, ("strategy", "symbol", "params"))
    keys = (keys * 700)[:50_000]
    asked = 0
    ask = golden.lake.reader.ask

    def counted(*args, **kwargs):
        nonlocal asked
        asked += 1
        return ask(*args, **kwargs)

    golden.lake.reader.ask = counted
    try:
        found = golden.lake.lookup(keys)
    finally:
        del golden.lake.reader.ask
    assert (len(found), asked) == (50_000, 1)
    assert found["run_id"].n_unique() == golden.lake.lookup(keys[:140])["run_id"].n_unique()


def test_no_keys_no_rows(golden):
    found = golden.lake.enrich(pl.DataFrame(schema={"strategy": pl.String, "x": pl.Int64}))
    assert found.columns[:3] == ["strategy", "x", "run_id"]
    assert found.is_empty()


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ([{}], BadInput),
        ([{"symbl": "AAPL"}], UnknownName),
        ([{"sharpe_ratio": 1}], UnknownName),
        ([{"symbol": 5}], BadInput),
        ([{"params": "{not json"}], BadInput),
        (["AAPL"], BadInput),
    ],
)
def test_bad_keys_are_named(golden, keys, error):
    with pytest.raises(error):
        golden.lake.lookup(keys)


def test_enrich_overwrites_nothing(golden):
    frame = pl.DataFrame({"strategy": ["momentum"], "win_rate": [0.5]})
    with pytest.raises(BadInput, match="overwrite win_rate"):
        golden.lake.enrich(frame)
    with pytest.raises(BadInput, match="no column 'symbol'"):
        golden.lake.enrich(frame, on=["symbol"])
    with pytest.raises(BadInput, match="polars or pandas"):
        golden.lake.enrich([{"strategy": "momentum"}])
    with pytest.raises(UnknownName):
        lookup(golden.lake.reader, [{"strategy": "x"}], columns=["sharp"]).rows()


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_parameters_in_columns_of_their_own_are_part_of_the_key(tmp_path, kind):
    lake = Lake(tmp_path / "lake")
    for x in (1, 2):
        lake.save(strategy="s", params={"x": x, "n": "a"}, metrics={"sharpe_ratio": float(x)})
    lake.save(strategy="s", params={"n": "a"}, metrics={"sharpe_ratio": 3.0})
    lake.save(strategy="s", metrics={"sharpe_ratio": 4.0})
    wanted = [1.0, 2.0, 3.0, None, 4.0]

    def values(found):
        return [None if pd.isna(value) else value for value in found["sharpe_ratio"]]

    signals = kind(
        {
            "strategy": ["s"] * 5,
            "param.x": [1, 2, None, 3, None],
            "params.n": ["a", "a", "a", "a", None],
        }
    )
    names = [*signals.columns, "run_id", "sharpe_ratio"]
    for found in (
        lake.enrich(signals, columns=["sharpe_ratio"]),
        lake.enrich(signals, on=names[:3], columns=["sharpe_ratio"]),
    ):
        assert list(found.columns) == names
        assert values(found) == wanted
    found = lake.lookup(signals, columns=["sharpe_ratio"])
    assert values(found) == wanted
    for given in ({"n": "a"}, '{"n": "a"}'):
        found = lake.lookup({"param.x": 2, "params": given}, columns=["sharpe_ratio"])
        assert found["sharpe_ratio"].to_list() == [2]
    for given in ("[1]", "{"):
        with pytest.raises(BadInput, match="key 1: params is not"):
            lake.lookup({"param.x": 2, "params": given})
    found = lake.enrich(signals, on=["strategy"], columns=["sharpe_ratio"])
    assert list(found["sharpe_ratio"]) == [4.0] * 5
