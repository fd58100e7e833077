"""What the server is told: frozen settings out of the environment and a YAML file."""

from .values import PREFIX, TREES, Mount, Settings, SettingsError

__all__ = ["PREFIX", "TREES", "Mount", "Settings", "SettingsError"]
