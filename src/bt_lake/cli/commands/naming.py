"""metrics: what numbers there are, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bt_lake.cli import messages
from bt_lake.cli.fields import plain
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.schema import metrics as declared

_COLUMNS = ["name", "unit", "better", "meaning"]
_OWN = "a metric of your own"


def metrics(session: Session, out: Output) -> None:
    """All metrics and what they mean, your own included.

    \b
    Examples:
      bt-lake metrics
      bt-lake metrics --format json
    """
    rows: list[Any] = [(m.name, m.unit, m.better or None, m.meaning) for m in declared()]
    own = _own(session)
    rows += [(name, None, None, _OWN) for name in own]
    if out.is_text:
        made = [plain(name).at(90 - place) for place, name in enumerate(_COLUMNS)]
        out.table([replace(made[0], shrink=None), *made[1:]], rows)
    else:
        out.rows(_COLUMNS, rows)
    messages.note(f"{len(rows) - len(own)} metrics", f"{len(own)} of your own" if own else "")


def _own(session: Session) -> list[str]:
    """What is declared can be listed without a lake."""
    if not session.store.layout.exists:
        return []
    from bt_lake.queries.names import own_metrics

    return session.reader.ask(own_metrics)
