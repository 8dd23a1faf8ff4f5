"""A sweep with a bar that shows how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake.cli import messages
from bt_lake.cli.session import Session
from bt_lake.wording.metrics import metric_name, metric_text

if TYPE_CHECKING:
    from bt_lake.running.planning import Plan
    from bt_lake.running.sweep import Swept


def sweep_with_bar(
    session: Session,
    plan: Plan,
    *,
    metric: str,
    **how: Any,
) -> Swept:
    with messages.progress("runs") as bar:

        def tell(swept: Swept) -> None:
            left = swept.total - swept.already
            bar.draw(swept.done / left, _so_far(swept, left))

        return session.lake.run_sweep(
            plan,
            metric=metric,
            progress=tell,
            **how,
        )


def _so_far(swept: Swept, left: int) -> str:
    parts = [f"{swept.done:,} of {left:,} runs", f"{swept.per_s:,.0f}/s"]
    if swept.failed:
        parts.append(f"{swept.failed:,} failed")
    if swept.best is not None:
        params = " ".join(f"{name}={value}" for name, value in (swept.best_params or {}).items())
        value = metric_text(swept.metric)(swept.best)
        parts.append(f"best {metric_name(swept.metric)} {value} ({params})")
    return " · ".join(parts)
