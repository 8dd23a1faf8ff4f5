"""Asking a million runs: bt-lake beside SQLite with its natural indexes and raw DuckDB.

    python bench/queries.py [--runs N | --full] [--curves N] [--keep FOLDER] [--json FILE]

Warm figures are medians, through Python, with the look for news that each question begins with.
Cold ones are the command line as a user types it, above `python -c "import duckdb"`.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from queries_lake import METRICS, POINTS, build
from queries_peers import LABELS, Raw, Sqlite
from report import Report

from bt_lake.lake import Lake
from bt_lake.queries import curves, detail, grouping, listing, lookup, ranking
from bt_lake.queries.filters import Filters
from bt_lake.warehouse.store import Store

LARGEST, SMALL = "strategy_000", "strategy_150"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--curves", type=int, default=100_000, help="runs with an equity curve")
    options.add_argument("--full", action="store_true", help="1,000,000 runs, all with curves")
    options.add_argument("--keep", type=Path, help="keep what was built here, and use it again")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    if asked.full:
        asked.runs = asked.curves = 1_000_000
    asked.curves = min(asked.curves, asked.runs)
    made = nullcontext(str(asked.keep)) if asked.keep else tempfile.TemporaryDirectory()
    with made as place:
        folder = Path(place) / f"{asked.runs}-{asked.curves}"
        bench = Bench(folder, asked.runs, asked.curves)
        bench.warm()
        bench.cold()
        bench.report.finish(asked.json)


class Bench:
    def __init__(self, folder: Path, runs: int, curves: int) -> None:
        self.report = Report("queries")
        self.report.facts |= {"runs": runs, "points": curves * POINTS}
        self.path = folder / "lake"
        self.at_full_size = runs >= 1_000_000
        begun = time.perf_counter()
        if not (self.path / "lake.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            build(self.path, runs, curves)
        source = Store(self.path).connect()
        source.execute("from lake_curves limit 0")
        self.raw = Raw(folder, source)
        self.sqlite = Sqlite(folder, source)
        source.close()
        self.lake = Lake(self.path)
        print(f"{runs:,} runs, {curves * POINTS:,} points, ready in "
              f"{time.perf_counter() - begun:.0f} s\n")  # fmt: skip
        rng = random.Random(1)
        self.curves = curves
        first = self.lake.sql(f"select run_id from runs order by 1 limit {curves or runs}")[
            "run_id"
        ]
        self.ids = rng.sample(first.to_list(), 20)
        keys = self.lake.sql(
            f"select {', '.join(LABELS)} from runs using sample 1000 rows (reservoir, 1)"
        )
        self.keys = keys.rows()

    def warm(self) -> None:
        self.best()
        self.groups()
        reader, ids = self.lake.reader, self.ids
        each = iter(ids * 9)
        self.compare(
            "one run by id, in full", "<= 15 ms",
            lambda: detail.detail(reader, next(each)).row,
            lambda: self.raw.one(ids[0]), lambda: self.sqlite.one(ids[0]),
        )  # fmt: skip
        self.compare(
            "last 20 runs", "<= 15 ms",
            lambda: listing.listing(reader).rows(), self.raw.newest, self.sqlite.newest,
        )  # fmt: skip
        if self.curves:
            self.compare(
                "one equity curve", "<= 10 ms",
                lambda: curves.equity(reader, [next(each)]).rows(),
                lambda: self.raw.curve(ids[0]), lambda: self.sqlite.curve(ids[0]),
            )  # fmt: skip
        self.compare(
            "all runs with fast = 10", "<= 150 ms",
            lambda: listing.listing(
                reader, n=None, columns=["run_id", "sharpe_ratio"],
                filters=Filters(params={"fast": 10}),
            ).rows(),
            lambda: self.raw.with_param(10), lambda: self.sqlite.with_param(10),
        )  # fmt: skip
        asked = [dict(zip(LABELS, key, strict=True)) for key in self.keys]
        self.compare(
            "lookup of 1,000 keys", "<= 150 ms",
            lambda: lookup.lookup(reader, asked).rows(),
            lambda: self.raw.lookup(self.keys), lambda: self.sqlite.lookup(self.keys),
        )  # fmt: skip

    def best(self) -> None:
        reader, ratios, times = self.lake.reader, [], []
        for metric in METRICS:
            ours = median(lambda m=metric: ranking.best(reader, m, ascending=False).rows(), 5)
            raw = median(lambda m=metric: self.raw.best(m), 5)
            mine = ranking.best(reader, metric, ascending=False, columns=["run_id"]).rows()
            assert [row[1] for row in mine] == [row[0] for row in self.raw.best(metric)], metric
            ratios.append(ours / raw)
            times.append((ours, raw))
        ours, raw = (statistics.median(column) for column in zip(*times, strict=True))
        self.report.row("best 10, median of 20 metrics", "bt-lake", ours, "ms")
        self.report.row("", "raw DuckDB", raw, "ms")
        self.report.ratio("bt-lake / raw DuckDB, worst metric", max(ratios), self.goal("<= 2"))
        sqlite = median(lambda: self.sqlite.best("sharpe_ratio"), 5)
        self.report.row("", "SQLite", sqlite, "ms")
        self.report.ratio("SQLite / bt-lake", sqlite / ours, self.goal("> 1"))
        own = median(lambda: ranking.best(reader, "my_score").rows(), 5)
        self.report.row("best 10 by a metric of one's own", "bt-lake", own, "ms")

    def groups(self) -> None:
        reader = self.lake.reader
        self.compare(
            "aggregate by strategy", ">= 5",
            lambda: grouping.aggregate(reader, by="strategy").rows(),
            self.raw.by_strategy, self.sqlite.by_strategy,
        )  # fmt: skip
        for name, goal in ((LARGEST, ">= 5"), (SMALL, "")):
            size = self.lake.sweep(name, "fast", "slow").runs
            self.compare(
                f"sweep of {size:,} runs, 2 params", goal,
                lambda n=name: self.lake.sweep(n, "fast", "slow").pivot(),
                lambda n=name: self.raw.sweep(n), lambda n=name: self.sqlite.sweep(n),
            )  # fmt: skip

    def compare(
        self,
        what: str,
        goal: str,
        ours: Callable[[], Any],
        raw: Callable[[], Any],
        sqlite: Callable[[], Any],
    ) -> None:
        times = [median(question) for question in (ours, raw, sqlite)]
        is_ratio = goal.startswith(">=")
        self.report.row(what, "bt-lake", times[0], "ms", "" if is_ratio else self.goal(goal))
        self.report.row("", "raw DuckDB", times[1], "ms")
        self.report.row("", "SQLite", times[2], "ms")
        if is_ratio:
            self.report.ratio("SQLite / bt-lake", times[2] / times[0], self.goal(goal))

    def goal(self, text: str) -> str:
        """What must hold is said of a million runs."""
        return text if self.at_full_size else ""

    def cold(self) -> None:
        """Whole commands, beside the least that Python takes, alone and with DuckDB."""
        run_id = self.ids[0]
        base = elapsed([sys.executable, "-c", "import duckdb"])
        self.report.row("python -c 'import duckdb'", "", base, "ms")
        command = [str(Path(sys.executable).with_name("bt-lake")), "--lake", str(self.path)]
        most = "<= 1.6" if self.at_full_size else "<= 1.3"
        for words in (["best", "sharpe_ratio"], ["list"], ["show", run_id], ["show", run_id[-8:]]):
            spent = elapsed([*command, *words])
            self.report.row(
                f"cold: bt-lake {words[0]}", "above import duckdb", spent - base, "ms", "<= 200"
            )
            self.report.ratio("bt-lake / import duckdb", spent / base, most)
        least = elapsed([sys.executable, "-c", "pass"])
        asked = {
            "_BT_LAKE_COMPLETE": "complete_bash",
            "COMP_WORDS": "bt-lake be",
            "COMP_CWORD": "1",
        }
        for word, where in (("--version", {}), ("--help", {}), ("completion", asked)):
            words = [] if where else [word]
            spent = elapsed([command[0], *words], environment=where) - least
            self.report.row(f"cold: bt-lake {word}", "above python -c pass", spent, "ms", "<= 100")


def median(question: Callable[[], Any], times: int = 9) -> float:
    """Milliseconds, after one that is not counted."""
    question()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        question()
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent)


def elapsed(command: list[str], times: int = 9, environment: Mapping[str, str] = {}) -> float:
    def run() -> None:
        where = {**os.environ, **environment}
        subprocess.run(command, capture_output=True, check=True, env=where)

    return median(run, times)


if __name__ == "__main__":
    main()
