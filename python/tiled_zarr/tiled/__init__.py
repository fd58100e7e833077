"""What needs Tiled itself: its catalogs, its server and its configuration.

`front` and `router` are imported when they are first asked for: with Tiled's server they take 3 s
and 330 MB, which the other rooms do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config.router import router
    from .server.front import front

__all__ = ["front", "router"]


def __getattr__(name: str) -> Any:
    """The public name, imported now."""
    if name == "front":
        from .server.front import front

        return front
    if name == "router":
        from .config.router import router

        return router
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
