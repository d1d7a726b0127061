"""Shares as percentages for printed pages."""

from __future__ import annotations

import math

# Added before rounding down, so that 0.29 * 10,000 = 2,899.9999999999995 counts as 2,900.
_FLOAT_NOISE = 1e-6


def percent(share: float | None, digits: int) -> str:
    """Return a share as 'x.y %', rounded down: 99.996 % is not 100 %. Unknown (None) is a dash."""
    if share is None:
        return "—"
    scale: int = 10**digits
    return f"{math.floor(100 * scale * share + _FLOAT_NOISE) / scale:.{digits}f} %"
