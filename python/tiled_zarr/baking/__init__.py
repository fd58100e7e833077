"""Writes a tree as a Zarr store on disk or in an object store: what a server would compute, once."""

from .baked import Baked, bake
from .manifest import CannotBake
from .served import Served

__all__ = ["Baked", "CannotBake", "Served", "bake"]
