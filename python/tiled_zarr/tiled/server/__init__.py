"""The front: our paths before the application of a Tiled server, with its users and policies."""

from .front import front

__all__ = ["front"]
