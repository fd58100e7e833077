"""Moonlight on a lake: one picture as a function of position.

It can be sampled at any size and has new detail at every scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .land import Chain, Wood
from .noise import Texture, descending, lines
from .sky import sky
from .view import Floats, Plane, View

CHAINS = (
    Chain(seed=11, crest=0.62, rise=0.30, frequency=2.3, rock=0.40, snow=0.5, mist=0.52),
    Chain(seed=42, crest=0.67, rise=0.27, frequency=2.9, rock=0.29, snow=0.35, mist=0.46),
    Chain(seed=73, crest=0.72, rise=0.20, frequency=3.7, rock=0.19, snow=0.12, mist=0.38),
    Chain(seed=94, crest=0.755, rise=0.11, frequency=4.1, rock=0.11, mist=0.27),
)
FAR = Wood(hill=Chain(seed=121, crest=0.762, rise=0.05, frequency=3.1, rock=0.07), spacing=0.0065, height=0.034)
NEAR = Wood(hill=Chain(seed=138, crest=1.06, rise=0.14, frequency=1.3, rock=0.03), spacing=0.031, height=0.34, clearing=0.64)
SHORE = 0.76
FORESHORTENED = 3.2
"""How many times lower things look in their reflection than above the water."""
RIPPLES = 220
WAVES = Texture(seed=236, frequency=(70.0, 9.0), roughness=0.6, deepest=9)
TILE = (128, 512)
"""Rows and columns computed at a time.

The intermediate arrays then stay in the processor's cache, however large the picture is.
"""
STRIDED = (64, 512)
"""The same if the pixels are not adjacent.

Each pixel then needs lattice points of its own, and the lattices are four times as large.
"""


@dataclass(frozen=True, slots=True)
class Night:
    """What may differ between two pictures: the moon's place (v, u), and the mist (1 as usual)."""

    moon: tuple[float, float] = (0.27, 0.67)
    mist: float = 1.0


USUAL = Night()


@dataclass(frozen=True, slots=True, eq=False)
class Skylines:
    """The silhouettes over a range of columns, from far to near."""

    chains: tuple[Floats, ...]
    far: Floats
    near: Floats


def picture(rows: range, columns: range, size: int, night: Night = USUAL) -> Plane:
    """The brightness, 0 to 1, of a box of the picture that is `size` pixels high and wide."""
    out = np.empty((len(rows), len(columns)), np.float32)
    shore = int(SHORE * size)
    height, width = TILE if rows.step == columns.step == 1 else STRIDED
    for left in range(0, len(columns), width):
        u = middles(columns[left : left + width], size)
        skylines = silhouettes(u, 1 / size)
        top = 0
        while top < len(rows):
            stop = min(top + height, len(rows))
            if rows[top] < shore <= rows[stop - 1]:
                stop = len(range(rows.start, shore, rows.step))
            view = View(middles(rows[top:stop], size), u, 1 / size)
            out[top:stop, left : left + width] = landscape(view, skylines, night, is_lake=rows[top] >= shore)
            top = stop
    return out


def landscape(view: View, skylines: Skylines, night: Night, *, is_lake: bool) -> Plane:
    """Paint land or lake, then the wood in front; skip whatever the near hill hides completely."""
    if view.v.min() > skylines.near.max() + view.pixel:
        canvas = np.zeros(view.shape, np.float32)
    else:
        canvas = (lake if is_lake else land)(view, skylines, night)
    NEAR.paint(canvas, view, skylines.near)
    return np.clip(canvas, 0, 1, out=canvas)


def middles(pixels: range, size: int) -> Floats:
    """The coordinates of pixel centres, from 0 to 1."""
    return (np.arange(pixels.start, pixels.stop, pixels.step) + 0.5) / size


def silhouettes(u: Floats, pixel: float) -> Skylines:
    """All skylines over the columns `u`."""
    return Skylines(tuple(chain.skyline(u, pixel) for chain in CHAINS), FAR.hill.skyline(u, pixel), NEAR.hill.skyline(u, pixel))


def land(view: View, skylines: Skylines, night: Night, *, clear: bool = True) -> Plane:
    """Paint sky, mountains and the far wood; skip whatever the mountains hide completely."""
    top = view.v.min() - view.pixel
    hidden = [k for k, skyline in enumerate(skylines.chains) if top > skyline.max()]
    canvas = np.zeros(view.shape, np.float32) if hidden else sky(view, night.moon, clear=clear)
    for k in range(max(hidden, default=0), len(CHAINS)):
        CHAINS[k].paint(canvas, view, skylines.chains[k], night.mist)
    FAR.paint(canvas, view, skylines.far)
    return canvas


def lake(view: View, skylines: Skylines, night: Night) -> Plane:
    """Paint the land upside down, darker, and broken by long low waves."""
    below = view.v - SHORE
    ripple = descending(lines(RIPPLES, view.v / (0.02 + 0.5 * below), [6.0 * 2**k for k in range(9)]), 0.6) - 0.5
    mirrored = SHORE - below * (FORESHORTENED + 1.3 * ripple)
    canvas = land(replace(view, v=mirrored, pixel=view.pixel * FORESHORTENED), skylines, night, clear=False) * np.float32(0.8)
    waves = WAVES.over(view)
    return canvas + waves * (np.float32(0.04) + np.float32(0.35) * canvas)
