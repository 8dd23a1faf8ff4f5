"""Running what `--allow` names, in a process of its own, within a number of trials and a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from mcp.types import CallToolResult
from pydantic import Field

from bt_lake.agents.answers import Facts, facts
from bt_lake.warehouse.errors import BadInput, Busy

if TYPE_CHECKING:
    from bt_lake.lake import Lake

_ENDS_IN_S = 20.0
_PRINTED = 2_000  # characters of what the function printed
_OPTIONS = ("conditions", "random", "seed", "folds", "train", "start", "end", "strategy", "symbol",
            "timeframe", "exit_rule", "study")  # fmt: skip
Target = Annotated[str, Field(description="One of the functions that may be run, as it is named.")]
Params = Annotated[dict[str, Any] | None, Field(description="Arguments of the function.")]
Values = Annotated[
    dict[str, Any],
    Field(description='Values to try of each argument: a list, or a text such as "5:50:5".'),
]
More = Annotated[
    dict[str, Any] | None,
    Field(description=f"Also: {', '.join(_OPTIONS)}; `study` is the one whose budget it spends."),
]
TheFacts = Annotated[CallToolResult, Facts]


class Runner:
    """Two tools; all calls of one server share its number of trials."""

    def __init__(self, lake: Lake, allow: Sequence[str], most: int, seconds: float) -> None:
        self._lake = lake
        self._allow = tuple(allow)
        self._left = most
        self._seconds = seconds
        self._turn = threading.Lock()
        for target in allow:
            if not all(target.rpartition(":")[::2]):
                raise BadInput(
                    f"--allow {target}: write package.module:function or path/to/file.py:function"
                )

    def run(self, function: Target, params: Params = None, options: More = None) -> TheFacts:
        """Run a backtest once and save it. Ask `lookup` first: each trial more makes the best one
        worth less."""
        return self._run(function, {}, params, options, "sharpe_ratio")

    def run_sweep(
        self,
        function: Target,
        grid: Values,
        params: Params = None,
        metric: str = "sharpe_ratio",
        options: More = None,
    ) -> TheFacts:
        """Run a backtest with every combination of a grid that the lake does not hold yet."""
        if not grid:
            raise BadInput("grid: name an argument and the values to try")
        return self._run(function, grid, params, options, metric)

    def _run(
        self,
        function: str,
        grid: Mapping[str, Any],
        params: Mapping[str, Any] | None,
        options: Mapping[str, Any] | None,
        metric: str,
    ) -> CallToolResult:
        if function not in self._allow:
            raise BadInput(f"{function!r} may not be run; there are {', '.join(self._allow)}")
        for name in options or {}:
            if name not in _OPTIONS:
                raise BadInput(f"no option '{name}'; there are {', '.join(_OPTIONS)}")
        if not self._turn.acquire(blocking=False):
            raise Busy("something is run already: ask again when it has ended")
        try:
            said = self._in_a_process(
                {
                    "do": "run",
                    "target": function,
                    "grid": dict(grid),
                    "params": {n: _text(v) for n, v in (params or {}).items()},
                    "options": dict(options or {}),
                    "metric": metric,
                    "most": self._left,
                }
            )
        finally:
            self._turn.release()
        return facts({**said, "trials_left": self._left})

    def _in_a_process(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        layout = self._lake.store.layout
        told = {"lake": str(self._lake.path), "existing": True, "wait_s": layout.wait_s, **asked}
        late = threading.Event()
        with subprocess.Popen(
            [sys.executable, "-m", "bt_lake.page.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={name: text for name, text in os.environ.items() if "TOKEN" not in name},
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            printed: list[bytes] = []
            listener = threading.Thread(target=_listen, args=(process, printed), daemon=True)
            listener.start()
            clocks = [
                threading.Timer(self._seconds, _stop, (process, late)),
                threading.Timer(self._seconds + _ENDS_IN_S, process.kill),
            ]
            for clock in clocks:
                clock.daemon = True
                clock.start()
            try:
                process.stdin.write(json.dumps(told).encode() + b"\n")
                process.stdin.flush()
                last = self._heard(process.stdout)
            finally:
                for clock in clocks:
                    clock.cancel()
                process.wait()
            listener.join(1.0)
        if last.get("kind") == "refused":
            raise BadInput(last.get("error", ""))
        if late.is_set():
            last["stopped"] = f"after {self._seconds:g} s; what had finished is in the lake"
        elif last.get("kind") != "ended":
            words = b"".join(printed).decode("utf-8", "replace")[-_PRINTED:]
            raise BadInput(f"the process ended before it said what came of it: {words}")
        return {name: value for name, value in last.items() if name not in ("kind", "total")}

    def _heard(self, out: Any) -> dict[str, Any]:
        """The last word of the process; what it planned is spent before it is run."""
        last: dict[str, Any] = {}
        for line in out:
            said = json.loads(line)
            if said["kind"] == "planned":
                self._left -= said["total"]
                last = {**said, "kind": ""}
            else:
                last = {**last, **said}
        return last


def _text(value: Any) -> str:
    """As it is typed after -p: the function's own types decide."""
    return value if isinstance(value, str) else json.dumps(value)


def _listen(process: subprocess.Popen[bytes], printed: list[bytes]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        printed.append(line)
        del printed[:-100]


def _stop(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    """As Ctrl-C does: what is finished is kept."""
    late.set()
    assert process.stdin is not None
    process.stdin.close()
