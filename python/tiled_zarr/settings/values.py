"""The settings, as frozen values.

A setting has one name everywhere: `max_age` here and in YAML, TILED_ZARR_MAX_AGE in the
environment. The environment wins over YAML.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from ..dtypes import StructName
from ..hierarchy.metadata import Config
from ..nodes import Options
from ..resources import Sizes
from . import memory, parsers

Source: TypeAlias = Literal["demo", "directory", "pyobject"]


class SettingsError(Exception):
    """Settings with which the server cannot start; the text says which, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A tree and the path at which it is served ("" is the root).

    `target` is the folder of a directory, or the `module:name` of a Python object. `options` hold
    for the whole tree, those in `nodes` for the nodes at and below their paths. `csv` says how the
    text tables in a directory are written.
    """

    path: str = ""
    source: Source = "demo"
    target: str = ""
    options: Options = dataclasses.field(default_factory=Options)
    nodes: Mapping[str, Options] = dataclasses.field(default_factory=dict)
    csv: Mapping[str, Any] = dataclasses.field(default_factory=dict)


DEMO = (Mount(),)
PARSERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "api_key": parsers.key,
        "public": parsers.boolean,
        "allow_origins": parsers.origins,
        "codec": parsers.codec,
        "chunk_shape": parsers.shape,
        "memory": parsers.memory,
        "cache_size": parsers.size,
        "documents_size": parsers.size,
        "row_index_size": parsers.size,
        "chunk_index_size": parsers.size,
        "decoded_size": parsers.size,
        "tables_size": parsers.size,
        "mapped_size": parsers.size,
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
)
"""The parser of each setting that is a single value, for text or YAML."""
POOLS = MappingProxyType(
    {
        "cache_size": "chunks",
        "tile_cache_size": "tiles",
        "levels_size": "levels",
        "documents_size": "documents",
        "row_index_size": "row_indexes",
        "chunk_index_size": "chunk_indexes",
        "decoded_size": "decoded",
        "tables_size": "tables",
        "mapped_size": "mapped",
        "in_flight": "in_flight",
    }
)
"""The settings that size a single pool, and the pool's field in resources.Sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Sizes are in bytes; `max_age` and the timeouts are in seconds.

    `memory` is what the pools of all workers together may use. `cache_size` and the like are what
    each worker may use for one pool; None means a part of what there is (memory.py).

    `in_flight` is how much memory requests may use at once for decoded data. A request that alone
    would use more is refused; others wait. `read_timeout` is how long a source may take for one
    read, `queue_timeout` how long a request waits for a thread or for memory. One source gets at
    most half of `threads`.

    `public` None means private, unless `decided` finds that all trees are the demo. `codec` None
    means the codec of a source's stored chunks if these can be sent unchanged. `tile_budget` is how
    much of a source may be read for one tile of an OME-NGFF level, and `tile_cache_size` how much
    of such tiles is kept. `levels_size` is how much is kept of whole levels: in memory, or in
    `levels_folder`, so that they survive a restart of the server. `connections` is how many each
    worker of `tiled-zarr serve` accepts at once. A request has to arrive within `request_timeout`.
    At the end the server waits `shutdown_timeout` for requests in progress.
    """

    trees: tuple[Mount, ...] = DEMO
    api_key: str | None = dataclasses.field(default=None, repr=False)
    public: bool | None = None
    allow_origins: tuple[str, ...] = ()
    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    memory: int | None = None
    cache_size: int | None = None
    documents_size: int | None = None
    row_index_size: int | None = None
    chunk_index_size: int | None = None
    decoded_size: int | None = None
    tables_size: int | None = None
    mapped_size: int | None = None
    in_flight: int | None = None
    max_age: int = 60
    threads: int = 2 * min(32, (os.cpu_count() or 1) + 4)
    read_timeout: float = 60.0
    queue_timeout: float = 60.0
    consolidated_nodes: int = Config().max_nodes
    consolidated_bytes: int = Config().max_bytes
    listing_bytes: int = Config().listing_bytes
    struct: StructName = Config().struct
    tile_budget: int = 64 * 1024**2
    tile_cache_size: int | None = None
    levels_size: int | None = None
    levels_folder: Path | None = None
    connections: int = 1000
    request_timeout: float = 10.0
    shutdown_timeout: float = 10.0

    def decided(self) -> Settings:
        """The settings with `public` decided: True only for the demo without a key, if not set."""
        if self.public is not None:
            return self
        is_demo = all(mount.source == "demo" for mount in self.trees)
        return dataclasses.replace(self, public=is_demo and not self.api_key)

    def require_access(self) -> Settings:
        """The same settings. Raises SettingsError if they are private and have no API key.

        Nobody could then read, and we never take that to mean that everybody may.
        """
        if not self.public and not self.api_key:
            raise SettingsError(
                "these data are private: set TILED_ZARR_API_KEY to a secret that clients send, or TILED_ZARR_PUBLIC=1 to let everyone read"
            )
        return self

    def sizes(self, workers: int = 1) -> Sizes:
        """The bytes of each pool of each worker. Raises SettingsError if `memory` is too little."""
        given = {pool: size for name, pool in POOLS.items() if (size := getattr(self, name)) is not None}
        on_disk = {name: given.pop(name) for name in (memory.LEVELS,) if self.levels_folder is not None and name in given}
        try:
            return dataclasses.replace(memory.sizes(self.memory, given, workers, memory.available()), **on_disk)
        except ValueError as error:
            raise SettingsError(f"memory: {error}; raise memory, or lower these sizes") from error

    @property
    def keyspace(self) -> Config:
        """The settings of the key spaces."""
        return Config(
            codec=self.codec,
            chunk_shape=self.chunk_shape,
            max_nodes=self.consolidated_nodes,
            max_bytes=self.consolidated_bytes,
            struct=self.struct,
            listing_bytes=self.listing_bytes,
        )


def parsed(where: str, parse: Callable[[Any], Any], value: Any) -> Any:
    """The value that `parse` returns. Raises SettingsError, which begins with `where`."""
    try:
        return parse(value)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error
