"""overfit: what the best of many trials is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option, Options
from bt_lake.cli.fields import Field, field, figure, judged, plain
from bt_lake.cli.options import From, To, Which
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import count, one_line, ratio

if TYPE_CHECKING:
    from bt_lake.overfit.results import OverfitReport


@dataclass(frozen=True)
class Judging(Options):
    """How the trials are resampled, and what they are held against."""

    splits: Annotated[
        int, Option(metavar="S", help="Blocks that CSCV cuts the dates into; even.")
    ] = 16
    bootstraps: Annotated[
        int, Option(metavar="N", help="Resamples that show what luck brings.")
    ] = 5000
    block: Annotated[
        float | None,
        Option(
            metavar="ROWS",
            help="Mean length of a resampled block.",
            show_default="cube root of the dates, more with memory",
        ),
    ] = None
    seed: Annotated[int, Option(help="Of the resampling.")] = 0
    benchmark: Annotated[
        str | None,
        Option(
            metavar="RUN|FILE.csv|RATE",
            help="Judge what is gained above a run, a file of prices, or a rate a year.",
            show_default="0",
        ),
    ] = None
    peeking: Annotated[
        bool,
        Option("--peeking", help="A bound for who looks after every trial, at every look."),
    ] = False


def overfit(
    session: Session,
    which: Which,
    out: Output,
    start: From = None,
    end: To = None,
    per: Annotated[
        str | None,
        Option(metavar="LABEL,...", help="A family and a line for each: symbol."),
    ] = None,
    judging: Judging = Judging(),
    more: Annotated[
        bool, Option("--more", help="Further statistics; each trial's with --format json.")
    ] = False,
) -> None:
    """What the best of many trials is worth, beside plain luck.

    All trials that the filters match are counted, deleted and failed ones too.

    \b
    Examples:
      bt-lake overfit --strategy sma_cross
      bt-lake overfit --sweep nightly --symbol AAPL --from 2024-01-01
      bt-lake overfit --strategy sma_cross --per symbol
      bt-lake overfit --symbol SPY --benchmark spy.csv
      bt-lake overfit --strategy sma_cross --where "sample = 'in'" --format json
    """
    options = {"start": start, "end": end, **vars(judging), **which.filters()}
    groups = [name.strip() for name in (per or "").split(",") if name.strip()]
    if groups and more:
        raise BadInput("--more tells of one family: leave out --per")
    if groups:
        found = session.lake.overfit_per(groups, **options)
        _write_each(groups, found, out)
        told = _families(list(found.values()))
    else:
        report = session.lake.overfit(more=more, **options)
        _write(report, out)
        told = [messages.many(report.counts.trials, "trial")]
    messages.note(*told, messages.took(session.started))


def _families(reports: list[OverfitReport]) -> list[str]:
    """How many there are, and what the best verdict of several is worth."""
    trials = messages.many(sum(report.counts.trials for report in reports), "trial")
    judged = [report for report in reports if report.counts.with_sharpe > 1]
    if len(judged) < 2:
        return ["1 family" if len(reports) == 1 else f"{len(reports):,} families", trials]
    any_better = 1.0 - judged[0].settings.confidence ** len(judged)
    each = (
        f"each verdict is for its own: of {len(judged):,} worthless families one or more would be "
        f"better than luck in {any_better:.0%} of cases"
    )
    return [f"{len(reports):,} families", trials, each]


def _write(report: OverfitReport, out: Output) -> None:
    if out.format is Format.JSON:
        out.document(report.to_dict())
    elif out.is_text:
        lines = [one_line(line) for line in str(report).splitlines()]
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        flat = dict(_flat(report.to_dict()))
        out.rows(list(flat), [tuple(flat.values())])


def _write_each(
    groups: list[str], found: dict[tuple[str | None, ...], OverfitReport], out: Output
) -> None:
    """A line for each family; JSON has the whole reports."""
    if out.format is Format.JSON:
        out.document(
            [
                {**dict(zip(groups, values, strict=True)), **report.to_dict()}
                for values, report in found.items()
            ]
        )
        return
    rows = [(*values, *_line(report)) for values, report in found.items()]
    if out.is_text:
        fields = [plain(name.removeprefix("param.")).at(99) for name in groups]
        out.table([*fields, *map(_figure, _LINE)], rows)
    else:
        out.rows([*groups, *_LINE], rows)


_LINE = ("trials", "run_id", "sharpe_ratio", "luck", "p", "dsr", "better")


def _line(report: OverfitReport) -> tuple[Any, ...]:
    best, search = report.best, report.search
    return (
        report.counts.trials,
        best and best.run_id,
        best and best.sharpe_annual,
        search and search.luck_annual,
        search and search.p,
        best and best.deflated and best.deflated.dsr,
        report.better,
    )


def _figure(name: str) -> Field:
    if name in ("run_id", "sharpe_ratio"):
        return field(name, full_ids=False)
    if name == "dsr":
        return judged(name)
    if name == "better":
        words = {True: "better than luck", False: "no", None: ""}
        return Field(name, "verdict", lambda values: [words[v] for v in values])
    show = count if name == "trials" else ratio
    return figure(name, show)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each number under its path; what has a name is found by it, what has none by its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            name = item.get("name") or item.get("method") if isinstance(item, dict) else None
            yield from _flat(item, f"{path}.{name or place}")
    else:
        yield path, value
