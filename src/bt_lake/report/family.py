"""The report of a family of trials: what the best is worth, and what the parameters did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, islice
from typing import Any

import numpy as np

from bt_lake.drawing import charts
from bt_lake.drawing.heatmap import heatmap
from bt_lake.overfit.results import OverfitReport
from bt_lake.overfit.text import rows as told
from bt_lake.queries.comparing import compare
from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.queries.overfitting import overfit
from bt_lake.queries.pictures import cells
from bt_lake.queries.reading import Reader
from bt_lake.queries.sweeping import sweep
from bt_lake.queries.wholerows import flat
from bt_lake.report.document import Block, Card, Cards, Cell, Figure, Part, Remark, Table, Words
from bt_lake.report.several import Runs, drawn_over, metrics_of, risk_of
from bt_lake.report.written import Report
from bt_lake.warehouse.errors import NotFound
from bt_lake.wording.metrics import metric_text, short
from bt_lake.wording.values import count, text, tick

_BEST = 10
_DRAWN = 5
_GRIDS = 6
_STRATEGIES = 3
_WIDEST = 40  # values of a parameter in a grid
_DOTS = 2000
_COLUMNS = ["run_id", "strategy", "params", "status", "sharpe_ratio", "volatility", "cagr"]


@dataclass(frozen=True)
class FamilySubject:
    reader: Reader
    filters: Filters

    @cached_property
    def runs(self) -> list[dict[str, Any]]:
        """Those that are there, the best first."""
        found = listing(
            self.reader, sort="sharpe_ratio", n=None, columns=_COLUMNS, filters=self.filters
        ).dicts()
        return [{**row, "params": flat(json.loads(row["params"] or "{}"))} for row in found]

    @cached_property
    def overfit(self) -> OverfitReport:
        return overfit(self.reader, filters=self.filters)

    @property
    def with_sharpe(self) -> list[dict[str, Any]]:
        return [row for row in self.runs if row["sharpe_ratio"] is not None]

    @cached_property
    def best(self) -> Runs | None:
        ids = [row["run_id"] for row in self.with_sharpe[:_BEST]]
        if len(ids) < 2:
            return None
        return Runs.of(self.reader, compare(self.reader, ids))


def family(found: FamilySubject) -> Report:
    if not found.runs:
        why = found.reader.ask(found.filters.hint)
        raise NotFound(f"no run fits these filters{': ' * bool(why)}{why}")
    left: list[str] = []
    report = found.overfit
    parts = [Part("", [Cards(_cards(found)), Remark(report.verdict)])]
    for title, make in (
        ("All trials", _distribution),
        ("What the best is worth", _overfitting),
        ("The best", _best),
        ("Growth of the best", _growth),
        ("Sharpe ratio by parameters", _grids),
        ("Return against risk", _risk),
    ):
        if blocks := make(found, left):
            parts.append(Part(title, blocks))
    names = sorted(Counter(row["strategy"] for row in found.runs))
    title = ", ".join(names[:_STRATEGIES]) + (", ..." if len(names) > _STRATEGIES else "")
    return Report(f"{title}: {report.counts.trials:,} trials", report.family, parts, left)


def _cards(found: FamilySubject) -> list[Card]:
    counts, best, search = found.overfit.counts, found.overfit.best, found.overfit.search
    cards = [Card("Trials", count(counts.trials))]
    if counts.failed or counts.deleted:
        cards.append(Card("Failed, deleted", f"{counts.failed:,}, {counts.deleted:,}"))
    if best is not None and best.sharpe_annual is not None:
        cards.append(Card("Best Sharpe", f"{best.sharpe_annual:.2f}"))
    if search is not None and search.luck_annual is not None:
        cards.append(Card("Best by luck", f"{search.luck_annual:.2f}"))
    if found.overfit.overfitting is not None:
        cards.append(Card("PBO", f"{found.overfit.overfitting.pbo:.2f}"))
    return cards


def _distribution(found: FamilySubject, left: list[str]) -> list[Block]:
    values = np.array([row["sharpe_ratio"] for row in found.with_sharpe], np.float64)
    if values.size < 2:
        left.append("distribution of the trials: fewer than two have a Sharpe ratio")
        return []
    best, search = found.overfit.best, found.overfit.search
    marks = [
        (value, name)
        for value, name in (
            (search.luck_annual if search else None, "expected best by luck"),
            (best.sharpe_annual if best else None, "the best"),
        )
        if value is not None
    ]
    drawn = charts.distribution("Sharpe ratios", values, show=tick, marks=marks)
    return [Words("Sharpe ratios of the trials that are there"), Figure.of(drawn)]


def _overfitting(found: FamilySubject, left: list[str]) -> list[Block]:
    rows: list[list[str | Cell]] = [[label, said] for label, said in told(found.overfit)]
    notes = [Words(f"- {note}") for note in found.overfit.notes]
    pictures: list[Block] = []
    if found.overfit.overfitting is not None:
        pictures = [
            Words("Rank out of sample of the best in sample"),
            Figure.of(found.overfit.plot()),
        ]
    return [*([Table(["", ""], rows, 2)] if rows else []), *pictures, *notes]


def _best(found: FamilySubject, left: list[str]) -> list[Block]:
    return metrics_of(found.best) if found.best is not None else []


def _growth(found: FamilySubject, left: list[str]) -> list[Block]:
    return drawn_over(found.best, _DRAWN) if found.best is not None else []


def _risk(found: FamilySubject, left: list[str]) -> list[Block]:
    known = [row for row in found.runs if None not in (row["volatility"], row["cagr"])]
    every = max(1, -(-len(known) // _DOTS))
    points = [(row["volatility"], row["cagr"], _named(row["params"])) for row in known[::every]]
    if len(points) < 2:
        return []
    note = [Words(f"One in {every} runs is drawn.")] if every > 1 else []
    return [risk_of(points), *note]


def _named(params: Mapping[str, Any]) -> str:
    return " ".join(f"{short(name)}={text(value)}" for name, value in islice(params.items(), 6))


def _grids(found: FamilySubject, left: list[str]) -> list[Block]:
    """Each two parameters that vary, of each strategy; the others are averaged over."""
    blocks: list[Block] = []
    strategies = Counter(row["strategy"] for row in found.with_sharpe)
    for strategy, _ in strategies.most_common(_STRATEGIES):
        rows = [row["params"] for row in found.with_sharpe if row["strategy"] == strategy]
        axes: list[tuple[str, ...]] = list(islice(combinations(_varying(rows), 2), _GRIDS))
        axes = axes or [(name,) for name in _varying(rows)]
        for names in axes:
            blocks += _grid(found, strategy, names, several=len(strategies) > 1)
    if len(strategies) > _STRATEGIES:
        left.append(f"grids of {len(strategies) - _STRATEGIES} more strategies")
    return blocks


def _varying(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Parameters that take a few values, those with the most first."""
    names = dict.fromkeys(name for row in rows for name in row)
    sizes = {name: len({repr(row.get(name)) for row in rows}) for name in names}
    return sorted((n for n, size in sizes.items() if 1 < size <= _WIDEST), key=lambda n: -sizes[n])


def _grid(
    found: FamilySubject, strategy: str, names: Sequence[str], *, several: bool
) -> list[Block]:
    grid = sweep(
        found.reader,
        strategy,
        x=f"param.{names[0]}",
        y=f"param.{names[1]}" if len(names) > 1 else None,
        filters=replace(found.filters, strategy=strategy),
    )
    shown = cells(grid)
    if not shown.known:
        return []
    over = f", mean over {', '.join(map(short, grid.mixed))}" if grid.mixed else ""
    title = f"{strategy + ': ' if several else ''}{' by '.join(map(short, names))}{over}"
    best = grid.plateau() if len(names) > 1 else None
    if best is not None:
        (x, y), median = ((f"{text(a)} to {text(b)}" for a, b in (best.x, best.y)), best.median)
        place = f"{short(names[0])} {x}, {short(names[1])} {y}"
        title += f"; best plateau {place} (median {metric_text('sharpe_ratio')(median)})"
    if len(names) > 1:
        return [Words(title), Figure.of(heatmap(title, shown))]
    values = [row[0] for row in shown.cells]
    drawn = charts.bars(title, shown.down.labels, values, show=tick, axis=shown.down.name)
    return [Words(title), Figure.of(drawn)]
