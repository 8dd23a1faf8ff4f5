"""Percent or fraction: what settles it for a column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bt_lake.ingest.stores.mapping import targets
from bt_lake.ingest.stores.source import Dialect
from bt_lake.ingest.stores.survey import Survey
from bt_lake.ingest.stores.units import Decision, Unit, decide
from bt_lake.warehouse.errors import BadInput

DRAWDOWNS = [-0.12, -0.3, -0.05] * 10
IN_PERCENT = [12.0, 30.0, 0.5] * 10


def decided(
    columns: dict[str, Sequence[float]],
    *,
    units: dict[str, str] | None = None,
    dialect: Dialect | None = None,
) -> dict[str, Decision]:
    dialect = dialect or Dialect()
    values = {name: np.array(numbers, float) for name, numbers in columns.items()}
    return decide(
        targets(columns, {}, dialect.names)[0], Survey(values=values), units or {}, dialect
    )


def unit(name: str, numbers: Sequence[float], **options) -> tuple[str, bool]:
    found = decided({name: numbers}, **options)[name]
    return found.unit.value, found.guessed


def test_values_that_no_fraction_has():
    assert unit("max_drawdown", IN_PERCENT) == ("percent", False)
    assert unit("win_rate", [55.0, 48.0, 0.0]) == ("percent", False)
    assert unit("total_return", [5.0, -3.0, 12.0]) == ("percent", False)  # none loses 300 %
    assert unit("max_drawdown", DRAWDOWNS) == ("fraction", False)
    assert unit("win_rate", [0.55, 0.48]) == ("fraction", False)


def test_a_ruined_account_does_not_make_a_percentage():
    assert unit("max_drawdown", [*DRAWDOWNS, -1.4]) == ("fraction", False)
    assert unit("max_drawdown", [*IN_PERCENT, 0.1, 0.2]) == ("percent", False)


def test_names():
    assert unit("total_return_pct", [0.4, 0.9]) == ("percent", False)
    assert unit("Return [%]".replace("Return", "total return"), [45.2]) == ("percent", False)
    # So many drawdowns under 1 % there are not, whatever the name says: taken with a warning.
    assert unit("max_drawdown_pct", [0.12, 0.3] * 15) == ("fraction", True)
    assert unit("max_drawdown_pct", [0.12, 0.3]) == ("percent", False)
    assert unit("win_rate_pct", [0.55, 0.4]) == ("fraction", False)


def test_arithmetic_outdoes_names_and_documents():
    capital = {"initial_capital": [1000.0, 1000.0], "final_equity": [1200.0, 900.0]}
    found = decided({**capital, "total_return_pct": [0.2, -0.1]})["total_return_pct"]
    assert found == Decision(Unit.FRACTION, "agrees with final over initial capital in 2 of 2 rows")
    assert decided({**capital, "total_return": [200, -100]})["total_return"].unit is Unit.MONEY
    trades = {"total_trades": [40.0, 0.0], "winning_trades": [10.0, 0.0]}
    assert decided({**trades, "win_rate": [0.25, np.nan]})["win_rate"].unit is Unit.FRACTION
    # A total after fees does not follow from the capital: other evidence counts.
    off = decided({**capital, "total_return": [0.15, -0.2]})["total_return"]
    assert off.guessed


def test_documents_of_known_stores():
    percent, fraction = Dialect(percent=frozenset({"cagr"})), Dialect(fraction=frozenset({"cagr"}))
    assert unit("cagr", [0.4, 0.6], dialect=percent) == ("percent", False)
    assert unit("cagr", [4.0, 6.0], dialect=fraction) == ("fraction", False)


def test_the_rest_of_the_store_and_size_are_guesses():
    found = decided({"max_drawdown": IN_PERCENT, "cagr": [0.9] * 30})
    assert found["cagr"] == Decision(Unit.PERCENT, "like max_drawdown", guessed=True)
    assert unit("cagr", [12.0, 25.0, 30.0]) == ("percent", True)
    assert unit("cagr", [0.12, 0.25, 3.0]) == ("fraction", True)
    assert unit("avg_trade_return", [0.5, 1.2]) == ("percent", True)
    assert unit("cagr", [np.nan]) == ("fraction", False)


def test_the_caller_knows_best():
    assert unit("win_rate", [0.55], units={"win_rate": "percent"}) == ("percent", False)
    with pytest.raises(BadInput, match="win_rate cannot be in money"):
        unit("win_rate", [0.55], units={"win_rate": "money"})
