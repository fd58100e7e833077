"""Opens the cache that the settings name for all processes, in a folder or a Redis server."""

from __future__ import annotations

from pathlib import Path

from . import extras
from .caches.folder import Folder
from .caches.shared import Shared, Shelf
from .settings import Settings, SettingsError


def shared(settings: Settings) -> Shared | None:
    """The cache for all processes; None if the settings name none. Raises SettingsError."""
    address = settings.cache
    if address is None:
        return None
    scheme, _, path = address.partition("://")
    shelf = Folder(Path(path), settings.cache_folder_size) if scheme == "folder" else server(address, settings)
    return Shared(shelf, settings.instance or "", settings.read_timeout)


def server(address: str, settings: Settings) -> Shelf:
    """The Redis server at an address, not asked yet.

    Raises SettingsError if the library is not installed, or if it refuses the address.
    """
    name = settings.spelling("cache")
    try:
        from .caches.keyvalue import KeyValue
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise SettingsError(f"{name}: Redis needs the package redis: {extras.command('redis')}") from error
    try:
        return KeyValue(address, settings.read_timeout)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name}: {error}") from error
