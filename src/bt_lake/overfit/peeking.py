"""A bound for those who look after every trial, and may stop at the first that looks good.

The level is spent over the trials in the order in which they were made: trial i may use the share
i^-1.2 / zeta(1.2) of it, so that however many follow, the shares never add up to more than the
whole. By Bonferroni's inequality the chance that any worthless trial ever passes is then at most
the level, at every look at once and whatever the trials have in common. Tian & Ramdas (2021),
"Online control of the familywise error rate", Statistical Methods in Medical Research 30(4),
976-993; Lan & DeMets (1983), Biometrika 70(3), 659-663, for the spending of a level.
"""

from __future__ import annotations

import numpy as np

from bt_lake.overfit import normal
from bt_lake.overfit.arrays import Floats

_DECAY = 1.2
_ZETA = 5.591582441177751  # of 1.2


def at_every_look(t: Floats) -> Floats:
    """p-values of trials in the order in which they were made; NaN counts for no trial."""
    able = np.isfinite(t)
    place = np.cumsum(able)
    p = np.full(t.shape, np.nan)
    p[able] = np.minimum(normal.cdf(-t[able]) * _ZETA * place[able] ** _DECAY, 1.0)
    return p
