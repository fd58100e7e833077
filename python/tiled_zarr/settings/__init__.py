"""Reads the server's settings from the environment and a YAML file into frozen values."""

from .environment import PREFIX, TREES, from_environment
from .values import Mount, Settings, SettingsError

__all__ = ["PREFIX", "TREES", "Mount", "Settings", "SettingsError", "from_environment"]
