"""Numbers of a run that are computed when asked for, and stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.paths import drawn
from bt_lake.metrics.periods import YEAR
from bt_lake.metrics.returns import FEWEST, Returns
from bt_lake.metrics.segments import ROUNDING, Floats, Ints
from bt_lake.wording.more import MORE

_NORMAL = 1.959963984540054  # 97.5 % quantile
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Trades:
    """Of each trade; NaN where not known. What is open has no exit."""

    pnl: Floats
    ret: Floats
    quantity: Floats
    entry_price: Floats
    exit_price: Floats
    is_open: np.ndarray


def more(
    returns: Returns,
    equity: Floats,
    months: Floats,
    summary: dict[str, float],
    trades: Trades,
    *,
    rate: float = 0.0,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """All of `MORE`, NaN where undefined. `months` are monthly returns, `rate` is one a year;
    `summary` has columns of `runs`. Without `draws` nothing is drawn."""
    with np.errstate(all="ignore"):
        found = {
            **_of_returns(returns.r, summary["periods_per_year"], rate, draws, seed),
            "gain_to_pain": _over(months.sum(), -months[months < 0].sum()),
            "recovery_factor": _over(summary["total_return"], -summary["max_drawdown"]),
            "turnover": _turnover(trades, equity, returns.ts),
            **_of_trades(trades, summary["win_rate"]),
        }
    return {n: float(found[n]) if np.isfinite(found[n]) else np.nan for n in MORE}


def _over(a: float, b: float) -> float:
    return a / b if b > 0 else np.nan


def _of_returns(r: Floats, year: float, rate: float, draws: int, seed: int) -> dict[str, float]:
    free = (1.0 + rate) ** (1.0 / year) - 1.0 if rate else 0.0
    above = r - free
    loss = np.minimum(above, 0.0)
    found = dict.fromkeys(MORE, np.nan)
    found["omega"] = _over(above[above > 0].sum(), -loss.sum())
    found["time_in_market"] = np.count_nonzero(r) / r.size if r.size else np.nan
    if r.size < FEWEST:
        return found
    found["sortino_ratio"] = _over(above.mean(), np.sqrt((loss**2).mean())) * np.sqrt(year)
    if np.ptp(r) > ROUNDING:
        sharpe = above.mean() / above.std(ddof=1)
        width = _NORMAL * sharpe_error(above)
        ends = [sharpe, sharpe - width, sharpe + width]
        if draws:
            again, _ = stretches(above, draws, seed, above.size)
            again = again[np.isfinite(again)]
            ends += np.quantile(again, [0.025, 0.975]).tolist() if again.size else [np.nan] * 2
        found |= zip(list(MORE)[: len(ends)], np.array(ends) * np.sqrt(year), strict=True)
    return found


def sharpe_error(r: Floats) -> float:
    """Standard error of a Sharpe ratio a period, by GMM (Lo 2002, section on non-IID returns).

    The ratio is a function of the first two moments; what each return adds to its error is summed
    with its neighbours' by Newey and West's weights.
    """
    x = (r - r.mean()) / r.std()
    adds = x - r.mean() / r.std() / 2.0 * (x**2 - 1.0)
    lags = int(4.0 * (r.size / 100.0) ** (2.0 / 9.0))
    variance = float(adds @ adds)
    for lag in range(1, min(lags, r.size - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(adds[lag:] @ adds[:-lag])
    return float(np.sqrt(variance) / r.size)


def stretches(r: Floats, draws: int, seed: int, length: int) -> tuple[Floats, Floats]:
    """Sharpe ratio a period and deepest fall of stretches drawn from these returns in blocks."""
    rng = np.random.Generator(np.random.PCG64(seed))
    block = max(1.0, r.size ** (1 / 3))
    parts = [
        sharpes_and_falls(r[places])
        for places in drawn(rng, r.size, "blocks", draws, block, length)
    ]
    sharpe, fall = (np.concatenate(each) for each in zip(*parts, strict=True))
    return sharpe, fall


def sharpes_and_falls(r: Floats) -> tuple[Floats, Floats]:
    """Of each row of returns; NaN where they do not vary."""
    with np.errstate(all="ignore"):
        ratio = r.mean(axis=1) / r.std(axis=1, ddof=1)
    growth = np.ones((len(r), r.shape[1] + 1))
    np.cumprod(np.maximum(1.0 + r, 0.0), axis=1, out=growth[:, 1:])
    fall = (growth / np.maximum.accumulate(growth, axis=1)).min(axis=1) - 1.0
    return np.where(np.ptp(r, axis=1) > ROUNDING, ratio, np.nan), fall


def _turnover(trades: Trades, equity: Floats, ts: Ints) -> float:
    """Of both sides of each trade, the entry alone where it is open."""
    if not trades.pnl.size or ts.size < 2:
        return np.nan
    out = np.where(trades.is_open, 0.0, trades.exit_price)
    moved = float((trades.quantity * (np.abs(trades.entry_price) + np.abs(out))).sum())
    return moved / 2.0 / float(equity.mean()) / (float(ts[-1] - ts[0]) / YEAR)


def _of_trades(trades: Trades, win_rate: float) -> dict[str, float]:
    closed = ~trades.is_open
    pnl, ret = trades.pnl[closed], trades.ret[closed]
    payoff = kelly = worst = np.nan
    if (pnl > 0).any() and (pnl < 0).any() and not np.isnan(pnl).any():
        payoff = pnl[pnl > 0].mean() / -pnl[pnl < 0].mean()
        kelly = win_rate - (pnl < 0).mean() / payoff
    if ret.size and not np.isnan(ret).any():
        worst = ret[ret <= np.quantile(ret, 0.05)].mean()
    return {"payoff_ratio": payoff, "kelly": kelly, "trade_cvar_95": worst}
