"""backtrader: strategies after `cerebro.run()`, and the OptReturns of an `optstrategy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.backtrader import analyzers, trades
from bt_lake.ingest.engines.reading import is_a, number, one, plain, timeframe, version
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Curve = dict[str, NDArray[Any]]


def matches(obj: object) -> bool:
    if isinstance(obj, list):
        return bool(obj) and matches(obj[0])
    return is_a(obj, "backtrader", "Strategy", "OptReturn")


def to_runs(obj: Any, initial_capital: float | None = None) -> list[Run]:
    """`initial_capital` is what an OptReturn does not tell; its curve starts at 1 without it."""
    return [_run(each, initial_capital) for each in _flat(obj)]


def _flat(obj: Any) -> Iterator[Any]:
    if isinstance(obj, (list, tuple)):
        for item in obj:
            yield from _flat(item)
    elif is_a(obj, "backtrader", "Strategy", "OptReturn"):
        yield obj
    else:
        raise BadInput(f"no strategy of backtrader and no OptReturn: {type(obj).__name__}")


def _run(strategy: Any, initial_capital: float | None) -> Run:
    broker = getattr(strategy, "broker", None)
    capital = initial_capital or number(getattr(broker, "startingcash", None))
    found = list(strategy.analyzers)
    curve = _observed(strategy)
    if not curve and (curve := _returned(found, capital or 1.0)):
        capital = capital or 1.0
    return Run(
        getattr(strategy, "strategycls", type(strategy)).__name__,
        equity=curve,
        trades=trades.read(strategy) if hasattr(strategy, "_trades") else None,
        metrics=analyzers.report(found),
        params=plain(strategy.p._getkwargs()),
        symbol=one(data._name for data in getattr(strategy, "datas", ())),
        timeframe=timeframe(curve["ts"]) if curve else None,
        initial_capital=capital or None,
        engine="backtrader",
        engine_version=version("backtrader"),
    )


def _observed(strategy: Any) -> Curve | None:
    """The account value of every bar, as the Broker or Value observer saw it."""
    import numpy as np

    bars = len(strategy) if hasattr(strategy, "lines") else 0
    for observer in getattr(strategy, "observers", ()):
        if not is_a(observer, "backtrader", "Broker", "Value") or observer._fundmode:
            continue
        lines = {
            "ts": strategy.lines.datetime.array,
            "equity": observer.lines.value.array,
            "cash": getattr(getattr(observer.lines, "cash", None), "array", None),
        }
        # `exactbars` keeps only the last bars; without it the arrays are padded beyond the last
        known = {name: line for name, line in lines.items() if line is not None}
        if bars and all(len(line) >= bars for line in known.values()):
            curve = {name: np.array(line[:bars], np.float64) for name, line in known.items()}
            return curve | {"ts": trades.times(curve["ts"])}
    return None


def _returned(found: list[Any], capital: float) -> Curve | None:
    """The curve compounded from the finest returns that an analyzer recorded."""
    import numpy as np

    returns: Mapping[Any, float] = max(analyzers.returns(found), key=len, default={})
    if not returns:
        return None
    ts = np.array([np.datetime64(at, "us") for at in returns])
    return {"ts": ts, "equity": capital * np.cumprod(1.0 + np.array(list(returns.values())))}
