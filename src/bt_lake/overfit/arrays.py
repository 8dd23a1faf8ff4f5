"""Names for the arrays the statistics are written in, and the way out of them."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = float | Floats | Ints


def number(value: float | np.floating | Floats) -> float | None:
    """A plain float, or None where the value is NaN or infinite: undefined is never a number."""
    plain = float(value)
    return plain if math.isfinite(plain) else None
