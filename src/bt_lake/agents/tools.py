"""The tools: each is one question of the face, or one mark on runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from mcp.types import CallToolResult
from pydantic import Field

from bt_lake.agents.answers import MOST_KB, USUAL_KB, Done, Facts, Rows, facts, rows, told
from bt_lake.warehouse.errors import Interrupted, UnknownName
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from bt_lake.lake import Lake
    from bt_lake.queries.answer import Answer

FILTERS = (
    "Which runs: strategy, symbol, timeframe, sweep, study, fold, sample, engine, status, tag (a "
    "text, or a list: any of them), since, until, min_trades, params ({name: value}; the name may "
    "end in <, <=, >, >= or !=), where (SQL over the columns of runs)."
)
Filters = Annotated[dict[str, Any] | None, Field(description=FILTERS)]
Count = Annotated[int, Field(ge=1, le=10_000, description="At most so many rows.")]
Kb = Annotated[int, Field(ge=1, le=MOST_KB, description="At most so many kilobytes of answer.")]
Metric = Annotated[str, Field(description="A metric; the tool `metrics` lists them.")]
Run = Annotated[str, Field(description="The id of a run, or its last characters.")]
TheRows = Annotated[CallToolResult, Rows]
TheFacts = Annotated[CallToolResult, Facts]
WhatIsDone = Annotated[CallToolResult, Done]
LISTED = (
    "run_id", "strategy", "symbol", "timeframe", "params", "sharpe_ratio", "total_return",
    "max_drawdown", "total_trades", "created_at", "status",
)  # fmt: skip
_MOST_POINTS = 2_000


class Tools:
    """Questions of one lake, one at a time; a slow one is ended."""

    def __init__(self, lake: Lake, seconds: float) -> None:
        self._lake = lake
        self._seconds = seconds
        self._turn = threading.Lock()

    @property
    def reading(self) -> list[Callable[..., CallToolResult]]:
        return [
            self.list_runs, self.best, self.aggregate, self.sweep, self.compare, self.show_run,
            self.curve, self.trades, self.drawdowns, self.lookup, self.overfit, self.metrics,
            self.schema, self.sql, self.info, self.portfolio, self.study, self.certify,
        ]  # fmt: skip

    @property
    def writing(self) -> list[Callable[..., CallToolResult]]:
        return [self.tag, self.untag, self.note]

    @contextmanager
    def asked(self) -> Iterator[Lake]:
        with self._turn:
            clock = threading.Timer(self._seconds, self._lake.interrupt)
            clock.daemon = True
            clock.start()
            try:
                yield self._lake
            except Interrupted:
                raise Interrupted(
                    f"the question took more than {self._seconds:g} s and was stopped; ask for less"
                ) from None
            finally:
                clock.cancel()

    def list_runs(
        self,
        n: Count = 20,
        sort: Annotated[str, Field(description="A column, a metric or param.NAME.")] = "created_at",
        ascending: bool = False,
        columns: list[str] | None = None,
        filters: Filters = None,
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """Runs in any order, the newest first by default."""
        with self.asked() as lake:
            found = lake.ask.runs(
                n=n, sort=sort, ascending=ascending, columns=columns or LISTED, **(filters or {})
            )
            return _rows(lake, found, kb)

    def best(
        self,
        metric: Metric = "sharpe_ratio",
        n: Count = 10,
        per: Annotated[
            list[str] | None, Field(description="The best n for each value of these labels.")
        ] = None,
        deflate: Annotated[
            bool,
            Field(description="Beside each: the chance that it beats luck, given all trials."),
        ] = True,
        columns: list[str] | None = None,
        filters: Filters = None,
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """The best runs by a metric. The best of many tries is mostly luck: leave `deflate` on
        where the metric is sharpe_ratio, and ask `overfit` before you believe one."""
        with self.asked() as lake:
            found = lake.ask.best(
                metric,
                n,
                per=per or (),
                deflate=deflate and metric == "sharpe_ratio",
                columns=columns or LISTED,
                **(filters or {}),
            )
            return _rows(lake, found, kb)

    def aggregate(
        self,
        by: Annotated[list[str], Field(description="Labels, param.NAME, day, week, month, year.")],
        metric: Metric = "sharpe_ratio",
        filters: Filters = None,
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """How a metric is spread within each group of runs."""
        with self.asked() as lake:
            return _rows(lake, lake.ask.aggregate(by=by, metric=metric, **(filters or {})), kb)

    def sweep(
        self,
        strategy: str,
        x: Annotated[str, Field(description="A parameter, or a label.")],
        y: str | None = None,
        metric: Metric = "sharpe_ratio",
        how: Annotated[str, Field(description="mean, median, min, max, count, ...")] = "mean",
        filters: Filters = None,
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """A metric over one or two parameters, and where it is good all around (the plateau)."""
        with self.asked() as lake:
            grid = lake.sweep(strategy, x, y, metric=metric, how=how, **(filters or {}))
            names = [grid.x, *([grid.y] if grid.y else []), f"{how} of {metric}"]
            plateau = grid.plateau() if grid.y else None
            note = " · ".join(filter(None, [grid.note, f"plateau: {plateau}" if plateau else ""]))
            return rows([*names], [row[: len(names) - 1] + row[-1:] for row in grid.rows],
                        note=note, kb=kb)  # fmt: skip

    def compare(
        self,
        runs: Annotated[list[str], Field(min_length=2, max_length=20)],
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """Runs side by side: what differs in what they were given, then every metric."""
        with self.asked() as lake:
            frame = lake.compare(*runs).frame()
            return rows(frame.columns, frame.rows(), kb=kb)

    def show_run(self, run: Run) -> TheFacts:
        """All that is known of one run, and what luck alone would give at as many trials."""
        with self.asked() as lake:
            found = lake.run(run)
            standing = found.standing()
            named = ("log", "config", "reported", "sealed")  # long, or said otherwise
            return facts(
                {
                    **{n: v for n, v in found.row.items() if n not in named},
                    "luck": str(standing or ""),
                },
                "\n".join(map(str, found.disagreements)),
            )

    def curve(
        self,
        run: Run,
        points: Annotated[int, Field(ge=2, le=_MOST_POINTS)] = 60,
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """The equity curve of a run: points at even distances, with the first and the last."""
        with self.asked() as lake:
            found = lake.ask.equity([run])
            every = found.rows()
            last = max(len(every) - 1, 1)
            steps = min(points, len(every))
            chosen = sorted({round(k * last / max(steps - 1, 1)) for k in range(steps)})
            places = [found.columns.index(name) for name in ("ts", "equity", "drawdown")]
            kept = [[every[k][place] for place in places] for k in chosen if k < len(every)]
            return rows(["ts", "equity", "drawdown"], kept, total=len(every), kb=kb)

    def trades(self, run: Run, n: Count = 50, kb: Kb = USUAL_KB) -> TheRows:
        """The trades of a run, in their order."""
        with self.asked() as lake:
            return _rows(lake, lake.ask.trades([run]), kb, most=n)

    def drawdowns(self, run: Run, n: Count = 5) -> TheRows:
        """The deepest falls of a run: from, trough, back, depth, days."""
        with self.asked() as lake:
            frame = lake.drawdowns([run], n)
            return rows(frame.columns, frame.rows())

    def lookup(
        self,
        strategy: str,
        params: dict[str, Any] | None = None,
        labels: Annotated[
            dict[str, str] | None, Field(description="symbol, timeframe, fold, sample, ...")
        ] = None,
    ) -> TheRows:
        """Whether exactly this configuration was run, and with what result. Ask before you run it:
        each trial more makes the best one worth less."""
        with self.asked() as lake:
            key = {"strategy": strategy, "params": params or {}, **(labels or {})}
            return _rows(lake, lake.ask.lookup(key), USUAL_KB)

    def overfit(self, filters: Filters = None) -> TheFacts:
        """What the best of all trials that fit is worth, given how many were tried: the verdict,
        in words that a person can be shown."""
        with self.asked() as lake:
            report = lake.overfit(**(filters or {}))
            said = {"verdict": report.verdict, "better_than_luck": report.better}
            return facts({**said, "notes": report.notes}, str(report))

    def metrics(
        self,
        like: Annotated[str, Field(description="A part of the name or of the meaning.")] = "",
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """The metrics there are, what each means, and whether more is better."""
        with self.asked() as lake:
            found = [
                (each.name, each.better, each.meaning)
                for each in lake.metrics()
                if like.lower() in f"{each.name} {each.meaning}".lower()
            ]
            return rows(["name", "better", "meaning"], found, kb=kb)

    def schema(self, table: str = "runs", kb: Kb = 32) -> TheRows:
        """The columns of a table: runs, equity, trades or events. `trials` in SQL is `runs` with
        the deleted ones."""
        if table not in TABLES:
            raise UnknownName.near("table", table, TABLES)
        found = [(each.name, each.kind, each.meaning) for each in TABLES[table].columns]
        return rows(["name", "type", "meaning"], found, kb=kb)

    def sql(
        self,
        query: Annotated[str, Field(description="One SELECT of DuckDB over the lake's views.")],
        n: Count = 100,
        kb: Kb = USUAL_KB,
    ) -> TheRows:
        """Any question in SQL: views runs, trials, equity, trades, events, monthly_returns,
        studies, study_trials; it reads nothing else and changes nothing."""
        with self.asked() as lake:
            # On lines of its own: the query may end in a comment.
            some = lake.ask.sql(f"select * from (\n{query.strip().rstrip(';')}\n) limit {n + 1}")
            return _rows(None, some, kb, most=n)  # a query may need the whole ids

    def info(self) -> TheFacts:
        """How many runs, strategies and symbols the lake holds, and since when."""
        with self.asked() as lake:
            census = lake.info()
            told = ("runs", "failed", "deleted", "strategies", "symbols", "first_run_at",
                    "last_run_at")  # fmt: skip
            return facts({name: getattr(census, name) for name in told})

    def portfolio(
        self,
        runs: Annotated[list[str], Field(min_length=2, max_length=50)],
        weights: Annotated[str, Field(description="equal, inverse-vol or hrp.")] = "equal",
    ) -> TheFacts:
        """Runs as one account: its metrics, weights and correlations, over the days they share."""
        with self.asked() as lake:
            found = lake.portfolio(runs, weights=weights)
            return facts({"metrics": found.metrics}, str(found))

    def study(self, name: str) -> TheFacts:
        """How far a study is: its hypothesis and rule, trials used and left, the best beside luck
        at this count, its verdict. Runs of a study are refused past its budget."""
        with self.asked() as lake:
            found = lake.study(name)
            now = found.standing
            said = {"trials": now.trials, "left": now.left, "decided": now.verdict}
            return facts({"budget": now.budget, **said}, str(found))

    def certify(self, run: Run) -> TheFacts:
        """Evidence for a run: its family of trials with one digest over all, and what luck says."""
        with self.asked() as lake:
            made = lake.certify(run)
            told = made.to_dict()
            return facts({"digest": told["digest"], "root": told["family"]["root"]}, str(made))

    def tag(self, tag: str, runs: list[str]) -> WhatIsDone:
        """Put a tag on runs."""
        with self.asked() as lake:
            return _done(lake.tag(tag, runs), f"tagged '{tag}'")

    def untag(self, tag: str, runs: list[str]) -> WhatIsDone:
        """Take a tag off runs."""
        with self.asked() as lake:
            return _done(lake.untag(tag, runs), f"no longer tagged '{tag}'")

    def note(self, text: str, runs: list[str]) -> WhatIsDone:
        """Write a note on runs, for whoever looks at them next."""
        with self.asked() as lake:
            return _done(lake.note(text, runs), "noted")


def _rows(lake: Lake | None, answer: Answer, kb: int, *, most: int | None = None) -> CallToolResult:
    """The rows of an answer; of a lake's, ids are as short as they may be."""
    found = answer.rows()
    if lake is not None and "run_id" in answer.columns:
        place = answer.columns.index("run_id")
        short = lake.short_ids([row[place] for row in found if row[place] is not None])
        found = [(*row[:place], short.get(row[place]), *row[place + 1 :]) for row in found]
    total = answer.total()
    whole = len(found) if total is None else total
    return rows(answer.columns, found[:most], total=whole, note=answer.note(), kb=kb)


def _done(count: int, what: str) -> CallToolResult:
    return told(Done(runs=count, text=f"{count:,} runs {what}"))
