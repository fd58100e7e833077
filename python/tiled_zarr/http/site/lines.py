"""Plots of 1-d arrays as SVG: what the values of each part of them reach from and to.

https://www.w3.org/TR/SVG11/paths.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...encoding.encode import Block
from ...nodes import Array

WIDTH, HEIGHT = 300, 100
"""Bins of a plot at most, one a unit of width; units of height between the extremes."""
MARGIN = 4
STYLE = (
    "path{fill:#3b82c4;stroke:#3b82c4;stroke-width:1.5px;stroke-linejoin:round;stroke-linecap:round;vector-effect:non-scaling-stroke}"
    "text{font:12px system-ui,sans-serif;fill:#5b6470;stroke:#fff;stroke-width:3px;paint-order:stroke}"
    "@media(prefers-color-scheme:dark){text{fill:#9aa4b0;stroke:#14171a}}"
    "@media(max-width:200px){text{display:none}}"
)
"""The colour of the line has 4.0 and 4.3 times the luminance contrast to the grounds of our pages."""
KINDS = frozenset("biuf")


def is_line(node: Array) -> bool:
    """True if a plot can be drawn of an array."""
    return len(node.shape) == 1 and node.dtype.kind in KINDS and not node.is_sparse and node.shape[0] > 1


def svg(values: Block, marks: tuple[np.generic, ...] = ()) -> bytes:
    """The plot of the values of an array; those that are not finite, and marks, leave a gap.

    Values on two axes are the least and the greatest of each bin (docs/minmax.md). The outer
    drawing has the size of what shows it, so that text is not stretched as the line is.
    """
    given = np.asarray(values, np.float64)
    finite = np.where(np.isfinite(given) & ~np.isin(values, marks), given, np.nan)
    lows, highs = extremes(*((finite, finite) if finite.ndim == 1 else (finite[:, 0], finite[:, 1])))
    box = f"0 {-MARGIN} {len(lows)} {HEIGHT + 2 * MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%"><style>{STYLE}</style>'
        f'<svg viewBox="{box}" preserveAspectRatio="none"><path d="{drawn(lows, highs)}"/></svg>{labels(lows, highs)}</svg>\n'
    ).encode()


def labels(lows: Any, highs: Any) -> str:
    """The least and the greatest value, as text beside the line; empty if there is none."""
    if np.isnan(lows).all():
        return ""
    top, bottom = f"{np.nanmax(highs):.6g}", f"{np.nanmin(lows):.6g}"
    return f'<text x="4" y="14">{top}</text><text x="4" y="100%" dy="-4">{bottom}</text>'


def extremes(lows: Any, highs: Any) -> tuple[Any, Any]:
    """The least of `lows` and the greatest of `highs` in each bin; NaN for a bin without any."""
    count = min(lows.size, WIDTH)
    starts = np.arange(count) * lows.size // count
    return np.fmin.reduceat(lows, starts), np.fmax.reduceat(highs, starts)


def drawn(lows: Any, highs: Any) -> str:
    """The band between the extremes of neighbouring bins, one for each run without a gap."""
    low, high = np.nanmin(lows, initial=np.inf), np.nanmax(highs, initial=-np.inf)
    if not low <= high:
        return ""
    middle, half = low / 2 + high / 2, high / 2 - low / 2  # their difference may be infinite
    bottoms, tops = (HEIGHT / 2 * (1 - (part - middle) / (half or 1.0)) for part in (lows, highs))
    gaps = np.flatnonzero(np.isnan(lows))
    starts, stops = np.r_[0, gaps + 1].tolist(), np.r_[gaps, lows.size].tolist()
    return "".join(band(start, tops[start:stop], bottoms[start:stop]) for start, stop in zip(starts, stops, strict=True) if start < stop)


def band(start: int, tops: Any, bottoms: Any) -> str:
    """The outline of a run of bins: along the tops, and back along the bottoms."""
    forth = [(start + place + 0.5, top) for place, top in enumerate(tops.tolist())]
    back = [(start + place + 0.5, bottom) for place, bottom in enumerate(bottoms.tolist())][::-1]
    return f"M{'L'.join(f'{x:g} {y:.1f}' for x, y in (*forth, *back))}Z"
