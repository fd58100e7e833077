"""Reads the server's settings from options, the environment and a YAML file into frozen values."""

from .declarations import SettingsError
from .environment import from_environment
from .mounts import Mount
from .values import Settings

__all__ = ["Mount", "Settings", "SettingsError", "from_environment"]
