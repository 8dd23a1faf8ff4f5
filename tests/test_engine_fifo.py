"""Round trips from fills: what is paired, and that no money appears or disappears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.ingest.engines.fifo import round_trips


def trips(fills: list[tuple[float, float]], **given: Any) -> dict[str, Any]:
    """Round trips of (quantity, price) fills of one symbol, a day apart."""
    at = np.datetime64("2024-01-01", "us") + np.arange(len(fills)) * np.timedelta64(1, "D")
    quantity, price = zip(*fills, strict=True)
    return round_trips(["A"] * len(fills), at, quantity, price, **given)


def test_partial_exits_take_the_oldest_lot_first() -> None:
    got = trips([(10, 100.0), (10, 110.0), (-15, 120.0), (-5, 130.0)])
    assert got["quantity"].tolist() == [10, 5, 5]
    assert got["entry_price"].tolist() == [100, 110, 110]
    assert got["exit_price"].tolist() == [120, 120, 130]
    assert got["pnl"].tolist() == [200, 50, 100]
    assert got["return"].tolist() == [0.2, 50 / 550, 100 / 550]


def test_a_reversal_closes_one_side_and_opens_the_other() -> None:
    got = trips([(10, 100.0), (-25, 90.0), (15, 80.0)])
    assert got["side"].tolist() == ["long", "short"]
    assert got["quantity"].tolist() == [10, 15]
    assert got["pnl"].tolist() == [-100, 150]


def test_open_lots_come_last_without_exit() -> None:
    got = trips([(10, 100.0), (-4, 110.0)])
    assert got["quantity"].tolist() == [4, 6]
    assert np.isnat(got["exit_at"]).tolist() == [False, True]
    assert np.isnan(got["pnl"]).tolist() == [False, True]


def test_fees_are_shared_out_by_quantity() -> None:
    got = trips([(10, 100.0), (-4, 110.0), (-6, 120.0)], fee=[5.0, 2.0, 3.0])
    assert got["fees"].tolist() == [4.0, 6.0]
    assert got["pnl"].tolist() == [36.0, 114.0]


def test_contract_multiplier_scales_the_money_not_the_return() -> None:
    got = trips([(1, 4000.0), (-1, 4040.0)], multiplier=50.0)
    assert got["pnl"].tolist() == [2000.0]
    assert got["return"].tolist() == [0.01]


def test_dust_of_rebalancing_is_no_trade() -> None:
    got = trips([(1141.45, 87.0), (-9e-13, 89.0), (2e-13, 88.0), (-1141.4499999999991, 90.0)])
    assert got["quantity"].tolist() == pytest.approx([1141.45])
    assert not np.isnat(got["exit_at"]).any()


def test_ten_thousand_round_trips_with_dust_do_not_drift() -> None:
    sizes = np.random.default_rng(3).uniform(100, 2000, 10_000)
    fills = [f for s in sizes for f in ((s, 10.0), (-s * (1 - 1e-13), 11.0))]
    got = trips(fills)
    assert len(got["pnl"]) == 10_000
    assert got["quantity"] == pytest.approx(sizes)


def test_symbols_do_not_mix_and_order_of_rows_does_not_matter() -> None:
    at = np.array(["2024-01-02", "2024-01-01", "2024-01-03", "2024-01-04"], "datetime64[us]")
    got = round_trips(["B", "A", "A", "B"], at, [5, 10, -10, -5], [50.0, 10.0, 12.0, 40.0])
    assert got["symbol"].tolist() == ["A", "B"]
    assert got["pnl"].tolist() == [20, -50]


def test_no_fills_no_trades() -> None:
    got = round_trips([], np.empty(0, "datetime64[us]"), [], [])
    assert {name: len(column) for name, column in got.items()} == dict.fromkeys(got, 0)


quantities = st.one_of(
    st.integers(-1000, 1000).map(float), st.floats(-1000, 1000).filter(lambda q: abs(q) > 1e-3)
)
fills = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        quantities.filter(bool),
        st.floats(0.01, 1000),
        st.floats(0, 10),
    ),
    max_size=60,
)


@given(fills)
def test_pnl_and_open_lots_add_up_to_the_cash_flow(
    rows: list[tuple[str, float, float, float]],
) -> None:
    symbol = [row[0] for row in rows]
    quantity, price, fee = (np.array([row[i] for row in rows]) for i in (1, 2, 3))
    at = np.datetime64("2024-01-01", "us") + np.arange(len(rows)) * np.timedelta64(1, "h")
    got = round_trips(symbol, at, quantity, price, fee=fee)

    is_open = np.isnat(got["exit_at"])
    sign = np.where(got["side"] == "long", 1.0, -1.0)
    paid = (sign * got["quantity"] * got["entry_price"] + got["fees"])[is_open].sum()
    cash = -(quantity * price).sum() - fee.sum()
    scale = np.abs(quantity * price).sum() + fee.sum() + 1
    assert abs(got["pnl"][~is_open].sum() - paid - cash) <= 1e-7 * scale
    for name in "ABC":
        mine = np.array([s == name for s in symbol], bool)
        held = (sign * got["quantity"])[is_open & (got["symbol"] == name)].sum()
        assert abs(held - quantity[mine].sum()) <= 1e-6 * (1 + np.abs(quantity[mine]).sum())
    assert (got["quantity"] > 0).all()
    assert (got["exit_at"][~is_open] >= got["entry_at"][~is_open]).all()
