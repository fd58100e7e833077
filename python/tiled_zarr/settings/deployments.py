"""What `tiled-zarr serve` must know of a configuration of Tiled's server before a worker reads it.

The supervisor opens no data, so it does not import Tiled, and it does not let Tiled read the file:
that imports modules of the operator and asks identity providers over the network. It needs the
addresses and the keys alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from .. import extras
from .declarations import Setting, SettingsError, parsed
from .spots import Spot

UVICORN = MappingProxyType(
    {
        "host": "host",
        "port": "port",
        "workers": "workers",
        "log_level": "log_level",
        "limit_concurrency": "connections",
        "timeout_graceful_shutdown": "shutdown_timeout",
    }
)
"""The settings of ours that mean the same as an option of uvicorn, by the option."""
LEVELS = MappingProxyType({"critical": "error", "trace": "debug"})
"""Levels of uvicorn's log that we do not have, and the nearest that we have."""
TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
"""What Tiled takes for true."""
NEEDED = ("tiled", "fastapi")
"""Packages without which there is no server of Tiled's; the extra `tiled` has them."""
Files: TypeAlias = Sequence[tuple[Spot, Any]]
"""The parsed files of a configuration, each with the place of its whole."""
OF_TILED = frozenset({"root_path"})
"""Options of uvicorn that the application itself gets."""
LISTENING = ("fd", "uds", "ssl_")
"""How options of uvicorn begin that say to whom it speaks; without them the server would be open to others."""
KEY, PUBLIC = "TILED_SINGLE_USER_API_KEY", "TILED_ALLOW_ANONYMOUS_ACCESS"
"""Tiled's variables for the key of the only user and for public data; the file wins over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A configuration of Tiled's server: a file, or a folder of files.

    `has_users` says that it names providers who know users; without them a single user has the key.
    `unused` and `refused` are the options of uvicorn that `serve` does not have, as they are spelled
    in the file. `generated` are the key and the secret that all workers share if the configuration
    has none; None if there is no supervisor.
    """

    path: Path
    has_users: bool = False
    is_public: bool = False
    key: str | None = field(default=None, repr=False)
    unused: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    generated: tuple[str, str] | None = field(default=None, repr=False)

    def sharing(self, key: str) -> Deployment:
        """This deployment with `key`, and a secret made from it, for what the configuration leaves out."""
        return replace(self, generated=(key, sha256(f"secret {key}".encode()).hexdigest()))

    def key_of(self, given: str | None) -> str | None:
        """The key of the single user, if it is known here: `given` as an option, configured, or generated."""
        generated = None if self.generated is None else self.generated[0]
        return None if self.has_users else given or self.key or generated

    def require_listening(self) -> None:
        """Raise SettingsError if the file says of the server's address what `serve` cannot do."""
        if self.refused:
            raise SettingsError(
                f"{', '.join(self.refused)}: `tiled-zarr serve` listens on a TCP port and speaks no TLS; leave this out and let a proxy "
                "speak it, or run `hypercorn tiled_zarr.app:app` with TILED_ZARR_CONFIG and hypercorn's options --certfile or --bind"
            )


def deployment(path: Path, files: Files, environ: Mapping[str, str] = os.environ) -> Deployment:
    """The deployment that the parsed files of a configuration describe.

    Raises SettingsError if Tiled's server is not installed.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise SettingsError(f"{path} is a configuration of Tiled's server, which is not installed: {extras.command('tiled')}")
    access = block(files, "authentication")
    public = access.get("allow_anonymous_access")
    others = [(name, str(where)) for name, _, where in uvicorn(files) if name not in UVICORN.keys() | OF_TILED]
    return Deployment(
        path=path,
        has_users=bool(access.get("providers")),
        is_public=str(environ.get(PUBLIC) if public is None else public).lower() in TRUE,
        key=access.get("single_user_api_key") or environ.get(KEY) or None,
        unused=tuple(where for name, where in others if not name.startswith(LISTENING)),
        refused=tuple(where for name, where in others if name.startswith(LISTENING)),
    )


def block(files: Files, name: str) -> dict[str, Any]:
    """The mapping under a key of the configuration, with variables replaced; empty if it has none."""
    found = [document[name] for _, document in files if isinstance(document, dict) and isinstance(document.get(name), dict)]
    return {key: replaced(value) for mapping in found for key, value in mapping.items() if isinstance(key, str)}


def uvicorn(files: Files) -> Iterator[tuple[str, Any, Spot]]:
    """Yield the options of uvicorn that are given: name, value and place."""
    for where, document in files:
        for name, value in block([(where, document)], "uvicorn").items():
            if value is not None:
                yield name, value, where.at("uvicorn").at(name)


def of_uvicorn(files: Files, settings: Mapping[str, Setting]) -> dict[str, tuple[Any, Spot]]:
    """The settings of ours that the options of uvicorn give: value and place. Raises SettingsError."""
    given = {
        UVICORN[name]: (LEVELS.get(value, value) if name == "log_level" else value, where)
        for name, value, where in uvicorn(files)
        if name in UVICORN
    }
    return {name: (parsed(where, settings[name].parse, value), where) for name, (value, where) in given.items()}


def replaced(value: Any) -> Any:
    """A value in which `$NAME` stands for a variable of the environment, as Tiled reads it."""
    return os.path.expandvars(value) if isinstance(value, str) else value
