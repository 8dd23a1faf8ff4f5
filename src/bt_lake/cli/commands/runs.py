"""list, best, lookup: runs as tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option, Options
from bt_lake.cli.fields import JUDGED
from bt_lake.cli.options import FamilyOf, From, Key, Limit, Metric, To, Which
from bt_lake.cli.output import Output
from bt_lake.cli.runtable import ASKED, RunLayout, chosen_layout
from bt_lake.cli.session import Session
from bt_lake.drawing.kinds import check_kind
from bt_lake.queries.names import PARAM, meant
from bt_lake.warehouse.errors import BadInput, NotFound


class Scale(StrEnum):
    RANKS = "ranks"
    Z = "z"


class Order(StrEnum):
    DESC = "desc"
    ASC = "asc"


Columns = Annotated[
    str | None,
    Option(
        "--columns",
        metavar="NAME,...",
        rich_help_panel="Output",
        help="Which columns: of runs, param.NAME, or metrics of your own.",
    ),
]


def list_runs(
    session: Session,
    which: Which,
    out: Output,
    sort: Annotated[
        str, Option("--sort", "-s", help="A column, a metric or param.NAME.")
    ] = "created_at",
    order: Annotated[Order, Option(help="Largest or smallest first.")] = Order.DESC,
    limit: Limit = 20,
    everything: Annotated[bool, Option("--all", help="Without a limit.")] = False,
    after: Annotated[
        str | None, Option(metavar="RUN", help="Go on after the last run of a page.")
    ] = None,
    columns: Columns = None,
    running: Annotated[
        bool, Option("--running", help="What is being run right now, and how far it is.")
    ] = False,
) -> None:
    """The runs of the lake, newest first.

    \b
    Examples:
      bt-lake list
      bt-lake list --symbol AAPL --since 30d --sort sharpe_ratio
      bt-lake list --param fast=10 --sort param.slow --order asc
      bt-lake list -n 50 --after 4c1d20aa
      bt-lake list --all -o runs.parquet
      bt-lake list --running
    """
    if running:
        from bt_lake.cli.underway import list_running

        list_running(session, out)
        return
    sort = meant(session.reader, sort)
    answer = session.lake.ask.runs(
        sort=sort,
        ascending=order is Order.ASC,
        n=None if everything else limit,
        after=after,
        columns=asked(columns, out, sort),
        **which.filters(),
    )
    metric = "" if sort in ASKED else sort
    first, last = ["created_at"], ["status", "error", "tags"]
    layout = RunLayout(out, first=first, metric=metric, last=last)
    shown = out.answer(answer, chosen_layout(out) if columns else layout, huge=everything)
    messages.told(session, shown, answer, "run", in_all=layout.in_all)


@dataclass(frozen=True)
class Luck(Options):
    """Whether a ranking is shown beside luck, and over which trials that is counted."""

    deflate: Annotated[
        bool, Option("--deflate", help="Show what the Sharpe ratio is worth beside luck.")
    ] = False
    family: Annotated[
        FamilyOf | None,
        Option(
            help="Count luck over all trials of the same ..., not those of the filters alone.",
            show_default="what the filters select",
        ),
    ] = None

    def asked(self) -> dict[str, Any]:
        family = self.family and self.family.value
        return {"deflate": self.deflate or family is not None, "family": family}


@dataclass(frozen=True)
class Several(Options):
    """A ranking by several metrics."""

    pareto: Annotated[
        str | None,
        Option(metavar="METRIC,...", help="Those that no other run is as good as in all of these."),
    ] = None
    score: Annotated[
        str | None,
        Option(metavar="SUM", help='By a sum over ranks: "2*sharpe_ratio + calmar_ratio".'),
    ] = None
    over: Annotated[
        Scale, Option(help="What the score is over: ranks from 0 to 1, or z-scores.")
    ] = Scale.RANKS

    @property
    def metrics(self) -> list[str]:
        return names(self.pareto)

    def asked(self) -> dict[str, Any]:
        return {"pareto": self.metrics or None, "score": self.score, "over": self.over.value}


def best(
    session: Session,
    which: Which,
    out: Output,
    metric: Metric = None,
    limit: Annotated[
        int | None,
        Option("--limit", "-n", min=1, help="How many runs.", show_default="10; 1 per group"),
    ] = None,
    per: Annotated[
        str | None,
        Option(metavar="LABEL,...", help="The best of each: symbol, or symbol,timeframe."),
    ] = None,
    order: Annotated[
        Order | None, Option(help="Largest or smallest first; else what is better.")
    ] = None,
    luck: Luck = Luck(),
    start: From = None,
    end: To = None,
    several: Several = Several(),
    columns: Columns = None,
    plot: Annotated[
        Path | None, Option(metavar="FILE", help="Draw the front of --pareto: .svg or .html.")
    ] = None,
) -> None:
    """The best runs by a metric, and what sets them apart.

    \b
    Examples:
      bt-lake best sharpe_ratio
      bt-lake best calmar_ratio -n 5 --strategy sma_cross --min-trades 30
      bt-lake best sharpe_ratio -n 1 --per symbol,timeframe
      bt-lake best max_drawdown --where "total_return > 0.2"
      bt-lake best sharpe_ratio --deflate --family sweep
      bt-lake best total_return --from 2024-01-01 --to 2024-06-30
      bt-lake best --pareto sharpe_ratio,max_drawdown
      bt-lake best --pareto sharpe_ratio,max_drawdown --plot front.svg
      bt-lake best --score "2*sharpe_ratio + calmar_ratio" --over z
    """
    if plot is not None:
        _draw_front(session, which, several, plot)
        return
    groups, judged = names(per), luck.asked()
    told = [meant(session.reader, name) for name in several.metrics or filter(None, [metric])]
    answer = session.lake.ask.best(
        told[0] if metric and not several.metrics else metric,
        limit,
        per=groups,
        ascending=None if order is None else order is Order.ASC,
        columns=asked(columns, out, *told),
        start=start,
        end=end,
        **judged,
        **several.asked(),
        **which.filters(),
    )
    last = [*told[1:], *(JUDGED[:2] if judged["deflate"] else ())]
    ranked = "score" if several.score is not None else told[0] if told else ""
    layout = RunLayout(out, first=["rank", *groups], metric=ranked, last=last)
    shown = out.answer(answer, chosen_layout(out) if columns else layout)
    messages.told(session, shown, answer, "trial", in_all=layout.in_all)


def _draw_front(session: Session, which: Which, several: Several, plot: Path) -> None:
    check_kind(plot)
    if len(several.metrics) != 2:
        raise BadInput("--plot draws the front of two metrics: --pareto sharpe_ratio,max_drawdown")
    session.lake.front(*several.metrics, **which.filters()).save(plot)
    messages.note(f"drew {plot}", messages.took(session.started))


def asked(columns: str | None, out: Output, *metrics: str) -> list[str] | None:
    """Those the user wants, or those a table needs; None means every column of `runs`."""
    if columns is not None:
        return names(columns)
    if not out.is_text:
        return None
    return [*ASKED, *(n for n in metrics if n not in ASKED and not n.startswith(PARAM))]


def names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def lookup(
    session: Session,
    out: Output,
    labels: Key,
    keys: Annotated[
        Path | None,
        Option(metavar="CSV", help="A file of keys, a row each; - reads standard input."),
    ] = None,
    param: Annotated[
        list[str] | None,
        Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; give all of them."),
    ] = None,
) -> None:
    """The latest run of exactly these labels and parameters.

    A CSV of keys has columns named strategy, symbol, timeframe, exit_rule, params (JSON) or
    param.NAME; the answer has its rows in the same order, empty where nothing fits.

    \b
    Examples:
      bt-lake lookup --strategy sma_cross --symbol AAPL -p fast=10 -p slow=50
      bt-lake lookup --keys signals.csv -o enriched.csv
    """
    from bt_lake.cli.keys import key_of, read_keys

    keys_given = read_keys(keys) if keys else [key_of(vars(labels), param or [])]
    answer = session.lake.ask.lookup(keys_given)
    rows = answer.rows()
    found = sum(row[answer.columns.index("run_id")] is not None for row in rows)
    if not found and keys is None:
        raise NotFound("no run fits; parameters fit only when all of them are given")
    if out.is_text:
        shown = out.table(*chosen_layout(out)(answer.columns, rows))
    else:
        shown = out.answer(answer)
    messages.note(
        f"{found:,} of {len(keys_given):,} found",
        messages.hidden(shown.dropped),
        messages.took(session.started),
    )
