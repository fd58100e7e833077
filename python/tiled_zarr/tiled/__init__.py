"""What needs Tiled itself: its catalogs, its server and its configuration."""

from .config.router import router
from .front import front

__all__ = ["front", "router"]
