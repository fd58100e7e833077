"""Runs Tiled's server as its own configuration describes it, with ours in front."""

from .application import application

__all__ = ["application"]
