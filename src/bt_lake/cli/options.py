"""Options that several commands share, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, make_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli.declaring import Argument, Option, Options
from bt_lake.warehouse.schema import FILTERS, LABELS, RUNS, metrics
from bt_lake.warehouse.values import compared

if TYPE_CHECKING:
    from bt_lake.queries.filters import Given


def _filter(name: str, help: str, metavar: str = "TEXT") -> Any:
    return Option(f"--{name}", help=help, metavar=metavar, rich_help_panel="Filters")


def labels(
    names: Iterable[str], kind: Any, option: Callable[[str, str], Any] | None = None
) -> type[Options]:
    """A group of options, one for each of these columns, with the words of the schema."""
    found = []
    for name in names:
        words = RUNS[name].meaning.partition(";")[0]
        text = f"{words[0].upper()}{words[1:]}."
        flag = name.replace("_", "-")
        made = option(flag, text) if option else Option(f"--{flag}", help=text)
        found.append((name, Annotated[kind | None, made], None))
    return make_dataclass("Labels", found, bases=(Options,), frozen=True)


if TYPE_CHECKING:
    _Labels = Options
    Key = Options
else:
    _Labels = labels(FILTERS, list[str], _filter)
    # What names a configuration exactly, beside its parameters.
    Key = labels(LABELS, str)


@dataclass(frozen=True)
class Which(_Labels):
    """The filters every reading command has; those given several times mean any of the values."""

    tag: Annotated[list[str] | None, _filter("tag", "A tag; of several, all.")] = None
    since: Annotated[
        str | None, _filter("since", "Made at or after: 2026-11-01, 30d, 12h.", "TIME")
    ] = None
    until: Annotated[str | None, _filter("until", "Made at or before.", "TIME")] = None
    min_trades: Annotated[
        int | None, _filter("min-trades", "At least so many closed trades.", "N")
    ] = None
    min_days: Annotated[
        float | None, _filter("min-days", "At least so many days from first bar to last.", "N")
    ] = None
    param: Annotated[
        list[str] | None,
        Option(
            "--param",
            "-p",
            help="A parameter's value: fast=10, or fast>=10; of several of a name, any.",
            metavar="NAME=VALUE",
            rich_help_panel="Filters",
        ),
    ] = None
    where: Annotated[
        str | None,
        _filter(
            "where", "A condition in SQL: \"win_rate > .5 and params ->> 'fast' > 10\".", "SQL"
        ),
    ] = None

    def filters(self) -> Given:
        """As keywords of a question."""
        given = {**vars(self), "params": compared(self.param or ()) or None}
        return {n: v for n, v in given.items() if n != "param"}  # type: ignore[return-value]

    @property
    def given(self) -> bool:
        return any(value is not None for value in vars(self).values())


def _metrics_like(incomplete: str) -> list[str]:
    return [metric.name for metric in metrics() if metric.name.startswith(incomplete)]


class FamilyOf(StrEnum):
    STRATEGY = "strategy"
    SWEEP = "sweep"
    SYMBOL = "symbol"
    ALL = "all"


Metric = Annotated[
    str | None,
    Argument(
        help="A metric of `bt-lake metrics`, the user's own included.",
        autocompletion=_metrics_like,
        show_default=False,
    ),
]
MetricOption = Annotated[
    str,
    Option("--metric", "-m", help="A metric of `bt-lake metrics`.", autocompletion=_metrics_like),
]
Run = Annotated[str, Argument(metavar="RUN", help="Any unique beginning or end of a run's id.")]
Limit = Annotated[int, Option("--limit", "-n", min=1, help="How many runs to show.")]
From = Annotated[
    str | None,
    Option("--from", metavar="TIME", help="Only equity from then on: 2024-01-01."),
]
To = Annotated[
    str | None, Option("--to", metavar="TIME", help="Only equity up to then; a whole day.")
]
Spends = Annotated[
    str | None,
    Option(metavar="NAME", help="The study whose budget this spends.", show_default=False),
]
Yes = Annotated[bool, Option("--yes", "-y", help="Do it without asking.")]
