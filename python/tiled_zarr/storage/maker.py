"""What decides on the bytes of a store besides its source and its options."""

from __future__ import annotations

from ..hierarchy.recipes import ENCODER
from ..version import __version__


def maker() -> str:
    """This version and its encoder; a store of another one is not used."""
    return f"{__version__}, encoder {ENCODER}"
