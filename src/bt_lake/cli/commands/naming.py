"""metrics: what numbers there are, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bt_lake.cli import messages
from bt_lake.cli.fields import plain
from bt_lake.cli.output import Output, Row
from bt_lake.cli.session import Session
from bt_lake.cli.style import Style
from bt_lake.wording.values import one_line
from bt_lake.wording.widths import columns_of, folded, padded

_COLUMNS = ["name", "unit", "better", "meaning"]


def metrics(session: Session, out: Output) -> None:
    """All metrics and what they mean, your own included.

    \b
    Examples:
      bt-lake metrics
      bt-lake metrics --format json
    """
    rows = session.lake.metrics()
    own = [metric for metric in rows if metric.unit is None]
    if out.on_terminal and out.is_table:
        out.lines(_folded(rows, out.width or 0, out.style))
    elif out.is_text:
        out.table([replace(plain(name), shrink=None) for name in _COLUMNS], rows)
    else:
        out.rows(_COLUMNS, rows)
    messages.note(f"{len(rows) - len(own)} metrics", f"{len(own)} of your own" if own else "")


def _folded(rows: Sequence[Row], width: int, style: Style) -> list[str]:
    """A table whose last column may take several lines: nothing of a meaning is cut."""
    rows = [[one_line(cell or "") for cell in row] for row in rows]
    sizes = [max(columns_of(row[place]) for row in rows) + 2 for place in range(3)]
    left = sum(sizes)
    lines = []
    for *facts, meaning in rows:
        name, *rest = map(padded, facts, sizes)
        first, *more = folded(meaning, max(16, width - left))
        lines.append(style(name, "bold") + style("".join(rest), "dim") + first)
        lines += [" " * left + line for line in more]
    return lines
