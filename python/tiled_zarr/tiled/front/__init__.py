"""Ours in front of Tiled's server."""

from __future__ import annotations

from typing import Any

from ...settings import Settings


def front(app: Any, settings: Settings | None = None) -> Any:
    """Tiled's application as it is, until there is a front."""
    del settings
    return app
