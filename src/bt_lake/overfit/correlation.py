"""How many independent trials a family amounts to, read off the correlation of its returns."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import ROUNDING
from bt_lake.overfit.arrays import Floats

MAX_EIGENVALUES = 3000  # a decomposition of this size takes seconds


def standardise(returns: Floats) -> Floats:
    """Columns of mean 0 and length 1, so that z.T @ z is the correlation matrix.

    A trial without variance becomes a column of zeros: it correlates with nothing, itself included.
    """
    centred = returns - returns.mean(axis=0)
    length = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    flat = np.ptp(returns, axis=0) <= ROUNDING
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, length))


def average_correlation(z: Floats) -> float:
    """Mean correlation of all pairs, without forming the matrix; NaN below two trials."""
    trials = z.shape[1]
    if trials < 2:
        return np.nan
    together = z.sum(axis=1)
    own = np.einsum("ij,ij->", z, z)
    return float((together @ together - own) / (trials * (trials - 1)))


def independent_by_average(correlation: float, trials: int) -> float:
    """rho + (1 - rho) M, within 1 and M (Bailey & Lopez de Prado 2014, equation 9)."""
    return float(np.clip(correlation + (1.0 - correlation) * trials, 1.0, trials))


def effective_rank(z: Floats) -> float:
    """exp of the entropy of the correlation matrix's eigenvalues (Roy & Vetterli 2007).

    NaN where rows and trials both exceed `MAX_EIGENVALUES`, or nothing varies.
    """
    rows, trials = z.shape
    if min(rows, trials) > MAX_EIGENVALUES or not z.any():
        return np.nan
    # z.T @ z and z @ z.T have the same eigenvalues but for zeros.
    gram = z.T @ z if trials <= rows else z @ z.T
    return spectral_rank(np.asarray(np.linalg.eigvalsh(gram), np.float64))


def spectral_rank(eigenvalues: Floats) -> float:
    share = eigenvalues[eigenvalues > 1e-15 * eigenvalues.max()]
    share = share / share.sum()
    return float(np.exp(-np.sum(share * np.log(share))))
