"""Writes a tree as a Zarr store on disk or in an object store: what a server would compute, once."""

from .baked import Baked, bake
from .manifest import CannotBake
from .served import Served
from .stores import Stores
from .view import view

__all__ = ["Baked", "CannotBake", "Served", "Stores", "bake", "view"]
