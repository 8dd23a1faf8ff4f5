"""Numbers of a run on request, as a person reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bt_lake.cli import messages
from bt_lake.cli.fields import figure, plain
from bt_lake.cli.output import Format, Output
from bt_lake.cli.sections import Section, abreast
from bt_lake.cli.session import Session
from bt_lake.cli.table import Table
from bt_lake.wording.metrics import number
from bt_lake.wording.more import MORE
from bt_lake.wording.values import percent, share, share_of_few

_PIPED_WIDTH = 80
_SHOWN: dict[str, Callable[[float], str]] = {
    "gains": share_of_few,
    **dict.fromkeys(("mean", "q05", "median", "q95"), partial(percent, digits=2)),
}


def write_more(session: Session, run: str, rf: float, out: Output) -> None:
    numbers, seasons = session.lake.more(run, rf=rf), session.lake.seasons(run)
    if out.format is Format.JSON:
        out.document({**numbers.to_dicts()[0], "seasons": seasons.drop("run_id").to_dicts()})
        return
    if out.format is not Format.TABLE:
        out.rows(numbers.columns, numbers.rows())
        return
    row = numbers.to_dicts()[0]
    of_trades = list(MORE).index("payoff_ratio")
    sections = [
        Section(f"Returns, risk-free rate {share(rf)} a year"),
        Section("Trades"),
    ]
    for place, (name, column) in enumerate(MORE.items()):
        if row[name] is not None:
            sections[place >= of_trades].add(name.replace("_", " "), number(column)(row[name]))
    lines = abreast(sections, width=out.width or _PIPED_WIDTH, style=out.style)
    for by in seasons["by"].unique(maintain_order=True):
        part = seasons.filter(seasons["by"] == by)
        fields = [plain("season").titled(by), plain("returns")]
        fields += [figure(name, show) for name, show in _SHOWN.items()]
        rows = part.select("season", "returns", *_SHOWN).rows()
        lines += ["", *Table(out.width, out.style).lines(fields, rows)]
    out.lines(lines)
    messages.note("" if lines else "it has no equity curve and no trades, so there is no more")
