"""Lake: the face of bt-lake in Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from bt_lake.queries import resolving
from bt_lake.queries.filters import Filters, Given, Time
from bt_lake.queries.reading import Reader
from bt_lake.questions import Key, Questions, RunIds, named, several
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.layout import WAIT_S
from bt_lake.warehouse.refusing import refusing
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import polars as pl
    from duckdb import DuckDBPyConnection

    from bt_lake.drawing.picture import Picture
    from bt_lake.evidence.certificate import Certificate
    from bt_lake.evidence.verifying import Verification
    from bt_lake.ingest.batch import Batch
    from bt_lake.ingest.keywords import RunKeywords
    from bt_lake.ingest.pipeline import Progress
    from bt_lake.ingest.recording import Recording
    from bt_lake.ingest.report import IngestReport
    from bt_lake.ingest.run import Run
    from bt_lake.ingest.stores.importing import Progress as ImportProgress
    from bt_lake.ingest.stores.report import ImportReport
    from bt_lake.overfit.results import OverfitReport
    from bt_lake.overfit.walking import Walk
    from bt_lake.queries.census import Census
    from bt_lake.queries.comparing import Comparison
    from bt_lake.queries.detail import Detail
    from bt_lake.queries.exporting import Exported
    from bt_lake.queries.facets import Counted, Histogram
    from bt_lake.queries.importance import Importance
    from bt_lake.queries.living import Lived
    from bt_lake.queries.mixing import Portfolio
    from bt_lake.queries.names import Described
    from bt_lake.queries.simulating import Simulation
    from bt_lake.queries.sweeping import Grid
    from bt_lake.report.written import Report
    from bt_lake.running.arguments import Parameter
    from bt_lake.running.live import Running
    from bt_lake.running.planning import Options, Plan
    from bt_lake.running.reproduce import Call, Reproduction
    from bt_lake.running.sweep import Swept
    from bt_lake.running.target import Function
    from bt_lake.study.studying import Study
    from bt_lake.warehouse.copies import Copied
    from bt_lake.warehouse.delta import DeltaState
    from bt_lake.warehouse.findings import Findings
    from bt_lake.warehouse.merge import Merged

Frame = TypeVar("Frame")


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    existing: bool | None = None,
    wait: float | None = None,
) -> Lake:
    """The lake at a path, by default $BT_LAKE or ./lake; it is made on the first write.

    `existing` (or $BT_LAKE_EXISTING) never makes one: a lake that was moved is an error then.
    `wait` (or $BT_LAKE_WAIT) is how many seconds to wait for another process, by default 60.
    """
    from bt_lake.warehouse import settings

    return Lake(
        path if path is not None else os.environ.get("BT_LAKE") or "lake",
        existing=settings.existing() if existing is None else existing,
        wait=settings.wait_s() if wait is None else wait,
    )


@refusing
class Lake:
    """A lake of backtests.

    Reading methods take the filters of `bt_lake.queries.filters.Filters` as keywords and give
    polars frames. A run is named by any unique first or last part of its id.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Store,
        *,
        existing: bool = False,
        wait: float = WAIT_S,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        self.store = (
            path
            if isinstance(path, Store)
            else Store(path, existing=existing, wait_s=wait, announce=announce)
        )

    @property
    def path(self) -> Path:
        return self.store.path

    def __repr__(self) -> str:
        return f"Lake({self.store.address!r})"

    def __reduce__(self) -> tuple[Callable[..., Lake], tuple[str, bool, float]]:
        return _reopened, (self.store.address, self.store.existing, self.store.layout.wait_s)

    def __len__(self) -> int:
        """How many runs there are, deleted ones left out."""
        return int(self.sql("select count(*) from runs").item())

    def __bool__(self) -> bool:
        return True  # an empty lake is one, too

    def __contains__(self, run_id: object) -> bool:
        return isinstance(run_id, str) and bool(self.store.known([run_id]))

    def __getitem__(self, run: str) -> Detail:
        return self.run(run)

    __iter__ = None  # over what? `lake.runs()` gives a frame

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.store.layout)

    @cached_property
    def ask(self) -> Questions:
        """The questions with rows as lazy answers: rows, frame, Arrow, total, SQL."""
        return Questions(self.reader)

    # Writing

    @overload
    def save(
        self,
        obj: list[Any] | tuple[Any, ...],
        *,
        unique: bool = ...,
        **columns: Unpack[RunKeywords],
    ) -> list[str]: ...
    @overload
    def save(
        self,
        obj: Run | dict[str, Any] = ...,
        *,
        unique: bool = ...,
        **columns: Unpack[RunKeywords],
    ) -> str: ...
    @overload
    def save(self, obj: object, *, unique: bool = ..., **columns: Unpack[RunKeywords]) -> Any: ...
    def save(self, obj: Any = ..., *, unique: bool = False, **columns: Unpack[RunKeywords]) -> Any:
        """Save an engine's result, a Run, or a run document; gives the run's id.

        What holds several runs gives a list of ids. Keywords are what you know better: any column
        of `runs`, equity or returns, trades, params, metrics. `unique` refuses a run whose
        strategy, symbol, timeframe, exit rule, fold, sample, period and params are in the lake
        already.
        """
        from bt_lake.ingest.saving import save

        return save(self.store, obj, unique=unique, **columns)

    def batch(self, *, all_or_nothing: bool = False) -> Batch:
        """`with lake.batch() as batch: batch.save(...)`: many runs in few commits.

        What is finished is kept when the block raises; `all_or_nothing` drops it.
        """
        from bt_lake.ingest.batch import Batch

        return Batch(self.store, all_or_nothing=all_or_nothing)

    def record(self, **columns: Unpack[RunKeywords]) -> AbstractContextManager[Recording]:
        """`with lake.record(strategy=...) as run: run.result = ...`: failed runs are saved too."""
        from bt_lake.ingest.recording import record

        return record(self.store, **columns)

    def ingest(
        self,
        *paths: str | os.PathLike[str],
        set_columns: Mapping[str, Any] | None = None,
        on_error: Literal["stop", "skip"] = "stop",
        unique: bool = False,
        dry_run: bool = False,
        time_zone: str | None = None,
        day_first: bool | None = None,
        decimal: str | None = None,
        trades: bool = False,
        returns: bool = False,
        columns: Mapping[str, str] | str | None = None,
        study: str | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Take in files, folders or other lakes, each run once.

        A bad file stops it with nothing of that batch added, unless `on_error` is "skip".
        `set_columns` such as {"symbol": "AAPL"} override what the files say. `dry_run` reads
        everything and adds nothing. `time_zone`, `day_first` and `decimal` say how to read the
        exports of trading platforms; with `trades` the files are lists of trades, whose `columns`
        are named as {"pnl": "Net profit"}, with `returns` dates and returns. `study` is the one
        whose budget the runs spend.
        """
        from bt_lake.ingest.pipeline import ingest
        from bt_lake.ingest.sheets.hints import hints

        return ingest(
            self.store,
            paths,
            set_columns=_of_study(set_columns, study),
            on_error=on_error,
            unique=unique,
            dry_run=dry_run,
            hints=hints(
                time_zone=time_zone,
                day_first=day_first,
                decimal=decimal,
                trades=trades,
                returns=returns,
                columns=columns,
            ),
            progress=progress,
        )

    def import_store(
        self,
        kind: str,
        where: str | os.PathLike[str],
        *,
        table: str | None = None,
        study: str | None = None,
        names: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
        set_columns: Mapping[str, Any] | None = None,
        strict: bool = False,
        update: bool = False,
        dry_run: bool = False,
        progress: ImportProgress | None = None,
    ) -> ImportReport:
        """Take in the runs of an older store, each once: sqlite, postgres, zarr, mlflow, optuna or
        wandb.

        `names` says what their columns are ({"algo": "strategy"}), `units` percent, fraction or
        money of a column, `values` what a value means ({"status.timeout": "failed"}).
        `set_columns` override what the rows say, of runs that are in the lake already too.
        `update` makes new versions of runs whose rows were changed since; `strict` refuses a row
        for one bad value. The report says what became of every column.
        """
        from bt_lake.ingest.stores import open_source
        from bt_lake.ingest.stores.importing import import_rows

        with closing(open_source(kind, where, table, study=study)) as source:
            return import_rows(
                self.store,
                source,
                names=names,
                units=units,
                values=values,
                set_columns=set_columns,
                strict=strict,
                update=update,
                dry_run=dry_run,
                progress=progress,
            )

    def optuna_callback(self, **columns: Unpack[RunKeywords]) -> Callable[[Any, Any], None]:
        """`study.optimize(f, callbacks=[lake.optuna_callback()])`: each trial is saved as it ends.

        The values of the objectives and numeric user attributes are its metrics, in the lake's
        units. What was saved so is not taken in again by an import of the study.
        """
        from bt_lake.ingest.optuna import callback

        return callback(self.store, columns)

    def watch(
        self, *paths: str | os.PathLike[str], every_s: float = 2.0, **options: Any
    ) -> Iterator[IngestReport]:
        """Ingest what appears in folders: a report each time, until the caller stops.

        The options are those of `ingest`.
        """
        from bt_lake.ingest.sheets.hints import hints
        from bt_lake.ingest.watching import watch

        told = ("time_zone", "day_first", "decimal", "trades", "returns", "columns")
        hinted = hints(**{name: options.pop(name) for name in told if name in options})
        options["set_columns"] = _of_study(options.get("set_columns"), options.pop("study", None))
        return watch(self.store, paths, every_s=every_s, hints=hinted, **options)

    def plan(
        self,
        function: Function | str,
        grid: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Plan:
        """What `run_once` and `run_sweep` would call: `.trials`, `.sweep`; mistakes show here."""
        from bt_lake.running.planning import plan

        return plan(function, grid, **options)

    def parameters(self, function: Function | str) -> list[Parameter]:
        """What a function takes: each parameter with its type and default."""
        from bt_lake.running.target import of

        return of(function).parameters

    def run_once(
        self, function: Function | str | Plan, **options: Unpack[Options]
    ) -> tuple[list[str], str | None]:
        """Call a function and save what it gives; the ids of its runs, and why it failed, if so."""
        from bt_lake.running.once import run_once

        return run_once(self.store, self._planned(function, None, options))

    def run_sweep(
        self,
        function: Function | str | Plan,
        grid: Mapping[str, Any] | None = None,
        *,
        jobs: int | None = None,
        fail_fast: bool = False,
        keep_going: bool = False,
        fresh: bool = False,
        metric: str = "sharpe_ratio",
        progress: Callable[[Swept], None] | None = None,
        executor: Executor | str | None = None,
        save_by: Literal["workers", "driver"] = "workers",
        executor_options: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Swept:
        """Call a function with every combination of a grid that the lake does not hold yet.

        `grid` gives each parameter's values: a list, or a text like "5:50:5". Options: params
        (the same in all), conditions=["fast < slow"], random=200, seed, folds=5 and train with
        start and end, strategy, symbol, timeframe, exit_rule, sweep (the label). Worker processes
        import the function by name, so it must be in a file. `metric` is what `.best` goes by.
        Where the first ten runs fail with one error, the rest is tried only to `keep_going`.
        `fresh` gives each call a process of its own. `random` and numpy are seeded for each call
        from its arguments and `seed`.

        `executor` has the calls made elsewhere: any concurrent.futures.Executor, or "ray", "dask"
        or "slurm" with `executor_options`; `jobs` is then how many pieces of work it does at once.
        The workers save what they finish, or this process does with save_by="driver", where they
        do not see the lake.
        """
        from bt_lake.running.sweep import run

        made = self._planned(function, grid, options)
        return run(
            self.store,
            made,
            jobs=jobs,
            fail_fast=fail_fast,
            keep_going=keep_going,
            fresh=fresh,
            metric=metric,
            progress=progress,
            executor=executor,
            save_by=save_by,
            executor_options=executor_options,
        )

    def running(self) -> list[Running]:
        """What is under way in the lake now: who runs what, how far, the best so far, its log."""
        from bt_lake.running.live import running

        return running(self.store.layout)

    def reproduce(
        self,
        run: str,
        *,
        allow: Sequence[str] = (),
        changed_code: bool = False,
        agree: Callable[[Call], None] | None = None,
    ) -> Reproduction:
        """Run again what made a run, save it, and say what came out differently.

        Code outside the current folder runs only if `allow` names it ("module:function"), other
        code than that which made the run only with `changed_code`.
        """
        from bt_lake.running.reproduce import reproduce

        run_id = resolving.resolve(self.reader, run, deleted=True)
        return reproduce(self.store, run_id, allow=allow, changed_code=changed_code, agree=agree)

    def _planned(
        self, function: Function | str | Plan, grid: Mapping[str, Any] | None, options: Options
    ) -> Plan:
        from bt_lake.running.planning import Plan

        if self.store.layout.exists:
            self.store.layout.check_writable()
        return function if isinstance(function, Plan) else self.plan(function, grid, **options)

    def tag(self, tag: str, /, runs: RunIds | None = None, **filters: Unpack[Given]) -> int:
        """Tag the runs named, or those that the filters match; gives how many."""
        return self._mark("tag", runs, filters, value=tag)

    def untag(self, tag: str, /, runs: RunIds | None = None, **filters: Unpack[Given]) -> int:
        return self._mark("untag", runs, filters, value=tag)

    def note(self, text: str, runs: RunIds | None = None, **filters: Unpack[Given]) -> int:
        """Add a line to the notes of runs."""
        return self._mark("note", runs, filters, value=text)

    def delete(
        self, runs: RunIds | None = None, *, forget: bool = False, **filters: Unpack[Given]
    ) -> int:
        """Hide runs; they still count as trials, and `restore` brings them back.

        `forget` removes them for good, trials that they were: this cannot be undone. The files that
        held them are unlinked by the first `compact` after the grace period (60 s), or by a save
        that folds.
        """
        if not forget:
            return self._mark("delete", runs, filters)
        ids = self.ids(runs, deleted=True, **filters)
        self.store.forget(ids)
        return len(ids)

    def restore(self, runs: RunIds | None = None, **filters: Unpack[Given]) -> int:
        """Bring deleted runs back."""
        return self._mark("restore", runs, filters, deleted=True)

    def ids(
        self, runs: RunIds | None = None, *, deleted: bool = False, **filters: Unpack[Given]
    ) -> list[str]:
        """The ids of the runs named, or of all that the filters match; of deleted ones if asked."""
        asked = Filters.of(filters)
        if runs is not None and asked.given:
            raise BadInput("give ids or filters, not both")
        if runs is not None:
            return resolving.resolve_all(self.reader, several(runs), deleted=deleted)
        if not asked.given:
            raise BadInput("which runs? Give ids, or filters such as strategy")
        ids = resolving.matching(self.reader, asked, deleted=deleted)
        if not ids:
            why = self.reader.ask(asked.hint)
            raise NotFound(f"no run fits these filters{': ' * bool(why)}{why}")
        return ids

    def _mark(
        self,
        kind: str,
        runs: RunIds | None,
        filters: Given,
        *,
        value: str | None = None,
        deleted: bool = False,
    ) -> int:
        Filters.of(filters)  # `deleted` is none
        ids = self.ids(runs, deleted=deleted, **filters)
        if deleted:
            resolving.check_deleted(self.reader, ids)
        self.store.append_events(kind, ids, value)
        return len(ids)

    # Reading

    def runs(
        self,
        *,
        sort: str = "created_at",
        ascending: bool = False,
        n: int | None = None,
        limit: int | None = None,
        after: str | None = None,
        columns: Sequence[str] | None = None,
        spread_params: bool = False,
        **filters: Unpack[Given],
    ) -> pl.DataFrame:
        """Runs, the newest first, or by any column, metric or parameter as `param.fast`.

        All of them, or `n` (which may be called `limit`); `after` is the last run of the page
        before. `spread_params` makes a column of each parameter: a frame to train on.
        """
        return self.ask.runs(
            sort=sort,
            ascending=ascending,
            n=n,
            limit=limit,
            after=after,
            columns=columns,
            spread_params=spread_params,
            **filters,
        ).frame()

    def best(
        self,
        metric: str | None = None,
        n: int | None = None,
        *,
        per: Sequence[str] | str = (),
        ascending: bool | None = None,
        columns: Sequence[str] | None = None,
        deflate: bool = False,
        family: str | None = None,
        start: Time = None,
        end: Time = None,
        pareto: Sequence[str] | str | None = None,
        score: str | None = None,
        over: str = "ranks",
        **filters: Unpack[Given],
    ) -> pl.DataFrame:
        """The n best runs (10), or of each group (1), by a metric, what is better first.

        The metric is a column, one of your own, or a parameter as `param.fast`. `deflate` adds
        what a Sharpe ratio is worth beside all trials that the filters match (of the same `per`),
        or of the same `family`: strategy, sweep, symbol, all. With `start` or `end` metrics are
        those of the equity within that window.

        `pareto=["sharpe_ratio", "max_drawdown"]` gives the runs that no other is as good as in all
        of these; `score="2*sharpe_ratio + calmar_ratio"` ranks by a sum `over` "ranks" (0 to 1) or
        "z" (z-scores) of the runs that match, in which more is always better.
        """
        return self.ask.best(
            metric,
            n,
            per=per,
            ascending=ascending,
            columns=columns,
            deflate=deflate,
            family=family,
            start=start,
            end=end,
            pareto=pareto,
            score=score,
            over=over,
            **filters,
        ).frame()

    def aggregate(
        self,
        first: Sequence[str] | str | None = None,
        second: str | None = None,
        /,
        *,
        by: Sequence[str] | str | None = None,
        metric: str | None = None,
        quantiles: Sequence[float] = (0.25, 0.75),
        above: float | None = None,
        deflate: bool = False,
        **filters: Unpack[Given],
    ) -> pl.DataFrame:
        """How groups of runs did: by labels, parameters, or day, week, month, year.

        `aggregate("symbol", "cagr")` and `aggregate("cagr", by="symbol")` are the same question.
        `deflate` adds the number of trials and what the best Sharpe ratio of each group is worth.
        """
        return self.ask.aggregate(
            first,
            second,
            by=by,
            metric=metric,
            quantiles=quantiles,
            above=above,
            deflate=deflate,
            **filters,
        ).frame()

    def sweep(
        self,
        strategy: str,
        /,
        x: str,
        y: str | None = None,
        metric: str = "sharpe_ratio",
        *,
        how: str = "mean",
        **filters: Unpack[Given],
    ) -> Grid:
        """A metric over one or two parameters: `.frame()`, `.pivot_frame()`, `.plateau()`.

        `x` and `y` are parameters or labels. `how` says what becomes of several runs in one cell:
        mean, median, min, max, std, count.
        """
        from bt_lake.queries.sweeping import sweep

        return sweep(
            self.reader,
            strategy,
            x=x,
            y=y,
            metric_name=metric,
            how=how,
            filters=Filters.of(filters),
        )

    def overfit(
        self,
        *,
        splits: int = 16,
        bootstraps: int = 5000,
        block: float | None = None,
        seed: int = 0,
        start: Time = None,
        end: Time = None,
        benchmark: str | float | os.PathLike[str] | None = None,
        peeking: bool = False,
        more: bool = False,
        **filters: Unpack[Given],
    ) -> OverfitReport:
        """What the best of the matching trials is worth; deleted and failed ones count too.

        `print` it, or take `.verdict`, `.better`, `.search`, `.best`, `.overfitting`,
        `.to_dict()`. `splits` is the number of blocks of CSCV, `block` the mean length of those of
        the bootstrap. With `start` or `end` only the equity within that window counts. `benchmark`
        (a run, a CSV file of prices, a rate a year) is subtracted from all returns; `peeking`
        bounds the error of who looks after every trial; `more` adds each trial's adjusted p-values
        and what else there is, as `.more`.
        """
        from bt_lake.queries.overfitting import overfit

        return overfit(
            self.reader,
            splits=splits,
            bootstraps=bootstraps,
            block=block,
            seed=seed,
            start=start,
            end=end,
            benchmark=benchmark,
            peeking=peeking,
            more=more,
            filters=Filters.of(filters),
        )

    def overfit_per(
        self,
        per: Sequence[str] | str,
        *,
        splits: int = 16,
        bootstraps: int = 5000,
        block: float | None = None,
        seed: int = 0,
        start: Time = None,
        end: Time = None,
        benchmark: str | float | os.PathLike[str] | None = None,
        peeking: bool = False,
        **filters: Unpack[Given],
    ) -> dict[tuple[str | None, ...], OverfitReport]:
        """`overfit` for each symbol, or what else the trials are grouped by: a family each."""
        from bt_lake.queries.overfitting import overfit_per

        return overfit_per(
            self.reader,
            [per] if isinstance(per, str) else list(per),
            splits=splits,
            bootstraps=bootstraps,
            block=block,
            seed=seed,
            start=start,
            end=end,
            benchmark=benchmark,
            peeking=peeking,
            filters=Filters.of(filters),
        )

    def walkforward(
        self,
        strategy: str,
        /,
        metric: str = "sharpe_ratio",
        *,
        seed: int = 0,
        **filters: Unpack[Given],
    ) -> Walk:
        """What was best in sample in each fold, traded out of sample.

        `print` it, or take `.picks`, `.traded`, `.efficiency`, `.verdict`, `.frame()`,
        `.equity()`, `.to_dict()`. Beside it stand the best and the median fixed configuration and
        random choice.
        """
        from bt_lake.queries.walking import walkforward

        return walkforward(
            self.reader, strategy, metric_name=metric, seed=seed, filters=Filters.of(filters)
        )

    def decay(
        self,
        metric: str = "sharpe_ratio",
        n: int | None = None,
        **filters: Unpack[Given],
    ) -> pl.DataFrame:
        """In sample and out of sample side by side, what got worse most first."""
        return self.ask.decay(metric, n, **filters).frame()

    def compare(self, *runs: RunIds) -> Comparison:
        """Runs side by side: what differs, who is better in what, how alike their returns are."""
        from bt_lake.queries.comparing import compare

        wanted = [name for each in runs for name in several(each)]
        return compare(self.reader, resolving.resolve_all(self.reader, wanted, deleted=True))

    def report(
        self,
        *runs: RunIds,
        benchmark: str | float | os.PathLike[str] | None = None,
        rf: float = 0.0,
        **filters: Unpack[Given],
    ) -> Report:
        """One page: `.save("report.html")`, `.html()`, `.markdown()`.

        On a run, on several beside each other, or on the family of trials that the filters match.
        Of one run, the benchmark is the one in the curve, or a run, a CSV file of prices, a rate a
        year; `rf` is the risk-free rate of the numbers beside it.
        """
        from bt_lake.report import report

        wanted = [name for each in runs for name in several(each)]
        return report(
            self.reader,
            resolving.resolve_all(self.reader, wanted) if wanted else [],
            benchmark=benchmark,
            rf=rf,
            filters=Filters.of(filters),
        )

    def run(self, run: str) -> Detail:
        """One run in full: `.row`, `.params`, `.equity`, `.trades`, `.monthly`."""
        from bt_lake.queries.detail import detail

        return detail(self.reader, run)

    def equity(self, runs: RunIds) -> pl.DataFrame:
        """The equity curves of runs, with their drawdown."""
        return self.ask.equity(runs).frame()

    def trades(self, runs: RunIds) -> pl.DataFrame:
        """The trades of runs."""
        return self.ask.trades(runs).frame()

    def drawdowns(self, runs: RunIds, n: int = 10) -> pl.DataFrame:
        """The n deepest falls of each run: depth, from, trough, back, and days under water."""
        from bt_lake.queries.falls import drawdowns

        return drawdowns(self.reader, several(runs), n)

    def returns(self, runs: RunIds) -> pl.DataFrame:
        """run_id, ts, return: every return of the curves, as the metrics count them."""
        from bt_lake.queries.returns import returns

        return returns(self.reader, several(runs))

    def rolling(self, runs: RunIds, window: int | None = None) -> pl.DataFrame:
        """Return, volatility, Sharpe ratio and beta over the last `window` returns, at each time.

        By default half a year of them, or a third of the run if that is less; beta is to the
        benchmark in the run's curve.
        """
        from bt_lake.queries.rolling import rolling

        return rolling(self.reader, several(runs), window)

    def more(self, runs: RunIds, *, rf: float = 0.0) -> pl.DataFrame:
        """Numbers that are stored nowhere: the Sharpe ratio's interval, Omega, gain-to-pain,
        recovery factor, turnover, payoff ratio, Kelly and more; `rf` is the risk-free rate a year.
        """
        from bt_lake.queries.more import more_frame

        return more_frame(self.reader, several(runs), rf)

    def seasons(self, runs: RunIds) -> pl.DataFrame:
        """What each month of the year and each weekday brought: mean, quantiles, share of gains."""
        from bt_lake.queries.more import seasons_frame

        return seasons_frame(self.reader, several(runs))

    def live(self, run: str, *, against: str, n: int = 2000, seed: int = 0) -> Lived:
        """A live run against its backtest: `print` it, or take `.frame()`, `.words`, `.p_same`,
        `.slippage`.

        `n` stretches as long as the live run are drawn from the backtest's returns in blocks: what
        Sharpe ratio and drawdown they show is what to expect.
        """
        from bt_lake.queries.living import lived

        return lived(self.reader, run, against, n, seed)

    def regimes(
        self,
        runs: RunIds,
        *,
        by: Literal["year", "volatility"] = "year",
        spans: str | os.PathLike[str] | pl.DataFrame | None = None,
        benchmark: str | float | os.PathLike[str] | None = None,
    ) -> pl.DataFrame:
        """Metrics of runs by regime: by calendar year, by how wild the benchmark was (terciles of
        the deviation of its last 21 returns), or in `spans`: a frame or CSV of from, to and name.

        The returns of a regime count one after the other, as if nothing lay between.
        """
        from bt_lake.queries.regimes import regimes_frame

        return regimes_frame(self.reader, several(runs), by, spans, benchmark)

    def front(self, x: str, y: str, /, **filters: Unpack[Given]) -> Picture:
        """Runs by two metrics, and those that no other is as good as in both in their colour; the
        runs themselves are `best(pareto=[x, y])`.
        """
        from bt_lake.queries.choosing import front_picture

        return front_picture(self.reader, [x, y], Filters.of(filters))

    def stability(
        self,
        runs: RunIds | None = None,
        metric: str = "sharpe_ratio",
        *,
        by: str = "year",
        n: int = 10,
        **filters: Unpack[Given],
    ) -> pl.DataFrame:
        """A metric of the curves period by period: year, quarter or month, a row a run; by "fold" a
        row is a configuration, with what its runs out of sample have stored.

        Of the runs named, or the n best that the filters match. `above_0` and `ahead` are shares of
        the periods, `ahead` being better than the median of these runs; `worst` is the worst value,
        `trend` the rank correlation with time.
        """
        from bt_lake.queries.stability import stability, stability_by_fold

        asked = Filters.of(filters)
        if runs is not None and asked.given:
            raise BadInput("give ids or filters, not both")
        if by == "fold":
            named = None if runs is None else resolving.resolve_all(self.reader, several(runs))
            return stability_by_fold(self.reader, named, metric, n, asked)
        if runs is None:
            ids = self.best(metric, n, columns=["run_id"], **filters)["run_id"].to_list()
        else:
            ids = resolving.resolve_all(self.reader, several(runs))
        return stability(self.reader, ids, metric, by)

    def study(self, name: str, /, **opening: Any) -> Study:
        """A study: `print` it, or take `.standing`, `.best`, `.look(run)`, `.decide()`.

        It is opened by a hypothesis="..." and a budget=200 of trials, and what else is fixed
        beforehand: holdout="2024-01-01:", metric, alpha=0.05, looks=1 (how many candidates may see
        the holdout), overrun="refuse" or "record". Runs are saved to it with study=NAME.
        """
        from bt_lake.study import study

        return study(self.store, self.reader, name, opening)

    def short_ids(self, run_ids: Sequence[str]) -> dict[str, str]:
        """For each id the last 12 characters, where these name no other run, else all of it."""
        return self.reader.ask(lambda connection: resolving.shortened(connection, run_ids))

    def history(self, n: int = 50) -> pl.DataFrame:
        """What was done in the lake, the newest first: marks, studies, what programs asked."""
        from bt_lake.queries.history import history

        return history(self.reader, n)

    def certify(self, run: str, family: str | None = None) -> Certificate:
        """Vouch for a run beside every trial of its family: `print` it, or `.save("run.json")`.

        The family is its study, else all of its strategy; or its sweep, or its symbol.
        """
        from bt_lake.evidence.certificate import certify

        return certify(self.reader, run, family)

    def verify(self, certificate: str | os.PathLike[str]) -> Verification:
        """Whether the lake still says what a certificate says: `.holds`, `.differences`."""
        from bt_lake.evidence.verifying import verify

        return verify(self.reader, Path(certificate))

    def studies(self) -> pl.DataFrame:
        """All studies: budget, trials used and left, verdict."""
        return self.sql("from studies order by opened_at, study")

    def pick(
        self,
        metric: str = "sharpe_ratio",
        n: int = 10,
        *,
        max_correlation: float = 0.5,
        **filters: Unpack[Given],
    ) -> pl.DataFrame:
        """The n best runs that are not the same bet.

        The best comes first; each next one is the best whose daily returns correlate with those of
        none before it by more than `max_correlation`. Runs without days in common are passed over.
        """
        from bt_lake.queries.picking import pick

        return pick(self.reader, metric, n, max_correlation, Filters.of(filters))

    def simulate(
        self,
        run: str,
        *,
        of: Literal["trades", "returns"] = "returns",
        how: Literal["shuffle", "resample", "blocks"] | None = None,
        n: int = 1000,
        seed: int = 0,
        block: float | None = None,
        ruin: float = 0.5,
    ) -> Simulation:
        """How a run might have gone: `print` it, or take `.quantiles()`, `.bands()`, `.ruin`,
        `.plot()`.

        `n` paths of its returns, drawn in blocks of a mean length (by default the cube root of
        their number), or of its trades in another order: "shuffle", or drawn anew: "resample". The
        profit of a trade counts as a share of the account before it. `ruin` is the share of the
        start whose loss is counted as ruin.
        """
        from bt_lake.queries.simulating import simulate

        return simulate(self.reader, run, of=of, how=how, n=n, seed=seed, block=block, ruin=ruin)

    def portfolio(
        self,
        runs: RunIds,
        *,
        weights: str | Mapping[str, float] = "equal",
        rebalance: Literal["never", "monthly"] = "monthly",
        capital: float = 100_000.0,
    ) -> Portfolio:
        """Runs as one: `print` it, or take `.metrics`, `.frame()`, `.equity()`, `.correlation`,
        `.plot()`; `lake.save(p.document, strategy=...)` keeps it as a run.

        Weights are "equal", "inverse-vol", "hrp" (hierarchical risk parity), or one for each run.
        It counts the days from when all runs have begun until the first of them ends.
        """
        from bt_lake.queries.mixing import portfolio

        return portfolio(self.reader, several(runs), weights, rebalance, capital)

    def importance(
        self, strategy: str, /, metric: str = "sharpe_ratio", **filters: Unpack[Given]
    ) -> Importance:
        """What share of a metric's variance each parameter brings, alone and in pairs: `print` it,
        or take `.frame()`, `.means()`, `.plot()`, `.parallel()`.

        Exact (ANOVA) where the runs are a full grid of parameters and labels, in which each cell
        counts alike; else functional ANOVA over a forest of regression trees.
        """
        from bt_lake.queries.importance import importance

        return importance(self.reader, strategy, metric, Filters.of(filters))

    def relative(
        self,
        runs: RunIds,
        benchmark: str | float | os.PathLike[str] | None = None,
        *,
        rf: float = 0.0,
    ) -> pl.DataFrame:
        """Runs beside a benchmark: alpha, beta, correlation, tracking error, capture and more.

        The benchmark is the one in the curve, or a run, a CSV file of prices, a rate a year; `rf`
        is the risk-free rate a year.
        """
        from bt_lake.queries.relative import relative_frame

        return relative_frame(self.reader, several(runs), benchmark, rf)

    @overload
    def lookup(self, *, columns: Sequence[str] | None = None, **key: Any) -> pl.DataFrame: ...
    @overload
    def lookup(
        self, keys: Key | Sequence[Key], *, columns: Sequence[str] | None = None
    ) -> pl.DataFrame: ...
    @overload
    def lookup(self, keys: Frame, *, columns: Sequence[str] | None = None) -> Frame: ...
    def lookup(self, keys: Any = None, *, columns: Sequence[str] | None = None, **key: Any) -> Any:
        """For each key the latest run that fits exactly, in one query.

        Keys are mappings or a polars or pandas frame (which comes back as one) with columns such
        as strategy, symbol and params; one key can be given by keywords. Where no run fits, the
        statistics are NULL.
        """
        keys = key if keys is None else keys
        from bt_lake.queries.keyframes import lookup_frame

        return lookup_frame(self.reader, keys, columns=named(columns))

    def enrich(
        self,
        signals: Frame,
        *,
        on: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Frame:
        """The same frame, polars or pandas, with the statistics of the run that fits each row.

        Rows are matched by `on`: by default those of strategy, symbol, timeframe, exit_rule and
        params that the frame has, and columns of single parameters such as `param.fast`.
        """
        from bt_lake.queries.keyframes import enrich

        enriched: Frame = enrich(self.reader, signals, on=named(on), columns=named(columns))
        return enriched

    def sql(self, query: str, /, **values: Any) -> pl.DataFrame:
        """One SELECT over the lake's views and macros, where `$name` stands for a value."""
        return self.ask.sql(query, **values).frame()

    def drift(self) -> pl.DataFrame:
        """Configurations that gave other results with the same code, params and data."""
        return self.ask.drift().frame()

    def metrics(self) -> list[Described]:
        """Every number that a run can be ranked by, your own included, and what it means."""
        from bt_lake.queries.names import described

        return described(self.reader if self.store.layout.exists else None)

    def facets(
        self,
        labels: Sequence[str] | None = None,
        *,
        most: int = 50,
        containing: str = "",
        **filters: Unpack[Given],
    ) -> dict[str, Counted]:
        """The commonest values of labels (and of `tag`) with their number of runs.

        The counts of each label follow all filters but those by the label itself; `containing` is
        a part of the values that are wanted, in any case.
        """
        from bt_lake.queries.facets import facets

        chosen = {} if labels is None else {"labels": several(labels)}
        picked = Filters.of(filters)
        return facets(self.reader, most=most, containing=containing, filters=picked, **chosen)

    def histogram(
        self, metric: str = "sharpe_ratio", *, bins: int = 40, **filters: Unpack[Given]
    ) -> Histogram:
        """How the runs are spread over a metric: `.counts` in equal steps from `.low` to `.high`.

        The outermost half percent at each end is counted in the first and the last step.
        """
        from bt_lake.queries.facets import histogram

        return histogram(self.reader, metric, bins=bins, filters=Filters.of(filters))

    def stamp(self) -> object:
        """Equal as long as nothing was saved, marked or taken out, and cheap to look at.

        None where a change of just now may not show yet: look again.
        """
        from bt_lake.warehouse.database import fingerprint

        return fingerprint(self.store.layout)

    def interrupt(self) -> None:
        """From another thread: stop the question that runs now, which raises `Interrupted`."""
        self.reader.interrupt()

    def connect(self) -> DuckDBPyConnection:
        """A DuckDB connection of your own, with the lake's views as they are now."""
        return self.store.connect()

    def scan(self, table: str = "runs") -> pl.LazyFrame:
        """runs, equity, trades or events as a polars LazyFrame over the lake's files."""
        from bt_lake.queries.scanning import scan

        self.store.fetch()
        return scan(self.reader, table)

    def export(
        self,
        target: str | os.PathLike[str],
        *,
        n: int | None = None,
        curves: bool = False,
        trades: bool = False,
        spread_params: bool = False,
        raw: bool = False,
        **filters: Unpack[Given],
    ) -> Exported:
        """Runs, or the `n` newest, to a .csv, .parquet or .sqlite file, or to another lake.

        `spread_params` puts each parameter into a column of its own; not for a lake. CSV texts that
        a spreadsheet would run get an apostrophe; `raw` leaves them as they are.
        """
        from bt_lake.queries.exporting import export

        return export(
            self.reader,
            target,
            filters=Filters.of(filters),
            n=n,
            curves=curves,
            trades=trades,
            spread_params=spread_params,
            raw=raw,
        )

    # Looking after

    def outdated(self) -> int:
        """How many runs have metrics by the definitions of an older version."""
        from bt_lake.queries.recomputing import outdated

        return self.store.ask(outdated) if self.store.layout.exists else 0

    def recompute(self, *, progress: Callable[[int], None] | None = None) -> int:
        """Compute metrics again that an older version computed by other definitions.

        Gives how many runs; what their sources reported is kept. `progress` is told the runs done.
        """
        from bt_lake.queries.recomputing import recompute

        return recompute(self.store.layout, progress=progress)

    def create(self, *, shared: bool = False) -> bool:
        """Make an empty lake, which the first write does, too; False if there is one already."""
        if shared:
            self.store.layout.check_in_folder("who may write there is a matter of its bucket")
        if self.store.layout.exists:
            self.store.layout.check_format()
            return False
        self.store.create(shared=shared)
        return True

    def info(self) -> Census:
        """What the lake holds and takes up: `.runs`, `.files`, `.bytes`, `.tables`."""
        from bt_lake.queries.census import Census

        self.store.fetch()
        return Census.of(self.reader)

    def compact(self, *, grace_s: float | None = None) -> bool:
        """Merge small files and fold events in; gives whether there was anything to do."""
        return self.store.compact(grace_s=grace_s)

    def delta(self) -> list[DeltaState]:
        """Make a Delta log beside the files of each table, or bring it up to date; copies nothing.

        Then Spark, Trino, Daft, polars and whatever reads Delta reads `runs`, `equity`, `trades`
        and `events` where they lie. Maintenance keeps it up to date from then on; appends do not.
        """
        return self.store.delta()

    def live_files(self) -> dict[str, list[Path]]:
        """The Parquet files of each table as they are now, for engines that take a list of files.

        What was replaced stays on disk for a while and is not among them.
        """
        return self.store.live_files()

    def merge(self, other: str | os.PathLike[str], *, dry_run: bool = False) -> Merged:
        """Take in what another lake, a fork, a backup or a `_quarantine` has and this one has not.

        Runs come with curves, trades, tags and notes; those that are here get what they lack. It
        may be done in any order, and again.
        """
        return self.store.merge(other, dry_run=dry_run)

    def backup(
        self,
        folder: str | os.PathLike[str],
        *,
        keep: int | None = None,
        verify: bool = False,
        **progress: Any,
    ) -> Copied:
        """Copy the lake while others write to it: each backup in the folder is a whole lake.

        `keep` is how many of them stay; `verify` reads the copies of earlier ones again, too.
        """
        return self.store.backup(folder, keep=keep, verify=verify, **progress)

    @staticmethod
    def copy(
        source: str | os.PathLike[str], target: str | os.PathLike[str], **progress: Any
    ) -> Copied:
        """Copy a lake from a folder to an object store ("s3://bucket/prefix"), or back to a folder.

        Started again it goes on where it was, and takes up what has changed since.
        """
        from bt_lake.warehouse.store import copy

        return copy(source, target, **progress)

    def recover(self, backup: str | os.PathLike[str], **progress: Any) -> Copied:
        """Make this lake again from a backup, or the newest in a folder of them."""
        return self.store.recover(backup, **progress)

    def check(
        self,
        *,
        repair: bool = False,
        source: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        deep: bool = False,
        since: Time = None,
        **progress: Any,
    ) -> Findings:
        """Find damage: `.damaged`, `.findings`, each with its remedy.

        Looks at names, sizes and footers; if `deep`, at every byte and every rule of the rows, as a
        repair does. `since` (a time, or "7d") leaves out files that are older. A repair takes whole
        files from `source`, a backup or a folder of them, first; `dry_run` says what it would do,
        and what could be read `.before` and `.after`.
        """
        from bt_lake.queries.filters import moment

        return self.store.check(
            repair=repair,
            source=source,
            dry_run=dry_run,
            deep=deep,
            since=0.0 if since is None else moment("since", since).timestamp(),
            **progress,
        )

    def undo_repair(self) -> list[str]:
        """Take the last repair back, from `_quarantine`; says what is where it was again."""
        return self.store.undo_repair()


def _of_study(columns: Mapping[str, Any] | None, study: str | None) -> dict[str, Any]:
    return {**(columns or {}), **({} if study is None else {"study": study})}


def _reopened(path: str, existing: bool, wait: float) -> Lake:
    return Lake(path, existing=existing, wait=wait)
