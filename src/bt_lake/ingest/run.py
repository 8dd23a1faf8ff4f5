"""Run: the one shape every result becomes before it enters the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature
from typing import Any

from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import RUNS

_OWN = (
    *("strategy", "equity", "trades", "metrics", "params", "config", "error", "tags", "duplicates"),
)
_COLUMNS = frozenset(RUNS.names) - set(_OWN)
KEYS = _COLUMNS | set(_OWN)


class Run:
    """One backtest: labels, parameters, a curve, trades, and what the source says about itself.

    `equity` and `trades` may be frames, series, arrays, lists or paths (see `ingest.curves` and
    `ingest.trades`); `metrics` are in the lake's units; any other column of `runs` is a keyword.
    `duplicates="last"` keeps the last of several values at one time of the curve, as in tick data.
    """

    __slots__ = (*_OWN, "columns", "origin", "position", "row")

    def __init__(
        self,
        strategy: str | None = None,
        *,
        equity: Any = None,
        trades: Any = None,
        metrics: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        error: BaseException | str | None = None,
        tags: Sequence[str] | str | None = None,
        duplicates: str | None = None,
        origin: str = "",
        **columns: Any,
    ) -> None:
        self.strategy = strategy
        self.equity = equity
        self.trades = trades
        self.metrics = metrics
        self.params = params
        self.config = config
        self.error = error
        self.tags = tags
        self.duplicates = duplicates
        self.origin = origin
        # Where a file of many runs has this one: row from 1, and bytes up to its end.
        self.row: int | None = None
        self.position: int | None = None
        self.columns = columns
        if not columns.keys() <= _COLUMNS:
            raise unknown_column(next(name for name in columns if name not in _COLUMNS))

    @classmethod
    def from_document(cls, document: Mapping[str, Any], origin: str = "") -> Run:
        """A run document, as files hold it and `save` takes it; unknown keys are refused."""
        for name in document:
            if name not in KEYS:
                raise unknown_column(str(name))
        return cls(**document, origin=origin)

    def with_columns(self, given: Mapping[str, Any]) -> Run:
        """A copy that says what the caller knows better; None changes nothing.

        Metrics, params and config are added to those that the run has.
        """
        own = {name: getattr(self, name) for name in _OWN}
        better = {name: value for name, value in given.items() if value is not None}
        for name in ("metrics", "params", "config"):
            if isinstance(own[name], Mapping) and isinstance(better.get(name), Mapping):
                better[name] = {**own[name], **better[name]}
        run = Run(**{**own, **self.columns, **better}, origin=self.origin)
        run.row, run.position = self.row, self.position
        return run

    def __repr__(self) -> str:
        return f"Run({self.strategy!r}, {', '.join(f'{k}={v!r}' for k, v in self.columns.items())})"

    @classmethod
    def from_backtesting(cls, stats: Any, **columns: Any) -> Run | list[Run]:
        """The stats of a backtesting.py run, or the heatmap of its `optimize`."""
        return _one_or_many("backtesting", stats, columns)

    @classmethod
    def from_vectorbt(cls, portfolio: Any, **columns: Any) -> Run | list[Run]:
        """A vectorbt Portfolio; each of its columns is a run."""
        return _one_or_many("vectorbt", portfolio, columns)

    @classmethod
    def from_backtrader(cls, strategies: Any, **columns: Any) -> Run | list[Run]:
        """A backtrader strategy, or what `cerebro.run()` returned."""
        return _one_or_many("backtrader", strategies, columns)

    @classmethod
    def from_bt(cls, result: Any, **columns: Any) -> Run | list[Run]:
        """A bt Result; each of its backtests is a run."""
        return _one_or_many("bt", result, columns)

    @classmethod
    def from_nautilus(cls, engine: Any, **columns: Any) -> Run | list[Run]:
        """A nautilus_trader engine or its BacktestResult."""
        return _one_or_many("nautilus", engine, columns)

    @classmethod
    def from_zipline(cls, performance: Any, **columns: Any) -> Run | list[Run]:
        """The performance frame of zipline."""
        return _one_or_many("zipline", performance, columns)

    @classmethod
    def from_pybroker(cls, result: Any, **columns: Any) -> Run | list[Run]:
        """The TestResult of pybroker."""
        return _one_or_many("pybroker", result, columns)

    @classmethod
    def from_returns(cls, returns: Any, **columns: Any) -> Run | list[Run]:
        """A series of simple returns, as quantstats and pyfolio take it."""
        return _one_or_many("returns", returns, columns)


def unknown_column(
    name: str, hint: str = " A metric of your own goes into `metrics`."
) -> UnknownName:
    return UnknownName.near("column", name, KEYS, hint)


def adapt(engine: Any, obj: Any, given: Mapping[str, Any]) -> list[Run]:
    """Runs of an engine's object: keywords the adapter names are its own, the rest are columns."""
    parameters = signature(engine.to_runs).parameters
    options = {name: value for name, value in given.items() if name in parameters}
    columns = {name: value for name, value in given.items() if name not in parameters}
    runs: list[Run] = engine.to_runs(obj, **options)
    _check_symbols(runs, columns.get("symbol"))
    return [run.with_columns(columns) for run in runs]


def _check_symbols(runs: Sequence[Run], given: Any) -> None:
    own = list(dict.fromkeys(run.columns.get("symbol") for run in runs))
    if given is None or len(own) < 2:
        return
    named = ", ".join(map(str, own[:3])) + ", ..." * (len(own) > 3)
    raise BadInput(
        f"symbol '{given}' would take the place of {len(own)} symbols that the result has itself "
        f"({named}): leave `symbol` out"
    )


def _one_or_many(engine: str, obj: Any, given: Mapping[str, Any]) -> Run | list[Run]:
    runs = adapt(import_module(f"bt_lake.ingest.engines.{engine}"), obj, given)
    return runs[0] if len(runs) == 1 else runs
