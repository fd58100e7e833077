"""The proxy serves what Tiled's own client reads."""

from __future__ import annotations

import numpy as np

draw = np.random.default_rng(13)
