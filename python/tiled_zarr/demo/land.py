"""The land: mountains that fade into the mist, and spruces with branches, twigs and needles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise import Texture, hashed, ridged
from .view import Floats, Plane, View, cover, outer, over

GROUND = 180
BRANCHES, TWIGS, NEEDLES = 11, 7, 6
WIDTH = 0.2
"""Half the width of a spruce at its foot, as a fraction of its height."""
SETTLED = 0.001
"""Pixel size, in pictures, at which the ground under a tree is computed.

It is the same for every size of the picture, so that trees stay in one place.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain of mountains.

    It has the parameters of its skyline, and the brightness of its rock, of its snow and of the
    mist at its foot.
    """

    seed: int
    crest: float
    rise: float
    frequency: float
    rock: float
    snow: float = 0.0
    mist: float = 0.0

    def skyline(self, u: Floats, pixel: float) -> Floats:
        """The top of the mountains in each column, as a `v` coordinate."""
        return self.crest - self.rise * ridged(self.seed, u + 0.37 * self.seed, self.frequency, 0.47, pixel)

    def paint(self, canvas: Plane, view: View, skyline: Floats, fog: float) -> None:
        """Paint rock and snow above, mist below."""
        if view.v.max() - skyline.min() < -view.pixel:
            return
        below = outer(view.v, skyline, np.subtract)
        depth = below * np.float32(1 / (1.1 * self.rise))
        np.clip(depth, 0, 1, out=depth)
        shade = Texture(seed=self.seed + GROUND, frequency=(13.0, 13.0), roughness=0.85, lit=True).over(view)
        white = np.clip((np.float32(0.40) - depth + shade * np.float32(1.3)) * 4, 0, 1) * np.float32(self.snow)
        colour = np.float32(self.rock) * (1 + np.float32(1.8) * shade) + white * (np.float32(0.55) + np.float32(1.3) * shade)
        depth *= depth
        depth *= np.float32(0.9 * fog)
        over(colour, np.minimum(depth, 1, out=depth), np.full_like(colour, self.mist))
        over(canvas, cover(below, view.pixel), colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wood:
    """Spruces on a hill, `spacing` apart, up to `height` tall.

    They are smaller near the column `clearing`.
    """

    hill: Chain
    spacing: float
    height: float
    clearing: float | None = None

    def paint(self, canvas: Plane, view: View, skyline: Floats) -> None:
        """Paint a dark hill and the trees on it."""
        if view.v.max() < skyline.min() - self.height - view.pixel:
            return
        hidden = np.maximum(cover(outer(view.v, skyline, np.subtract), view.pixel), self.trees(view))
        bark = Texture(seed=self.hill.seed + GROUND, frequency=(40.0, 60.0), roughness=0.7, deepest=7).over(view)
        colour = np.float32(self.hill.rock) * (1 + bark)
        over(canvas, hidden, colour)

    def trees(self, view: View) -> Plane:
        """How much of each pixel trees hide, 0 to 1.

        Only the tree of the pixel's own lattice cell and those of the two neighbouring cells can
        reach it.
        """
        hidden = np.zeros(view.shape, np.float32)
        cell = np.floor(view.u / self.spacing).astype(np.int64)
        trees = np.arange(cell[0] - 1, cell[-1] + 2)
        stems = (trees + 0.2 + 0.6 * hashed(self.hill.seed, trees).astype(np.float64)) * self.spacing
        talls = self.height * (0.35 + 0.65 * hashed(self.hill.seed + 1, trees).astype(np.float64)) * self.stature(stems)
        tops = self.hill.skyline(stems, SETTLED) - 0.85 * talls
        for neighbour in (-1, 0, 1):
            tree = cell - cell[0] + 1 + neighbour
            top, tall, aside = tops[tree], talls[tree], np.abs(view.u - stems[tree])
            near = (top < view.v.max()) & (view.v.min() < top + tall) & (aside < WIDTH * tall + view.pixel)
            if near.any():
                hidden[:, near] = np.maximum(hidden[:, near], spruce(view, aside[near], top[near], tall[near]))
        return hidden

    def stature(self, u: Floats) -> Floats:
        """How tall trees grow in each column, from 0 to 1."""
        return np.ones_like(u) if self.clearing is None else np.clip(0.1 + 4 * (u - self.clearing) ** 2, 0, 1)


def spruce(view: View, aside: Floats, top: Floats, tall: Floats) -> Plane:
    """How much of each pixel a tree hides: one tree for each column, `aside` from its stem."""
    down = ((view.v[:, None] - top) / tall).astype(np.float32)
    out = (aside / tall).astype(np.float32)
    branch = tooth(down * BRANCHES - out * 12)
    twig = tooth(down * (BRANCHES * TWIGS) + out * 40)
    needle = tooth(down * (BRANCHES * TWIGS * NEEDLES) - out * 200)
    ragged = np.float32(0.45) + np.float32(0.35) * branch + np.float32(0.14) * twig + np.float32(0.06) * needle
    inside = down * np.maximum(np.float32(WIDTH) * ragged, np.float32(0.012)) - out
    hidden: Plane = np.clip(inside * (tall / view.pixel).astype(np.float32) + np.float32(0.5), 0, 1)
    hidden *= (down > 0) & (down < 1)
    return hidden


def tooth(phase: Plane) -> Plane:
    """A sawtooth wave that climbs from 0 to 1 between two integers."""
    return phase - np.floor(phase)
