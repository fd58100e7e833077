"""Plots of 1-d arrays as SVG: what the values of each part of them reach from and to.

https://www.w3.org/TR/SVG11/paths.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...encoding.encode import Block
from ...nodes import Array

MOST_VALUES = 2_000_000
"""Values of an array that is read whole for its plot, at most: 16 MB of float64."""
WIDTH, HEIGHT = 300, 100
"""Bins of a plot at most, one a unit of width; units of height between the extremes."""
MARGIN = 4
COLOUR = "#3b82c4"
"""Readable on light and on dark: 4.0 and 4.3 times the contrast of the page's grounds."""
KINDS = frozenset("biuf")


def is_line(node: Array) -> bool:
    """True if a plot can be drawn of an array."""
    return len(node.shape) == 1 and node.dtype.kind in KINDS and 1 < node.shape[0] <= MOST_VALUES


def svg(values: Block, mark: Any = None) -> bytes:
    """The plot of the values of an array; those that are not finite, or the mark, leave a gap."""
    given = np.asarray(values, np.float64)
    lows, highs = extremes(given if mark is None else np.where(values == mark, np.nan, given))
    path = drawn(lows, highs)
    box = f"0 {-MARGIN} {len(lows)} {HEIGHT + 2 * MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none">'
        f'<path d="{path}" fill="none" stroke="{COLOUR}" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round" '
        'vector-effect="non-scaling-stroke"/></svg>\n'
    ).encode()


def extremes(values: Any) -> tuple[Any, Any]:
    """The least and the greatest finite value of each bin; NaN for a bin without any."""
    finite = np.where(np.isfinite(values), values, np.nan)
    count = min(finite.size, WIDTH)
    starts = np.arange(count) * finite.size // count
    return np.fmin.reduceat(finite, starts), np.fmax.reduceat(finite, starts)


def drawn(lows: Any, highs: Any) -> str:
    """The path from bin to bin, down and up in each, with gaps; a line of one point is a dot."""
    low, high = np.nanmin(lows, initial=np.inf), np.nanmax(highs, initial=-np.inf)
    if not low <= high:
        return ""
    scale = HEIGHT / (high - low) if 0 < high - low < np.inf else 0.0
    ends = [HEIGHT / 2 if scale == 0 else HEIGHT - (part - low) * scale for part in (lows, highs)]
    bottoms, tops = (np.broadcast_to(np.where(np.isnan(lows), np.nan, end), lows.shape) for end in ends)
    parts, is_down = [], False
    for place, (bottom, top) in enumerate(zip(bottoms.tolist(), tops.tolist(), strict=True)):
        if bottom != bottom:  # noqa: PLR0124 - NaN
            is_down = False
            continue
        parts.append(f"{'L' if is_down else 'M'}{place + 0.5:g} {bottom:.1f}")
        if top != bottom or not is_down:
            parts.append(f"L{place + 0.5:g} {top:.1f}")
        is_down = True
    return "".join(parts)
