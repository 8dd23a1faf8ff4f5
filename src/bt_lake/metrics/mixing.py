"""Several return streams as one: weights, what each adds to the risk, how the mix goes."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import Floats, Ints


def inverse_volatility(returns: Floats) -> Floats:
    """Each stream's share of 1 / standard deviation."""
    inverse = 1.0 / returns.std(axis=0, ddof=1)
    return np.asarray(inverse / inverse.sum())


def hierarchical(returns: Floats) -> Floats:
    """Hierarchical risk parity (Lopez de Prado 2016): single linkage of sqrt((1 - corr) / 2), then
    by halves in inverse proportion to the variance of each half."""
    covariance = np.cov(returns.T)
    weights = np.ones(len(covariance))
    halves = [_order(_apart(returns))]
    while halves:
        part = halves.pop()
        if len(part) < 2:
            continue
        left, right = part[: len(part) // 2], part[len(part) // 2 :]
        one, other = _variance(covariance, left), _variance(covariance, right)
        share = 1.0 - one / (one + other)
        weights[left] *= share
        weights[right] *= 1.0 - share
        halves += [left, right]
    return weights


def _apart(returns: Floats) -> Floats:
    """How far streams are apart, by their distance sqrt((1 - corr) / 2) to all others."""
    distance = np.sqrt(np.clip((1.0 - np.corrcoef(returns.T)) / 2.0, 0.0, None))
    return np.asarray(np.sqrt(((distance[:, None] - distance[None]) ** 2).sum(axis=2)))


def clusters(returns: Floats, least: float = 0.5) -> list[list[int]]:
    """Streams whose average correlation is `least` or more stand together (average linkage), the
    largest cluster first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = np.nan_to_num(np.corrcoef(returns.T)).reshape(returns.shape[1], -1)
    groups = [[n] for n in range(len(alike))]
    while len(groups) > 1:
        nearest, i, j = max(
            (float(alike[np.ix_(groups[i], groups[j])].mean()), -i, -j)
            for j in range(len(groups))
            for i in range(j)
        )
        if nearest < least:
            break
        joined = sorted(groups[-i] + groups[-j])
        groups = [each for n, each in enumerate(groups) if n not in (-i, -j)] + [joined]
    return sorted(groups, key=lambda group: (-len(group), group))


def _order(distance: Floats) -> list[int]:
    """The leaves of single linkage: the nearest groups are joined until one is left."""
    groups = [[n] for n in range(len(distance))]
    while len(groups) > 1:
        _, i, j = min(
            (distance[np.ix_(groups[i], groups[j])].min(), i, j)
            for j in range(len(groups))
            for i in range(j)
        )
        joined = groups[i] + groups[j]
        groups = [each for n, each in enumerate(groups) if n not in (i, j)] + [joined]
    return groups[0]


def _variance(covariance: Floats, part: list[int]) -> float:
    """Of the part held in inverse proportion to its variances."""
    inner = covariance[np.ix_(part, part)]
    inverse = 1.0 / np.diag(inner)
    weights = inverse / inverse.sum()
    return float(weights @ inner @ weights)


def mixed(returns: Floats, weights: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """The growth of the mix after each row, and what each stream added to each return.

    The weights hold before each of the rows `starts`; between them each part grows by itself.
    """
    growth, added = np.empty(len(returns)), np.empty(returns.shape)
    level = 1.0
    for start, stop in zip(starts, [*starts[1:], len(returns)], strict=True):
        parts = level * weights * np.cumprod(1.0 + returns[start:stop], axis=0)
        before = np.vstack([level * weights, parts[:-1]])
        whole = before.sum(axis=1, keepdims=True)
        gained = before * returns[start:stop]
        added[start:stop] = np.divide(gained, whole, out=np.zeros_like(gained), where=whole > 0)
        growth[start:stop] = parts.sum(axis=1)
        level = growth[stop - 1]
    return growth, added


def risk_shares(added: Floats) -> Floats:
    """Of the variance of the mix, the share that each stream adds; they sum to 1."""
    whole = added.sum(axis=1)
    off = whole - whole.mean()
    total = float(off @ off)
    if not total > 0:
        return np.full(added.shape[1], np.nan)
    return np.asarray((added - added.mean(axis=0)).T @ off / total)
