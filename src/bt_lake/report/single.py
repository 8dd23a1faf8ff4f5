"""The report of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bt_lake.queries.wholerows import flat
from bt_lake.report import course, numbers
from bt_lake.report.document import Block, Card, Cards, Part, Remark, Words
from bt_lake.report.subject import Subject
from bt_lake.report.trades import trade_blocks
from bt_lake.report.written import Report
from bt_lake.wording.metrics import metric_text
from bt_lake.wording.values import text, times

_CARDS = {
    "total_return": "Return",
    "cagr": "CAGR",
    "sharpe_ratio": "Sharpe",
    "max_drawdown": "Max drawdown",
    "win_rate": "Win rate",
    "total_trades": "Trades",
}


def single(subject: Subject) -> Report:
    left: list[str] = []
    rolling = f"Rolling, {subject.window:,} returns" if subject.has_curve else "Rolling"
    parts = [Part("", [Cards(list(_cards(subject))), *_remarks(subject)])]
    made: list[tuple[str, Callable[[Subject, list[str]], list[Block]]]] = [
        ("Return", course.equity),
        ("Drawdown", course.underwater),
        ("Monthly returns", course.monthly),
        (rolling, course.rolling),
        ("Returns", course.distribution),
        ("Seasons", course.seasons),
        ("Regimes", course.regimes),
        ("Deepest drawdowns", course.falls),
        ("Metrics", numbers.metrics),
        ("More numbers", numbers.more_numbers),
        ("Beside the benchmark", numbers.relative),
        ("Trades", trade_blocks),
        ("Parameters", numbers.params),
        ("The source says otherwise", numbers.disagreements),
        ("Origin", numbers.origin),
    ]
    for title, make in made:
        if blocks := make(subject, left):
            parts.append(Part(title, blocks))
    row = subject.row
    title = " ".join(filter(None, (row["strategy"], row["symbol"], row["timeframe"])))
    return Report(title, _subtitle(subject), parts, left)


def _subtitle(subject: Subject) -> str:
    row = subject.row
    params = [f"{name} {text(value)}" for name, value in flat(row["params"] or {}).items()]
    words = [", ".join(params[:8]) + (", ..." if len(params) > 8 else "")]
    if row["start_at"] and row["end_at"]:
        words.append(" to ".join(times([row["start_at"], row["end_at"]])))
    return " · ".join(filter(None, [*words, f"run {row['run_id']}"]))


def _cards(subject: Subject) -> Iterator[Card]:
    for name, title in _CARDS.items():
        value = subject.row[name]
        if value is not None:
            yield Card(title, metric_text(name)(value))


def _remarks(subject: Subject) -> Iterator[Block]:
    row = subject.row
    if row["status"] == "failed":
        yield Remark(f"This run failed: {row['error'] or 'nobody says why'}")
    if (luck := _luck(subject)) is not None:
        yield Remark(luck)
    if row["metrics_from"] == "reported":
        yield Remark(
            "The metrics are as the source reported them: there is no curve to check them by."
        )
    if (row["config"] or {}).get("curve") == "closed trades":
        yield Remark("The curve is one of closed trades: its falls are too small.")
    if row["notes"]:
        yield Words(row["notes"])


def _luck(subject: Subject) -> str | None:
    """The Sharpe ratio as one of many: what none of the tries would be without."""
    standing = subject.standing
    if standing is None:
        return None
    if standing.trials is None:
        return f"{standing}."
    family = standing.family
    if standing.trials == 1:
        return f"The only trial of {family} in this lake: nothing to be the luckiest of."
    words = f"One of {standing.trials:,} trials of {family} in this lake."
    shown = standing.sharpe_ratio
    if standing.expected_max_sharpe is None or shown is None:
        return words
    whose = "its stitched folds show" if standing.part == "fold" else "this run shows"
    return (
        f"{words} The luckiest of as many coin flips would show a Sharpe ratio of "
        f"{standing.expected_max_sharpe:.2f}; {whose} {shown:.2f}."
    )
