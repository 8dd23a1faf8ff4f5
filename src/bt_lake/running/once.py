"""A single call, in this process: a debugger works, and what it prints is seen."""

from __future__ import annotations

from dataclasses import replace

from bt_lake.running.calling import execute, frames_of_all
from bt_lake.running.live import Live
from bt_lake.running.planning import Plan
from bt_lake.running.printed import kept
from bt_lake.running.stopping import heeded
from bt_lake.running.watching import watched
from bt_lake.warehouse.budgets import left_for
from bt_lake.warehouse.store import Store


def run_once(store: Store, plan: Plan) -> tuple[list[str], str | None]:
    """Run the first trial and save it: the ids of its runs, and why it failed if it did."""
    trial = plan.trials[0]
    if (study := plan.job.columns.get("study")) is not None:
        left_for(store, study, 1)
    live = Live(store.layout, plan.job.entrypoint, None)
    if live.due:
        live.tell()
    with kept() as said, watched(store, plan.job, trial), heeded(at_once=True):
        try:
            outcome = execute(plan.target, plan.job, trial, raises_itself=True)
        except KeyboardInterrupt as stopped:
            stopped.add_note("the run had not ended, and is not in the lake")
            raise
        finally:
            live.end()
    store.append(frames_of_all(store, [replace(outcome, log=said.text)]))
    return outcome.run_ids, outcome.error
