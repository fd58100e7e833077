"""The tree as min/max levels of its lines: what a client needs to draw long 1-d arrays."""

from .levels import Stores
from .view import view

__all__ = ["Stores", "view"]
