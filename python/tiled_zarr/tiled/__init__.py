"""What needs Tiled itself: its catalogs, its server and its configuration."""

from .front import front

__all__ = ["front"]
