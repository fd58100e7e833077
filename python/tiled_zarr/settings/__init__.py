"""What the server is told: frozen settings out of the environment and a YAML file."""

from .values import Mount, Settings, SettingsError

__all__ = ["Mount", "Settings", "SettingsError"]
