"""What the trades of a run say: by symbol, side, time, reason, and how far they went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bt_lake.drawing import charts
from bt_lake.report.document import Abreast, Block, Cell, Figure, Table, Words
from bt_lake.report.subject import Subject
from bt_lake.wording.values import MISSING, count, percent, ratio, share_of_few, text, tick

if TYPE_CHECKING:
    import polars as pl

_MOST = 12
_DOTS = 1500
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HELD = (  # hours
    (1, "under 1 h"),
    (4, "1 to 4 h"),
    (24, "4 to 24 h"),
    (168, "1 to 7 days"),
    (720, "7 to 30 days"),
)
_LONGEST = "over 30 days"


def trade_blocks(subject: Subject, left: list[str]) -> list[Block]:
    frame = subject.trades
    if not frame.height:
        left.append("trades: none are stored")
        return []
    measure = next(
        (name for name in ("pnl", "return") if frame[name].null_count() < frame.height), None
    )
    if measure is None:
        left.append("trades by group: none has a profit or a return")
        return []
    blocks: list[Block] = []
    values = frame[measure].drop_nulls().to_numpy()
    show = tick if measure == "pnl" else _share
    if values.size > 11 and np.ptp(values) > 0:
        drawn = charts.distribution("Trades", values, show=show, height=170)
        blocks += [
            Words(f"{'Profit' if measure == 'pnl' else 'Return'} of a trade"),
            Figure.of(drawn),
        ]
    tables = [found for name in _KEYS if (found := _grouped(frame, name, measure)) is not None]
    if tables:
        blocks.append(Abreast(tables))
    blocks += _excursions(frame, left)
    return blocks


def _share(value: float) -> str:
    return percent(value, sign="-", digits=2)


def _grouped(frame: pl.DataFrame, name: str, measure: str) -> Table | None:
    """A row a group; None where all trades are of one."""
    import polars as pl

    keyed = frame.with_columns(key=_key(name)).drop_nulls("key")
    if keyed["key"].n_unique() < 2:
        return None
    value = pl.col(measure)
    won, lost = value.filter(value > 0).sum(), value.filter(value < 0).sum()
    found = keyed.group_by("key").agg(
        pl.len().alias("trades"),
        (value > 0).mean().alias("wins"),
        value.sum().alias("sum"),
        value.mean().alias("mean"),
        pl.when(lost < 0).then(won / -lost).alias("factor"),
    )
    ordered = (
        found.sort("key")
        if name in _ORDERED
        else found.sort("trades", "key", descending=[True, False])
    )
    show = tick_money if measure == "pnl" else _share
    rows: list[list[str | Cell]] = [
        [
            _named(name, key),
            count(trades),
            MISSING if wins is None else share_of_few(wins),
            show(total) if measure == "pnl" else show(mean),
            MISSING if factor is None else ratio(factor),
        ]
        for key, trades, wins, total, mean, factor in ordered.head(
            _MOST if name not in _ORDERED else 24
        ).rows()
    ]
    head = [_KEYS[name], "trades", "won", "profit" if measure == "pnl" else "mean return", "factor"]
    more = ordered.height - len(rows)
    return Table(head, rows, note=f"{more:,} more are left out." if more else "")


_KEYS = {
    "symbol": "Symbol",
    "side": "Side",
    "weekday": "Entered on",
    "hour": "Entered at",
    "held": "Held",
    "entry_tag": "Entry",
    "exit_reason": "Exit",
}
_ORDERED = ("weekday", "hour", "held")
_TAGS = ("entry_tag", "exit_reason")


def _key(name: str) -> pl.Expr:
    import polars as pl

    hours = (pl.col("exit_at") - pl.col("entry_at")).dt.total_seconds() / 3600
    match name:
        case "weekday":
            return pl.col("entry_at").dt.weekday()
        case "hour":
            return pl.col("entry_at").dt.hour()
        case "held":
            steps = sum((hours >= edge).cast(pl.Int64) for edge, _ in _HELD)
            return steps if isinstance(steps, pl.Expr) else pl.lit(0)
        case _:
            return pl.col(name)


def _named(name: str, key: object) -> str:
    if name == "weekday" and isinstance(key, int):
        return _DAYS[key - 1]
    if name == "hour":
        return f"{key:02}:00"
    if name == "held" and isinstance(key, int):
        return _HELD[key][1] if key < len(_HELD) else _LONGEST
    return text(key)


def tick_money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _excursions(frame: pl.DataFrame, left: list[str]) -> list[Block]:
    """How far each trade went against its owner, and how far with them."""
    known = frame.drop_nulls(["mae", "mfe"])
    if known.height < 2:
        left.append("adverse and favourable excursion of trades: not stored")
        return []
    every = max(1, -(-known.height // _DOTS))
    points = [
        (abs(mae), mfe, f"trade {no}")
        for no, mae, mfe in known.select("trade_no", "mae", "mfe").gather_every(every).rows()
    ]
    drawn = charts.scatter(
        "Excursions",
        points,
        across=("went against, at most", tick),
        up=("went with, at most", tick),
        height=300,
        labelled=False,
    )
    note = f"One in {every} trades is drawn." if every > 1 else ""
    tables = [t for name in _TAGS if (t := _excursions_by(known, name)) is not None]
    return [
        Words("Adverse and favourable excursion"),
        Figure.of(drawn),
        *([Words(note)] if note else []),
        *([Abreast(tables)] if tables else []),
    ]


def _excursions_by(known: pl.DataFrame, name: str) -> Table | None:
    """How far the trades of each tag went both ways; None where all have one."""
    import polars as pl

    tagged = known.drop_nulls(name)
    if tagged[name].n_unique() < 2:
        return None
    against, with_them = pl.col("mae").abs(), pl.col("mfe")
    found = tagged.group_by(name).agg(
        pl.len(),
        against.mean().alias("mae"),
        against.max().alias("worst"),
        with_them.mean().alias("mfe"),
        (with_them.mean() / against.mean()).alias("edge"),
    )
    ordered = found.sort("len", name, descending=[True, False])
    rows: list[list[str | Cell]] = [
        [text(tag), count(n), *map(tick_money, (mae, worst, mfe)), _edge(edge)]
        for tag, n, mae, worst, mfe, edge in ordered.head(_MOST).rows()
    ]
    head = [_KEYS[name], "trades", "mean against", "most against", "mean with", "with over against"]
    more = ordered.height - len(rows)
    return Table(head, rows, note=f"{more:,} more are left out." if more else "")


def _edge(value: float) -> str:
    return ratio(value) if np.isfinite(value) else MISSING
