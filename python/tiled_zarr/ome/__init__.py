"""A tree of nodes as OME-NGFF shows it: every array that is an image becomes a multiscale group, whose children are its levels.

https://ngff.openmicroscopy.org/
"""

from .documents import Version
from .pyramid.levels import Stores
from .view import Pyramids, view

__all__ = ["Pyramids", "Stores", "Version", "view"]
