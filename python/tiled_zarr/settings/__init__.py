"""What the server is told: frozen settings out of the environment and a YAML file."""

from .environment import PREFIX, TREES, from_environment
from .values import Mount, Settings, SettingsError

__all__ = ["PREFIX", "TREES", "Mount", "Settings", "SettingsError", "from_environment"]
