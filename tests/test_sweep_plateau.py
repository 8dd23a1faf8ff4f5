"""The best plateau of a sweep's grid."""

from __future__ import annotations

from statistics import median

import pytest
from cli_lake import Cli

from bt_lake.ingest.saving import save
from bt_lake.queries.sweep_plateau import plateau
from bt_lake.queries.sweeping import Grid
from bt_lake.warehouse.store import Store

FAST, SLOW = [5, 10, 15, 20], [50, 60, 70, 80, 90]


def grid(cells, xs=FAST, ys=SLOW, metric="sharpe_ratio", how="mean") -> Grid:
    rows = [(x, y, cells(x, y), 1) for x in xs for y in ys if cells(x, y) is not False]
    return Grid("s", "param.x", "param.y", metric, how, rows, "", list)


def hill(x, y):
    """Highest around 15 and 80, and a lone peak far from it."""
    return 9.0 if (x, y) == (5, 50) else 2 - abs(x - 15) / 10 - abs(y - 80) / 20


def test_it_is_the_square_with_the_best_median():
    found = plateau(grid(hill))
    assert found is not None
    assert (found.x, found.y) == ((10, 20), (70, 90))
    inside = [hill(x, y) for x in (10, 15, 20) for y in (70, 80, 90)]
    assert found.median == median(inside)


def test_of_a_metric_that_is_better_low_it_is_the_lowest():
    found = plateau(grid(lambda x, y: -hill(x, y), metric="volatility"))
    assert found is not None and (found.x, found.y) == ((10, 20), (70, 90))
    assert found.median < 0


def test_no_square_has_a_gap():
    found = plateau(grid(lambda x, y: False if (x, y) == (15, 80) else hill(x, y)))
    assert found is not None and 80 not in range(found.y[0], found.y[1] + 1)


@pytest.mark.parametrize(
    "given",
    [
        {"xs": FAST[:2]},
        {"xs": FAST[:3], "ys": SLOW[:3]},
        {"ys": ["a", "b", "c", "d"]},
        {"how": "count"},
        {"how": "std"},
    ],
)
def test_where_there_is_no_neighbourhood_to_tell_there_is_none(given):
    assert plateau(grid(lambda x, y: 1.0, **given)) is None
    assert plateau(grid(lambda x, y: None)) is None
    assert plateau(grid(lambda x, y: False)) is None


def test_the_command_line_says_it(tmp_path, capsys):
    cli = Cli(tmp_path / "lake", capsys)
    for x in FAST:
        for y in SLOW:
            document = {"strategy": "hill", "params": {"x": x, "y": y}}
            save(Store(cli.lake), {**document, "metrics": {"sharpe_ratio": hill(x, y)}})
    said = cli("sweep", "hill", "-x", "x", "-y", "y")
    assert "best plateau: x 10-20, y 70-90 (median 1.50) · 20 trials" in said.err
    assert "plateau" not in cli("sweep", "hill", "-x", "x").err
