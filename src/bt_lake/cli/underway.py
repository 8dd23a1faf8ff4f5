"""What is being run right now, as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bt_lake.cli import messages
from bt_lake.cli.fields import plain
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.wording.metrics import metric_name, metric_text
from bt_lake.wording.values import duration

_SHOWN = ("who", "what", "runs", "failed", "left", "best", "log")


def list_running(session: Session, out: Output) -> None:
    found = [asdict(each) for each in session.lake.running()]
    if out.is_text:
        out.table([plain(name) for name in _SHOWN], [_row(each) for each in found])
    elif found:
        out.rows(list(found[0]), [tuple(each.values()) for each in found])
    else:
        out.rows(["pid"], [])
    messages.note(f"{len(found)} under way", messages.took(session.started))


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    left = each["seconds_left"]
    best = None
    if each["best"] is not None:
        params = " ".join(f"{name}={value}" for name, value in (each["best_params"] or {}).items())
        best = (
            f"{metric_name(each['metric'])} {metric_text(each['metric'])(each['best'])} ({params})"
        )
    return (
        f"{each['user']} {each['pid']}@{each['host']}",
        each["sweep"] or each["entrypoint"],
        f"{each['in_lake']:,} of {each['total']:,}",
        f"{each['failed']:,}",
        None if left is None else duration(left),
        best,
        each["log"][-1] if each["log"] else None,
    )
