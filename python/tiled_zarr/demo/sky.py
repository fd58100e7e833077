"""The night sky: dusk, stars, the moon and thin clouds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .noise import Texture, octaves
from .spots import Lattice
from .view import Plane, View, cover, outer, over

MOON_RADIUS = 0.125
CLOUDS = Texture(seed=140, frequency=(7.0, 2.2), roughness=0.55, deepest=9)
SEAS = Texture(seed=300, frequency=(1.3, 1.3), roughness=0.6, deepest=8)
DUST = Texture(seed=332, frequency=(9.0, 9.0), roughness=0.85, lit=True)
STARS, CRATERS = 100, 364
STAR = 0.0022
"""Radius of the light of the largest stars."""
CROWDED = 0.2
"""Largest radius at which stars are drawn, in cells of their lattice."""


def sky(view: View, moon: tuple[float, float], *, clear: bool) -> Plane:
    """The brightness of the sky with the moon at (v, u).

    Only if `clear` does it show stars and craters; the rows of `view` must ascend then.
    """
    disc = view.seen_from(*moon, MOON_RADIUS)
    squared = outer(disc.v * disc.v, disc.u * disc.u, np.add)
    halo: Plane = np.float32(1) / (np.float32(0.16) * squared + np.float32(1))
    canvas: Plane = np.float32(0.32) * halo
    canvas += (0.06 + 0.30 * view.v * view.v).astype(np.float32)[:, None]
    if clear:
        add_stars(canvas, view)
    if squared.min() < (1 + disc.pixel) ** 2:
        over(canvas, cover(1 - np.sqrt(squared), disc.pixel), surface(disc, squared, clear=clear))
    clouds = np.clip(CLOUDS.over(view) * np.float32(1.6) + np.float32(0.1), 0, 1)
    canvas += clouds * (np.float32(0.025) + np.float32(0.18) * halo)
    return canvas


def add_stars(canvas: Plane, view: View) -> None:
    """Add stars: the smaller the pixels, the more stars there are."""
    for k in range(7):
        bare, frequency = STAR * 0.5**k, 40.0 * 2**k
        drawn = max(bare, 1.5 * view.pixel)
        light = (bare / drawn) ** 2
        if drawn * frequency > CROWDED:
            return
        lattice = Lattice(seed=STARS + 3 * k, frequency=frequency, smallest=drawn * frequency / 2, largest=drawn * frequency, least=0.7)
        for star in lattice.within(view):
            glow = np.maximum(1 - star.squared, 0)
            glow *= glow
            canvas[star.box] += glow * glow * np.float32(light * (star.luck - 0.6) * 3)


def surface(disc: View, squared: Plane, *, clear: bool) -> Plane:
    """The brightness of the moon: seas, dust, and craters within craters.

    `disc` is in moon radii from the centre, and `squared` is the square of that distance.
    """
    facing = np.sqrt(np.maximum(1 - squared, 0))
    seas = np.clip(SEAS.over(disc) * np.float32(2.5) + np.float32(0.3), 0, 1)
    ground: Plane = np.float32(0.86) - np.float32(0.3) * seas + np.float32(0.2) * DUST.over(disc)
    for lattice in craters(disc.pixel) if clear else ():
        stamp(ground, lattice, disc)
    ground *= np.float32(0.62) + np.float32(0.38) * facing
    return np.clip(ground, 0, 1, out=ground)


def craters(pixel: float) -> Iterator[Lattice]:
    """Yield the craters of every size that a pixel can show."""
    for k in range(octaves(1.6, 16 * pixel)):
        yield Lattice(seed=CRATERS + 3 * k, frequency=1.6 * 2**k, smallest=0.05, largest=0.25, least=0.4, reach=1.27)


def stamp(ground: Plane, lattice: Lattice, disc: View) -> None:
    """Draw craters on the ground: a dark and a lit wall inside a bright rim."""
    for crater in lattice.within(disc):
        squared = crater.squared
        wall = (crater.down - crater.aside) * np.clip((1 - squared) * 3, 0, 1)
        rim = np.maximum(1 - np.abs(squared - np.float32(1.15)) * np.float32(2.2), 0)
        ground[crater.box] += np.float32(0.12) * wall + np.float32(0.1) * rim
