"""Random lakes with hostile names and values: every question beside plain Python.

A case is one question to one small lake. A difference is shrunk: runs are left out while it stays.
    python tests/brute.py SEED CASES
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bt_lake
from bt_lake.cli.main import run as command
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, LakeError, UnknownName

Run = dict[str, Any]
Question = tuple[Any, ...]
LABELS = ["A", "0700", "700", "nan", "None", "1e5", "it's", 'q"', "a,b", None]
VALUES = [
    *(0, 1, 2, -0.5, 2.5, 1000, 2**53, 2**53 + 1, 2**63, 10**30, 1e300, True, False, None),
    *("1", "01", "1.0", "1_000", "true", "nan", "inf", "None", "", "٣", "a'b", " 1", "x", "1e999"),
    *({"k": 1}, [1, 2], [], {}),
]
PARAMS = ["x", "X", "fast", "x ", "x>", "a<=", "a.b", "it's", 'q"', "$1", "~1", "/", "*", "param.x", "é", "\n"]  # fmt: skip
METRICS = ["rank", "Rank", "Sharpe_Ratio", "RUN_ID", "value", "place", "it's", 'a"b', "x y", "ü", "Extra", "n", "g0", "dsr"]  # fmt: skip
NUMBERS = [1.0, 2.0, 2.0, 3.0, -1.0, 0.0, 0.1, 1e200]
COUNTS = ("filter", "sort", "page", "best", "aggregate", "sweep", "lookup", "spread", "compare",
          "sql best", "sql aggregate", "cli best", "cli list", "export")  # fmt: skip
# What takes long is asked less often: an export is read back into a lake of its own.
WEIGHTS = [
    {"export": 1, "compare": 2, "cli best": 2, "cli list": 2}.get(kind, 4) for kind in COUNTS
]
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


# A lake


def lake_of(rng: random.Random) -> list[Run]:
    names, own = rng.sample(PARAMS, 3), rng.sample(METRICS, 2)
    runs = []
    for place in range(rng.randint(2, 9)):
        params = {name: rng.choice(VALUES) for name in names if rng.random() < 0.8}
        metrics = {name: rng.choice(NUMBERS) for name in own if rng.random() < 0.8}
        if rng.random() < 0.9:
            metrics["sharpe_ratio"] = rng.choice(NUMBERS)
        runs.append(
            {
                "run_id": f"r{place:03}",
                "strategy": "s",
                "symbol": rng.choice(LABELS),
                "created_at": f"2024-01-{1 + place // 2:02}",  # some at the same time
                "params": params,
                "metrics": metrics,
            }
        )
    return runs


def made(runs: list[Run], folder: Path) -> Lake:
    lake = bt_lake.open(folder)
    lake.save(runs)
    return lake


def question_about(runs: list[Run], rng: random.Random) -> Question:
    (kind,) = rng.choices(COUNTS, WEIGHTS)
    names = sorted({name for run in runs for name in run["params"]}) or ["x"]
    own = sorted({name for run in runs for name in run["metrics"]} - {"sharpe_ratio"}) or ["rank"]
    name, metric = rng.choice(names), rng.choice([*own, "sharpe_ratio"])
    key = rng.choice([f"param.{name}", metric, "sharpe_ratio", "symbol"])
    match kind:
        case "filter":
            there = [run["params"].get(name) for run in runs]
            value = rng.choice(there + VALUES)
            operator = rng.choice(["==", "==", "!=", "<", ">="])
            plain = not isinstance(value, (dict, list, bool, str)) and value is not None
            if operator not in ("==",) and not (plain and name.strip() == name and name[-1] not in "<>="):  # fmt: skip
                operator = "=="
            return kind, name, operator, value
        case "sort" | "page":
            return kind, key, rng.random() < 0.5
        case "best" | "sql best" | "cli best":
            ranked = rng.choice([metric, f"param.{name}"])
            return kind, ranked, rng.randint(1, 4), rng.random() < 0.3
        case "aggregate":
            return kind, rng.sample([f"param.{name}", "symbol", "day"], 2), metric
        case "sql aggregate":
            return kind, rng.choice([f"param.{name}", "symbol"]), metric
        case "sweep":
            return kind, rng.choice([f"param.{name}", "symbol"]), metric
        case "compare":
            return (kind, *rng.sample([run["run_id"] for run in runs], 2))
        case "cli list":
            return kind, rng.choice(["created_at", "sharpe_ratio"])
        case "export":
            return kind, rng.choice([".csv", ".parquet"])
    return (kind,)


# Plain Python


def number_of(value: Any) -> float | int | None:
    """A number, or a text that is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else float(value)
    return value if math.isfinite(float(value)) else None


def text_of(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def shown_text(value: Any) -> str | None:
    """As DuckDB writes a number's text out of JSON."""
    text = text_of(value)
    return "1e300" if text == "1e+300" else text


def value_of(run: Run, key: str) -> float | None:
    if key.startswith("param."):
        found = number_of(run["params"].get(key[6:]))
        return None if found is None else float(found)
    return run["metrics"].get(key)


def asked(key: str) -> str:
    """How a metric of one's own is asked for, where its name begins like something else."""
    return f"extra.{key}" if key in METRICS and key.startswith("param.") else key


def metric_value(run: Run, key: str) -> float | None:
    return run["metrics"].get(key) if key in METRICS else value_of(run, key)


def fits(run: Run, name: str, operator: str, given: Any) -> bool:
    here = run["params"].get(name)
    one, other = number_of(here), number_of(given)
    if operator in ("<", ">="):
        if one is None or other is None:
            return False
        return float(one) < float(other) if operator == "<" else float(one) >= float(other)
    if given is None:
        same = name in run["params"] and here is None
    elif isinstance(given, dict) and given:
        same = isinstance(here, dict) and all(
            k in here and text_of(here[k]) == text_of(v) for k, v in given.items()
        )
    elif one is not None and other is not None:
        same = one == other
    else:
        same = here is not None and text_of(here) == text_of(given)
    return same if operator == "==" else not same


def ordered(runs: list[Run], key: str, ascending: bool) -> list[str]:
    found = sorted(runs, key=lambda run: run["run_id"], reverse=not ascending)

    def by(get: Any) -> None:
        nonlocal found
        there = [run for run in found if get(run) is not None]
        there.sort(key=get, reverse=not ascending)
        found = there + [run for run in found if get(run) is None]

    if key == "symbol" or key == "created_at":
        by(lambda run: None if run[key] is None else run[key].encode())
    elif key.startswith("param.") and key not in METRICS:
        by(lambda run: (shown_text(run["params"].get(key[6:])) or "").encode() if run["params"].get(key[6:]) is not None else None)  # fmt: skip
        by(lambda run: value_of(run, key))
    else:
        by(lambda run: metric_value(run, key))
    return [run["run_id"] for run in found]


def best_of(runs: list[Run], key: str, n: int, ascending: bool) -> list[str]:
    there = [run for run in runs if metric_value(run, key) is not None]
    there.sort(key=lambda run: run["run_id"])
    there.sort(key=lambda run: metric_value(run, key), reverse=not ascending)
    return [run["run_id"] for run in there[:n]]


def groups_of(runs: list[Run], by: list[str], metric: str) -> dict[tuple, tuple]:
    def label(run: Run, name: str) -> str | None:
        if name == "day":
            return run["created_at"]
        return run["symbol"] if name == "symbol" else shown_text(run["params"].get(name[6:]))

    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(label(run, name) for name in by), []).append(run)
    return {key: figures(members, metric) for key, members in groups.items()}


def figures(runs: list[Run], metric: str) -> tuple:
    values = [v for run in runs if (v := metric_value(run, metric)) is not None]
    if not values:
        return len(runs), 0, None, None, None, None
    mean = near(math.fsum(values) / len(values))
    return len(runs), len(values), mean, near(statistics.median(values)), min(values), max(values)


def near(value: Any) -> Any:
    return None if value is None else float(f"{value:.9g}")


# Both answers


def answers(lake: Lake, runs: list[Run], question: Question) -> tuple[Any, Any]:
    """What the lake says, and what plain Python says."""
    kind, *rest = question
    match kind:
        case "filter":
            name, operator, value = rest
            found = lake.runs(params={f"{name}{operator}": value})["run_id"].to_list()
            return sorted(found), [r["run_id"] for r in runs if fits(r, name, operator, value)]
        case "sort":
            key, ascending = rest
            columns = ["run_id", *([asked(key)] if key in METRICS else [])]
            found = lake.runs(sort=asked(key), ascending=ascending, columns=columns)
            return found["run_id"].to_list(), ordered(runs, key, ascending)
        case "page":
            key, ascending = rest
            pages: list[str] = []
            while True:
                page = lake.runs(
                    sort=asked(key), ascending=ascending, columns=["run_id"], n=2,
                    after=pages[-1] if pages else None,
                )["run_id"].to_list()  # fmt: skip
                pages += page
                if not page or len(pages) > len(runs):
                    return pages, ordered(runs, key, ascending)
        case "best" | "sql best" | "cli best":
            return ids_of_best(lake, kind, *rest), best_of(runs, *rest)
        case "aggregate":
            by, metric = rest
            found = lake.aggregate(by, asked(metric), quantiles=[]).rows()
            kept = [(tuple(map(label_text, row[:2])), rounded(row[2:])) for row in found]
            expected = groups_of(runs, by, metric).items()
            return like_numbers(kept), like_numbers(expected)
        case "sql aggregate":
            by, metric = rest
            found = lake.sql(
                "select label, runs, n, mean, median, min, max from "
                f"aggregate({quoted(by)}, metric := {quoted(asked(metric))})"
            ).rows()
            expected = {k[0]: v for k, v in groups_of(runs, [by], metric).items()}
            return {
                row[0]: rounded([row[1], 0, *row[2:5], None, *row[5:]]) for row in found
            }, expected
        case "sweep":
            return swept(lake, runs, *rest)
        case "lookup":
            keys = [{"strategy": "s", "symbol": r["symbol"], "params": r["params"]} for r in runs]
            found = lake.lookup(keys, columns=["created_at"])["run_id"].to_list()
            return found, [latest(runs, run) for run in runs]
        case "spread":
            return spread(lake, runs)
        case "compare":
            return compared(lake, runs, *rest)
        case "cli list":
            out = asked_by_command(lake, "list", "--sort", rest[0], "--columns", "run_id,params")
            expected = {r["run_id"]: r["params"] for r in runs}
            order = [row["run_id"] for row in out]
            return (order, {r["run_id"]: parsed(r["params"]) for r in out}), (
                ordered(runs, rest[0], False), expected)  # fmt: skip
        case "export":
            return exported(lake, runs, rest[0])
    raise AssertionError(kind)


def parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def ids_of_best(lake: Lake, kind: str, key: str, n: int, ascending: bool) -> list[str]:
    if kind == "best":
        return lake.best(asked(key), n, ascending=ascending)["run_id"].to_list()
    if kind == "sql best":
        text = f"from best({quoted(asked(key))}, n := {n}, ascending := {ascending})"
        return [row[0] for row in lake.sql(f'select run_id from ({text}) order by "rank"').rows()]
    order = ["--order", "asc" if ascending else "desc"]
    out = asked_by_command(lake, "best", asked(key), "-n", str(n), *order, "--columns", "run_id")
    return [row["run_id"] for row in out]


def asked_by_command(lake: Lake, *args: str) -> list[dict[str, Any]]:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command([*args, "-f", "json", "--lake", str(lake.path)])
    if err.getvalue().startswith("error: no "):
        raise UnknownName(err.getvalue())
    assert code == 0, (args, err.getvalue())
    out.flush()
    return json.loads(out.buffer.getvalue() or "[]")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def label_text(value: Any) -> str | None:
    return None if value is None else shown_text(value) if not hasattr(value, "isoformat") else value.isoformat()[:10]  # fmt: skip


def like_numbers(groups: Any) -> list[str]:
    """Groups by their labels; a column of whole and broken numbers has floats."""

    def label(text: str | None) -> Any:
        return text if text is None or number_of(text) is None else float(text)

    return sorted(repr((tuple(map(label, key)), row)) for key, row in groups)


def rounded(row: Any) -> tuple:
    runs, _, n, mean, median, _, low, high = row
    return runs, n, near(mean), near(median), low, high


def latest(runs: list[Run], like: Run) -> str:
    same = [
        run["run_id"]
        for run in runs
        if run["symbol"] == like["symbol"] and same_params(run["params"], like["params"])
    ]
    created = {run["run_id"]: run["created_at"] for run in runs}
    return max(same, key=lambda run_id: (created[run_id], run_id))


def same_params(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def swept(lake: Lake, runs: list[Run], x: str, metric: str) -> tuple[Any, Any]:
    def value(run: Run) -> Any:
        return run["symbol"] if x == "symbol" else run["params"].get(x[6:])

    groups: dict[str, list[Run]] = {}
    for run in runs:
        if value(run) is not None:
            groups.setdefault(json.dumps(value(run)), []).append(run)
    expected = sorted((figures(members, metric)[1:3] for members in groups.values()), key=repr)
    try:
        grid = lake.sweep("s", x, metric=asked(metric))
    except LakeError:
        assert not any(metric_value(run, metric) is not None for run in runs)
        return [], []
    found = sorted(((row[-1], near(row[1])) for row in grid.rows), key=repr)
    assert grid.frame().height == grid.pivot_frame().height == len(set(grid.xs)) == len(grid.rows)
    values = [json.loads(key) for key in groups]
    if values and all(type(v) in (int, float) for v in values):
        return (found, [float(v) for v in grid.xs]), (expected, sorted(map(float, values)))
    return found, expected


def spread(lake: Lake, runs: list[Run]) -> tuple[Any, Any]:
    frame = lake.runs(sort="run_id", ascending=True, spread_params=True)

    def leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict) and value:
            for key, part in value.items():
                yield from leaves(part, f"{name}.{key}")
        else:
            yield name, value

    found, expected = {}, {}
    for run in runs:
        for key, value in run["params"].items():
            for name, leaf in leaves(value, f"param.{key}"):
                if (
                    name in frame.columns
                    and not isinstance(leaf, (dict, list))
                    and leaf is not None
                ):
                    there = frame[name][runs.index(run)]
                    found[run["run_id"], name] = plain(there)
                    expected[run["run_id"], name] = plain(leaf)
    return found, expected


def plain(value: Any) -> Any:
    """A value in a column of one type: numbers and texts alike as texts, to 15 digits."""
    if isinstance(value, bool):
        return str(value).lower()
    found = number_of(value) if not isinstance(value, str) or _NUMBER.fullmatch(value) else None
    return value if found is None else float(found)


def compared(lake: Lake, runs: list[Run], one: str, other: str) -> tuple[Any, Any]:
    lines = lake.compare(one, other).differences
    found = {line.name for line in lines if line.section == "param"}
    by_id = {run["run_id"]: run["params"] for run in runs}

    def flat(value: Any, name: str = "") -> dict[str, str]:
        if isinstance(value, dict) and (value or not name):
            parts = [flat(v, f"{name}.{k}" if name else k) for k, v in value.items()]
            return {k: v for part in parts for k, v in part.items()}
        return {name: json.dumps(value)}

    left, right = flat(by_id[one]), flat(by_id[other])
    return found, {name for name in left | right if left.get(name) != right.get(name)}


def exported(lake: Lake, runs: list[Run], suffix: str) -> tuple[Any, Any]:
    """A file, and the runs of a lake that took it in."""
    with tempfile.TemporaryDirectory() as folder:
        lake.export(Path(folder) / f"e{suffix}")
        again = bt_lake.open(Path(folder) / "again")
        again.ingest(Path(folder) / f"e{suffix}")
        names = "run_id, symbol, params, created_at::varchar, extra::varchar, sharpe_ratio"
        ask = f"select {names} from runs order by run_id"
        return again.sql(ask).rows(), lake.sql(ask).rows()


# The hunt


def difference(runs: list[Run], question: Question) -> str:
    """What is unlike in the two answers, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        return _unlike(made(runs, Path(folder) / "lake"), runs, question)


def _unlike(lake: Lake, runs: list[Run], question: Question) -> str:
    try:
        lakes, pythons = answers(lake, runs, question)
    except (UnknownName, BadInput) as error:
        # No run has such a metric or parameter: that is an answer, too.
        known = str(question)
        return "" if any(n in known for n in ("param.", *METRICS)) and _nobody(runs, question) else f"{error!r}"  # fmt: skip
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "" if lakes == pythons else f"the lake: {lakes!r}\nPython:   {pythons!r}"


def _nobody(runs: list[Run], question: Question) -> bool:
    """Whether one of the names asked for is of no run."""
    texts = [part for part in _flat(question[1:]) if isinstance(part, str)]
    keys = [t for t in texts if t in METRICS or t.startswith("param.")]
    return any(all(metric_value(run, key) is None for run in runs) for key in keys)


def _flat(parts: Any) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, (list, tuple)):
            yield from _flat(part)
        else:
            yield part


def shrunk(runs: list[Run], question: Question) -> list[Run]:
    """The fewest of the runs for which the answers still differ."""
    for run in list(runs):
        fewer = [each for each in runs if each is not run]
        named = {part for part in question if isinstance(part, str)} & {r["run_id"] for r in runs}
        if fewer and run["run_id"] not in named and difference(fewer, question):
            runs = fewer
    return runs


def hunt(seed: int, cases: int, *, a_lake: int = 50) -> int:
    """Ask so many questions; the first difference is an AssertionError. Gives how many differed."""
    rng = random.Random(seed)
    done = 0
    while done < cases:
        runs = lake_of(rng)
        with tempfile.TemporaryDirectory() as folder:
            lake = made(runs, Path(folder) / "lake")
            for _ in range(min(a_lake, cases - done)):
                question = question_about(runs, rng)
                if _unlike(lake, runs, question):
                    few = shrunk(runs, question)
                    told = "\n".join(f"  {run}" for run in few)
                    raise AssertionError(
                        f"seed {seed}, case {done}: {question}\n{told}\n"
                        f"{difference(few, question) or _unlike(lake, runs, question)}"
                    )
                done += 1
    return done


if __name__ == "__main__":
    print(hunt(int(sys.argv[1]), int(sys.argv[2])), "cases")
