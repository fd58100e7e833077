"""Data in memory for two servers that are replicas: `replicated:tree`."""

from __future__ import annotations

import numpy as np

tree = {"numbers": np.arange(600, dtype="<i4").reshape(20, 30), "image": np.arange(300 * 300, dtype="<u2").reshape(300, 300)}
