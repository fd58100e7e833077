"""The settings themselves.

A setting has one name everywhere: `max_age` here and in YAML, TILED_ZARR_MAX_AGE in the environment, which wins over YAML.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..dtypes import StructName
from ..hierarchy.metadata import Config
from ..nodes import Options
from . import parsers

Source: TypeAlias = Literal["demo", "directory", "pyobject"]


class SettingsError(Exception):
    """Settings that cannot be served; the text says which, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A tree and the path where it hangs ("" is the root).

    `target` is the folder of a directory, or the `module:name` of a Python object. `options` hold for the whole tree,
    those in `nodes` for what is at and below their paths. `csv` says how the text tables in a directory are written.
    """

    path: str = ""
    source: Source = "demo"
    target: str = ""
    options: Options = dataclasses.field(default_factory=Options)
    nodes: Mapping[str, Options] = dataclasses.field(default_factory=dict)
    csv: Mapping[str, Any] = dataclasses.field(default_factory=dict)


DEMO = (Mount(),)
PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "api_key": parsers.key,
    "public": parsers.boolean,
    "allow_origins": parsers.origins,
    "codec": parsers.codec,
    "chunk_shape": parsers.shape,
    "cache_size": parsers.size,
    "in_flight": parsers.size,
    "listing_bytes": parsers.size,
    "max_age": parsers.count,
    "threads": parsers.positive,
    "read_timeout": parsers.seconds,
    "queue_timeout": parsers.seconds,
    "consolidated_nodes": parsers.count,
    "consolidated_bytes": parsers.size,
    "struct": parsers.struct,
    "tile_budget": parsers.size,
    "tile_cache_size": parsers.size,
    "levels_size": parsers.size,
    "levels_folder": parsers.folder,
    "connections": parsers.positive,
    "request_timeout": parsers.seconds,
    "shutdown_timeout": parsers.seconds,
}
"""How every setting that is a single value is read out of text or YAML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Sizes are in bytes; `max_age` and the timeouts are in seconds.

    `in_flight` is how much memory requests take at once for what they decode: one that alone would take more is refused, others wait.
    `read_timeout` is how long a source may take for one read, `queue_timeout` how long a request waits for a thread or for memory. One
    source gets at most half of `threads`.

    `public` None means private, unless `decided` finds that the trees are the demo; `codec` None means the one that a source has stored
    its chunks in, where they can be sent as they are. `tile_budget` is how much of a source is read for one tile of an OME-NGFF level,
    `tile_cache_size` what is kept of such tiles; `levels_size` is what is kept of whole levels, in memory or, so that they outlive the
    server, in `levels_folder`. `connections` is how many a worker of `tiled-zarr serve` has at once, `request_timeout` within how many
    seconds a request has to arrive, `shutdown_timeout` for how many seconds requests under way are waited for at the end.
    """

    trees: tuple[Mount, ...] = DEMO
    api_key: str | None = dataclasses.field(default=None, repr=False)
    public: bool | None = None
    allow_origins: tuple[str, ...] = ()
    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    cache_size: int = 256 * 1024**2
    in_flight: int = 1024**3
    max_age: int = 60
    threads: int = 2 * min(32, (os.cpu_count() or 1) + 4)
    read_timeout: float = 60.0
    queue_timeout: float = 60.0
    consolidated_nodes: int = Config().max_nodes
    consolidated_bytes: int = Config().max_bytes
    listing_bytes: int = Config().listing_bytes
    struct: StructName = Config().struct
    tile_budget: int = 64 * 1024**2
    tile_cache_size: int = 96 * 1024**2
    levels_size: int = 128 * 1024**2
    levels_folder: Path | None = None
    connections: int = 1000
    request_timeout: float = 10.0
    shutdown_timeout: float = 10.0

    def decided(self) -> Settings:
        """The settings with `public` decided by the trees: the demo is, unless it has a key."""
        if self.public is not None:
            return self
        is_demo = all(mount.source == "demo" for mount in self.trees)
        return dataclasses.replace(self, public=is_demo and not self.api_key)

    def require_access(self) -> Settings:
        """The same settings. Raises SettingsError where nobody could read, which is never taken to mean everybody."""
        if not self.public and not self.api_key:
            raise SettingsError(
                "these data are private: set TILED_ZARR_API_KEY to a secret that reads them, or TILED_ZARR_PUBLIC=1 to let everyone read"
            )
        return self

    @property
    def keyspace(self) -> Config:
        """What the key spaces are told."""
        return Config(
            codec=self.codec,
            chunk_shape=self.chunk_shape,
            max_nodes=self.consolidated_nodes,
            max_bytes=self.consolidated_bytes,
            struct=self.struct,
            listing_bytes=self.listing_bytes,
        )


def parsed(where: str, parse: Callable[[Any], Any], value: Any) -> Any:
    """A value read by its parser. Raises SettingsError naming the place."""
    try:
        return parse(value)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error
