"""Write the tables of colour maps that the viewer draws with: `python viewer/colormaps.py`.

It needs matplotlib, which the viewer does not. Each table has 256 colours of three bytes, as base64;
of the 510 colours of twilight it has every other one.
viridis, plasma, inferno, magma, cividis and twilight are in the public domain (CC0), coolwarm is
Kenneth Moreland's, turbo is Google's (Apache 2.0), RdBu Cynthia Brewer's (colorbrewer.org).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np

TARGET = Path(__file__).parent / "src" / "viewer" / "colormaps.json"
NAMES = ("gray", "viridis", "plasma", "inferno", "magma", "cividis", "turbo", "RdBu", "coolwarm", "twilight")


def main() -> None:
    """Write all tables."""
    tables = {
        name: base64.b64encode(mpl.colormaps[name]((np.arange(256) + 0.5) / 256, bytes=True)[:, :3].tobytes()).decode() for name in NAMES
    }
    TARGET.write_text(json.dumps(tables, indent=2) + "\n")


if __name__ == "__main__":
    main()
