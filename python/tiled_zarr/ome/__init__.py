"""The tree of nodes as OME-NGFF: each array that is an image becomes a multiscale group.

The children of that group are the image's levels. https://ngff.openmicroscopy.org/
"""

from .documents import Version
from .origins import origin
from .pyramid.stores import Stores
from .view import Pyramids, view

__all__ = ["Pyramids", "Stores", "Version", "origin", "view"]
