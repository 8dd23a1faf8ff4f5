"""How many clusters of similar trials a family has.

Average-linkage agglomeration on the distance sqrt((1 - rho) / 2), cut where the mean silhouette is
highest. Agglomeration, because it is deterministic, needs no starting points, gives every number
of clusters at once, and takes O(M^2) time by the nearest-neighbour chain; k-means would need many
seeds for each k. Two additions to the textbook's silhouette, which knows no single cluster:

- the nearest other cluster is never farther than an uncorrelated trial would be, sqrt(1/2). So one
  cluster has a silhouette too, and a family of near copies counts as one;
- a cluster whose trials have a mean silhouette below 0.25 ("no substantial structure", Kaufman &
  Rousseeuw 1990) is chance: its trials count alone. So unrelated trials count as many as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bt_lake.overfit.arrays import Floats, Ints

MAX_TRIALS = 4000  # matrices of trials x trials take 128 MB each then
SUBSTANTIAL = 0.25
_UNRELATED = math.sqrt(0.5)


@dataclass(frozen=True, slots=True)
class Clusters:
    count: int
    silhouette: float | None  # mean over the trials in clusters of two or more; None without any
    labels: Ints  # cluster of each trial, numbered by first appearance


def clusters(z: Floats) -> Clusters | None:
    """Clusters of standardised returns (see `correlation.standardise`); None above `MAX_TRIALS`."""
    trials = z.shape[1]
    if trials > MAX_TRIALS:
        return None
    distance = _distance(z)
    merges = _average_linkage(distance)
    labels, silhouette = _best_cut(distance, merges)
    mean = np.bincount(labels, silhouette) / np.bincount(labels)
    grouped = mean[labels] >= SUBSTANTIAL
    labels = _renumbered(np.where(grouped, labels, trials + np.arange(trials)))
    score = float(silhouette[grouped].mean()) if grouped.any() else None
    return Clusters(int(labels.max()) + 1, score, labels)


def _distance(z: Floats) -> Floats:
    distance: Floats = z.T @ z
    np.subtract(1.0, distance, out=distance)
    distance *= 0.5
    np.maximum(distance, 0.0, out=distance)  # a correlation may exceed 1 in its last digit
    np.sqrt(distance, out=distance)
    np.fill_diagonal(distance, 0.0)
    return distance


def _average_linkage(distance: Floats) -> list[tuple[int, int]]:
    """Pairs of clusters in the order of their merging, each named by one of its trials.

    The second of a pair is merged into the first and its name is gone.
    """
    d = distance.copy()
    np.fill_diagonal(d, np.inf)
    size = np.ones(len(d))
    height = np.zeros(len(d))
    found: list[tuple[float, int, int]] = []
    chain: list[int] = []
    while len(found) < len(d) - 1:
        if not chain:
            chain.append(int(np.argmax(size > 0)))
        near = int(np.argmin(d[chain[-1]]))
        # Of equally near clusters take the chain's own, or equal distances would go in circles.
        if len(chain) > 1 and d[chain[-1], chain[-2]] <= d[chain[-1], near]:
            kept, gone = sorted((chain.pop(), chain.pop()))
            # Rounding must not put a merge below those it builds on.
            height[kept] = max(d[kept, gone], height[kept], height[gone])
            found.append((float(height[kept]), kept, gone))
            _merge(d, size, kept, gone)
        else:
            chain.append(near)
    found.sort(key=lambda merge: merge[0])
    return [(kept, gone) for _, kept, gone in found]


def _merge(d: Floats, size: Floats, kept: int, gone: int) -> None:
    row = (size[kept] * d[kept] + size[gone] * d[gone]) / (size[kept] + size[gone])
    size[kept] += size[gone]
    size[gone] = 0.0
    row[[kept, gone]] = np.inf
    d[kept] = d[:, kept] = row
    d[gone] = d[:, gone] = np.inf


def _best_cut(distance: Floats, merges: list[tuple[int, int]]) -> tuple[Ints, Floats]:
    """Labels and silhouettes at the cut with the highest mean silhouette; of equals, more clusters.

    Merges are played forward; a merge changes the silhouette only of its members and of the trials
    whose nearest cluster it touched, so all cuts together cost little more than one.
    """
    trials = len(distance)
    total = distance.copy()  # [i, c]: sum of distances from trial i to the members of cluster c
    size = np.ones(trials)
    label = np.arange(trials)
    near = np.full(trials, -1)
    silhouette = np.zeros(trials)
    best, best_label, best_silhouette = 0.0, label.copy(), silhouette.copy()
    for kept, gone in merges:
        changed = (near == kept) | (near == gone) | (near == -1)
        total[:, kept] += total[:, gone]
        total[:, gone] = np.inf
        size[kept] += size[gone]
        label[label == gone] = kept
        changed |= label == kept
        rows = np.flatnonzero(changed)
        near[rows], silhouette[rows] = _silhouette(total, size, label, rows)
        mean = float(silhouette.mean())
        if mean > best + 1e-12:
            best, best_label, best_silhouette = mean, label.copy(), silhouette.copy()
    return _renumbered(best_label), best_silhouette


def _renumbered(labels: Ints) -> Ints:
    """The same clusters, numbered from 0 by first appearance."""
    _, first, names = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[names]


def _silhouette(total: Floats, size: Floats, label: Ints, rows: Ints) -> tuple[Ints, Floats]:
    """Nearest other cluster and silhouette of the trials in `rows`."""
    own = label[rows]
    at = np.arange(len(rows))
    inside = total[rows, own] / np.maximum(size[own] - 1.0, 1.0)
    mean = total[rows] / size
    mean[at, own] = np.inf
    near = np.argmin(mean, axis=1)
    outside = np.minimum(mean[at, near], _UNRELATED)
    scale = np.maximum(np.maximum(inside, outside), 1e-300)
    return near, np.where(size[own] > 1, (outside - inside) / scale, 0.0)
