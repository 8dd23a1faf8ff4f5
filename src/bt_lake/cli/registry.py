"""Every command of `bt-lake` and where it is written; its file is imported when it is called."""

from __future__ import annotations

from importlib import import_module

from bt_lake.cli.binding import Bound

# Headings of `bt-lake --help`, and under each: command = file:function in `cli/commands`.
COMMANDS: dict[str, dict[str, str]] = {
    "Put runs in": {
        "init": "keeping:init",
        "ingest": "ingesting:ingest",
        "import": "importing:import_store",
    },
    "Run": {
        "run": "running:run",
        "reproduce": "reproducing:reproduce",
        "study": "studying:study",
        "demo": "demo:demo",
    },
    "Ask": {
        "list": "runs:list_runs",
        "best": "runs:best",
        "show": "showing:show",
        "compare": "comparing:compare",
        "report": "reporting:report",
        "stability": "choosing:stability",
        "regimes": "judging:regimes",
        "live": "judging:live",
        "pick": "choosing:pick",
        "portfolio": "mixing:portfolio",
        "simulate": "simulating:simulate",
        "aggregate": "summing:aggregate",
        "sweep": "sweeping:sweep",
        "importance": "importance:importance",
        "overfit": "overfitting:overfit",
        "walkforward": "walking:walkforward",
        "certify": "certifying:certify",
        "decay": "walking:decay",
        "equity": "curves:equity",
        "trades": "curves:trades",
        "lookup": "runs:lookup",
        "metrics": "naming:metrics",
        "sql": "asking:sql",
        "shell": "asking:shell",
        "page": "paging:page",
        "mcp": "agents:mcp",
    },
    "Mark and take out": {
        "tag": "marking:tag",
        "note": "marking:note",
        "delete": "marking:delete",
        "restore": "marking:restore",
        "export": "exporting:export",
        "delta": "exporting:delta",
    },
    "Look after the lake": {
        "info": "keeping:info",
        "history": "history:history",
        "doctor": "doctoring:doctor",
        "check": "checking:check",
        "compact": "keeping:compact",
        "backup": "copying:backup",
        "recover": "copying:recover",
        "copy": "copying:copy",
        "merge": "copying:merge",
        "recompute": "keeping:recompute",
    },
}
PLACES = {name: place for group in COMMANDS.values() for name, place in group.items()}
# They open the lake, and need all of it, whatever they are asked.
ASKING = {*COMMANDS["Ask"]} - {"metrics", "shell", "page", "mcp"}
HELP = {"-h", "--help"}


def bound(name: str) -> Bound:
    """The command of this name, of which there must be one."""
    file, function = PLACES[name].split(":")
    return Bound(getattr(import_module(f"bt_lake.cli.commands.{file}"), function))
