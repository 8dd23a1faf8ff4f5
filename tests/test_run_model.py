"""Commands of all kinds in one lake, against a model in plain Python: what is called, kept, shown."""

from __future__ import annotations

import ast
import itertools
import json
import os
import random
import sys
import textwrap
from pathlib import Path

import pytest
from cli_lake import Cli

from bt_lake.running import sweep as sweeping
from bt_lake.running.calling import execute
from bt_lake.running.target import load
from bt_lake.warehouse.params import to_json
from bt_lake.warehouse.store import Store

CODE = """
    def note(name, *given):
        with open("called", "a") as file:
            file.write(repr([name, *given]) + "\\n")

    def plain(n, m=1):
        note("plain", n, m)
        if (n + m) % 7 == 0:
            raise ValueError("unlucky")
        return {"metrics": {"sharpe_ratio": n * 10 + m}}

    def told(n, symbol=None, timeframe="1d"):
        note("told", n, symbol, timeframe)
        return {"metrics": {"sharpe_ratio": n + len(symbol or "")}}

    def named(n, start=None):
        note("named", n, start)
        return {"strategy": "own", "symbol": "OWN", "metrics": {"sharpe_ratio": -n}}

    def appends(xs, n=0):
        note("appends", list(xs), n)
        xs.append(99)
        return {"metrics": {"sharpe_ratio": len(xs)}}
"""
LABELS = {"--symbol": ["A", "B", "A,B"], "--timeframe": ["1h"], "--exit-rule": ["x"], "--strategy": ["one", "two"]}  # fmt: skip
COMMANDS = 1000


class InThisProcess:
    """A crew without processes, so that a thousand sweeps take a minute."""

    def __init__(self, job, trials, count, *, fresh=False):
        self._job, self._trials, self.busy = job, iter(trials), True
        self._target = load(job.place)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def next(self, timeout_s):
        trial = next(self._trials, None)
        if trial is None:
            self.busy = False
            return None
        return trial, execute(self._target, self._job, trial), None

    def stop(self):
        return iter(())

    def printing(self):
        return b""


class Model:
    """Every call that was made, by all that it was asked with, and how it ended."""

    def __init__(self) -> None:
        self.made: dict[tuple, list[float | None]] = {}
        self.rows = 0

    @staticmethod
    def call(
        function: str, params: dict, labels: dict, start: str | None
    ) -> tuple[tuple, float | None]:
        given = {**params, **{k: v for k, v in labels.items() if k in ("symbol", "timeframe")}}
        n = given.get("n", 0)
        if function == "plain":
            m = given.get("m", 1)
            return ("plain", n, m), None if (n + m) % 7 == 0 else n * 10 + m
        if function == "told":
            symbol = given.get("symbol")
            return ("told", n, symbol, given.get("timeframe", "1d")), n + len(symbol or "")
        if function == "named":
            return ("named", n, start), -n
        return ("appends", given["xs"], n), len(given["xs"]) + 1

    def key(self, function: str, params: dict, labels: dict, start: str | None) -> tuple:
        # Of a function that names itself the strategy is its own name anyway.
        asked = labels.get("strategy")
        asked = None if (function, asked) == ("named", "own") else asked
        told = tuple(labels.get(name) for name in ("symbol", "timeframe", "exit_rule"))
        return function, json.dumps(params, sort_keys=True), told, asked, start


def one(chance: random.Random):
    """A command, and what it asks for: function, sets of params, sets of labels, start."""
    function = chance.choice(["plain", "told", "named", "appends"])
    entry = chance.choice([f"model_a.py:{function}", f"model_a:{function}"])
    words: list[str] = ["run", entry]
    axes: dict[str, list] = {}
    if function == "appends":
        words += ["-p", "xs=[1,2]"] if chance.random() < 0.5 else ["-p", "xs=[3]"]
        fixed = {"xs": [1, 2] if words[-1] == "xs=[1,2]" else [3]}
    else:
        fixed = {}
    single = chance.random() < 0.15
    first = chance.randrange(6)
    if single:
        fixed["n"] = first
        words += ["-p", f"n={first}"]
    else:
        last = first + chance.randrange(4)
        axes["n"] = list(range(first, last + 1))
        text = chance.choice(
            [f"{first}:{last}:1", ",".join(map(str, axes["n"])), f"{first}.0:{last}:1"]
        )
        words += ["-g", f"n={text}"]
    if function == "plain" and chance.random() < 0.4:
        axes["m"] = [1, 2]
        words += ["-g", "m=1,2,1"]
        single = False
    labels: dict[str, list[str]] = {}
    for flag, values in LABELS.items():
        if chance.random() < 0.25:
            value = chance.choice(values)
            labels[flag[2:].replace("-", "_")] = value.split(",")
            words += [flag, value]
    start = "2024-01-01" if function == "named" and chance.random() < 0.3 else None
    words += ["--start", start] if start else []
    combos = [
        {**fixed, **dict(zip(axes, each, strict=True))}
        for each in itertools.product(*axes.values())
    ]
    told = [dict(zip(labels, each, strict=True)) for each in itertools.product(*labels.values())]
    single = single and len(told) == 1
    return words, function, combos, told, start, single


@pytest.mark.slow
@pytest.mark.parametrize(
    "commands",
    [
        12,
        pytest.param(100, marks=pytest.mark.thorough),
        pytest.param(COMMANDS, marks=pytest.mark.long),
    ],
)
def test_commands_do_what_the_model_says(tmp_path: Path, monkeypatch, capsys, commands: int):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "model_a", raising=False)
    monkeypatch.setattr(sweeping, "Crew", InThisProcess)
    (tmp_path / "model_a.py").write_text(textwrap.dedent(CODE))
    cli, model = Cli(tmp_path / "lake", capsys), Model()
    store = Store(cli.lake)
    seed = int(os.environ.get("SEED", random.randrange(10_000)))
    print("SEED", seed)
    chance = random.Random(seed)
    called = Path("called")
    for place in range(commands):
        words, function, combos, told, start, single = one(chance)
        where = f"SEED={seed} {place}: {' '.join(words)}"
        called.unlink(missing_ok=True)
        ran = cli(*words, "-n", 99, "-f", "json")
        wanted, values, fresh = [], [], 0
        for labels, params in itertools.product(told, combos):
            key = model.key(function, params, labels, start)
            call, value = model.call(function, params, labels, start)
            if single or key not in model.made:
                wanted.append(call)
                model.made.setdefault(key, []).append(value)
                fresh += 1
            values += [value] if single else model.made[key]
        lines = called.read_text().splitlines() if called.exists() else []
        got = [to_json(ast.literal_eval(line)) for line in lines]  # 1.0 as 1
        assert sorted(got) == sorted(map(to_json, wanted)), where
        model.rows += fresh
        (count,) = store.ask(lambda c: c.execute("select count(*) from runs").fetchone())
        assert count == model.rows, where
        failed = all(value is None for value in values)
        assert ran.code == (2 if failed else 0), f"{where}\n{ran.err}"
        said = [] if failed else json.loads(ran.out)
        shown = [row["sharpe_ratio"] for row in ([said] if isinstance(said, dict) else said)]
        assert sorted(shown) == sorted(v for v in values if v is not None), where
