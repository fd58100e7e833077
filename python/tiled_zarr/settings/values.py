"""The settings, as frozen values, and their declarations.

A setting has one name everywhere: `max_age` here and in YAML, TILED_ZARR_MAX_AGE in the
environment, `--max-age` on the command line. An option wins over the environment, which wins over
YAML.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..clusters.executor import MAX_BYTES
from ..dtypes import StructName
from ..hierarchy.metadata import Config
from ..resources import Fetching, Sizes
from . import memory, parsers
from .declarations import SettingsError, declared, parsed, setting
from .deployments import Deployment
from .mounts import DEMO, Mount

MIB = 1024**2
SERVERS = ("hypercorn", "uvicorn", "granian")
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
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


def pool(name: str, text: str, *, common: bool = False) -> int | None:
    """The declaration of a setting that sizes a pool: bytes, or None for a part of `memory`."""
    size: int | None = setting(parsers.size, None, text, shown=shown(getattr(Sizes(), POOLS[name])), common=common)
    return size


def shown(nbytes: int) -> str:
    """A number of bytes in MiB.

    >>> shown(64 * MIB)
    '64MiB'
    """
    return f"{nbytes // MIB}MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Sizes are in bytes, durations in seconds; None means what the text says.

    `public` None means private, unless `decided` finds that all trees are the demo. `spellings` say
    where each setting was given, for messages: an option, a variable, or a line of a file. With
    `tiled` there are no trees of ours: a configuration of Tiled's server says what is served, and
    to whom.
    """

    trees: tuple[Mount, ...] = DEMO
    tiled: Deployment | None = None
    spellings: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    host: str = setting(parsers.text, "127.0.0.1", "Address to listen on; 0.0.0.0 is all addresses of this machine.", common=True)
    port: int = setting(parsers.port, 8000, "Port to listen on; 0 finds a free one.", common=True)
    workers: int = setting(parsers.positive, 1, "Number of worker processes.", common=True)
    server: str = setting(parsers.among(*SERVERS), SERVERS[0], "HTTP server to use: hypercorn, uvicorn or granian.", common=True)
    api_key: str | None = setting(
        parsers.key,
        None,
        "Key for reading the data; private data without one get a random key. Others see it in `ps`.",
        common=True,
        repr=False,
    )
    api_key_file: Path | None = setting(parsers.path, None, "File with the key, which `ps` does not show.", common=True)
    public: bool | None = setting(parsers.boolean, None, "Let anyone read, without a key.", shown="false; the demo: true", common=True)
    allow_origins: tuple[str, ...] = setting(
        parsers.origins, (), "Web pages that may read: comma-separated origins, or *.", shown="", common=True
    )
    allowed_hosts: tuple[str, ...] = setting(
        parsers.hosts,
        (),
        "Names, besides this machine's, that a proxy in front may send: comma-separated hosts, or *.",
        shown="",
        common=True,
    )
    codec: str | None = setting(
        parsers.codec,
        None,
        "Codec of the chunks: blosc:lz4:5, zstd:3, none, ...; by default the one they are stored in.",
        shown="as stored, else blosc:lz4:5",
        common=True,
    )
    chunk_shape: tuple[int, ...] | None = setting(
        parsers.shape,
        None,
        "Shape of the chunks in elements, like 512,512, for all arrays; by default chosen for each array.",
        shown="of each array",
    )
    struct: StructName = setting(
        parsers.among("structured", "struct"),
        Config().struct,
        "How Zarr v3 spells structured types: structured, which zarr 3.1 reads too, or struct.",
    )
    max_age: int = setting(parsers.count, 0, "Seconds for which caches need not ask again; meanwhile they may mix old data and new.")
    instance: str | None = setting(
        parsers.text,
        None,
        "Name that servers with copies of the same data share: their tags are equal, by size and time of modification of files alone.",
        shown="none: no copies",
    )
    consolidated_nodes: int = setting(
        parsers.count, Config().max_nodes, "Nodes of a group up to which its metadata are consolidated in one document."
    )
    consolidated_bytes: int = setting(parsers.size, Config().max_bytes, "Bytes of one consolidated document, at most.", shown="16MiB")
    listing_bytes: int = setting(
        parsers.size, Config().listing_bytes, "Bytes of one listing, at most; a larger one is 413.", shown=shown(Config().listing_bytes)
    )

    memory: int | None = setting(
        parsers.memory,
        None,
        "Memory for all pools of all workers, like 4GiB; left out, two thirds of what there is, at most 2.5 GiB each.",
        shown="2/3 of what there is",
        common=True,
    )
    in_flight: int | None = pool(
        "in_flight", "Memory for what requests decode at once; a request that alone needs over three quarters of it is 413, others wait."
    )
    cache_size: int | None = pool("cache_size", "Memory for encoded chunks, such as 512MB; 0 keeps none.", common=True)
    cache: str | None = setting(
        parsers.cache,
        None,
        "Second cache of chunks, for all workers and servers: folder:///PATH on one machine, or redis://HOST:PORT/NUMBER.",
        shown="none: memory alone",
        repr=False,
    )
    cache_folder_size: int = setting(parsers.size, 10 * 1024 * MIB, "Bytes on disk of a second cache in a folder.", shown="10240MiB")
    documents_size: int | None = pool("documents_size", "Memory for metadata documents and names of axes.")
    decoded_size: int | None = pool("decoded_size", "Memory for decoded chunks and pictures of files.")
    tables_size: int | None = pool("tables_size", "Memory for parsed text tables.")
    row_index_size: int | None = pool("row_index_size", "Memory for indexes of sparse arrays, 6 to 13 bytes an entry.")
    chunk_index_size: int | None = pool("chunk_index_size", "Memory for where the chunks of HDF5 files lie, 16 bytes a chunk.")
    tile_cache_size: int | None = pool("tile_cache_size", "Memory for decoded tiles of images.")
    mapped_size: int | None = pool("mapped_size", "Memory for resident pages of mapped files.")
    levels_size: int | None = pool("levels_size", "Memory for levels of images; on disk, and no memory, with `levels_folder`.")
    levels_folder: Path | None = setting(
        parsers.path, None, "Folder for levels of images, which then survive a restart.", shown="none: in memory"
    )
    baked: Path | None = setting(
        parsers.path,
        None,
        "Folder of stores that `bake` has made, PATH.zarr of the node at PATH, or PATH.ome.zarr of an image: they are sent while their "
        "source is the same.",
        shown="none: all are computed",
    )
    levels_background: bool = setting(
        parsers.boolean, True, "Read whole images in the background to make their levels exact; if false, coarse levels stay samples."
    )
    levels_rate: int | None = setting(
        parsers.rate, None, "Bytes of images that each worker reads in the background in a second, such as 50MB.", shown="no limit"
    )
    tile_budget: int = setting(
        parsers.size, 64 * MIB, "Bytes of a source that may be read for one tile of an OME-NGFF level.", shown=shown(64 * MIB)
    )

    scheduler: str | None = setting(
        parsers.scheduler,
        None,
        "Where the tasks of dask arrays run: threads, processes (of this machine), or a scheduler's address like tcp://10.0.0.5:8786.",
        shown="as dask is configured, else the thread that reads",
    )
    blocks_size: int = setting(
        parsers.size,
        MAX_BYTES,
        "Memory of the scheduler's workers for source blocks that chunks are cut from, for each worker of this server; 0 keeps none.",
        shown=shown(MAX_BYTES),
    )
    threads: int = setting(
        parsers.positive,
        2 * min(32, (os.cpu_count() or 1) + 4),
        "Threads that wait for sources; one source gets at most half of those that others leave.",
        shown="2 x (processors + 4), at most 64; 64 more with remote files",
    )
    read_timeout: float = setting(parsers.seconds, 60.0, "Seconds for one read of a source; then the request is 503.")
    queue_timeout: float = setting(parsers.seconds, 60.0, "Seconds that a request waits for a thread or for memory; then it is 503.")
    connections: int = setting(parsers.positive, 1000, "Connections that a worker has at once.")
    request_timeout: float = setting(parsers.seconds, 10.0, "Seconds within which a request has to arrive.")
    shutdown_timeout: float = setting(parsers.seconds, 10.0, "Seconds that the server gives to requests under way when it ends.")

    tiled_key: str | None = setting(
        parsers.key,
        None,
        "API key with which `serve tiled` reads for all callers; without it, they show Tiled their own. Others see it in `ps`.",
        repr=False,
    )
    tiled_look: float = setting(
        parsers.seconds, 5.0, "Seconds, at least 1, for which what Tiled says of a node, a caller and their rights is good."
    )
    tiled_keep: int | None = setting(
        parsers.count,
        None,
        "Seconds for which values read from Tiled are kept if it says nothing new; 0 keeps none.",
        shown="600; 60 for arrays that clients of Tiled write; no limit for those that nobody may",
    )

    remote_look: float = setting(
        parsers.seconds, Fetching().look, "Seconds for which what a store or web server tells of an object is good: its size, ETag, names."
    )
    remote_copy: int = setting(
        parsers.size,
        Fetching().copy,
        "Bytes on disk, per store and worker, for copies of remote files that are not read in parts; a larger file is 413.",
        shown=shown(Fetching().copy),
    )

    references: tuple[str, ...] = setting(
        parsers.places,
        (),
        "Folders and URL prefixes to which references of kerchunk may lead: comma-separated; without any, none is opened.",
        shown="",
        common=True,
    )

    log_level: str = setting(
        parsers.among(*LEVELS), "warning", "What to log: error, warning, info (also every request) or debug.", common=True
    )
    log_format: str = setting(parsers.among(*FORMATS), FORMATS[0], "Lines of the log: text, or json, one object a line.")
    slow_request: float | None = setting(
        parsers.seconds, None, "Seconds after which a request is logged as slow, with its times to read, encode and wait.", shown="none"
    )
    server_timing: bool = setting(
        parsers.boolean, False, "Send the times to wait, read and encode with every reply, as the header Server-Timing."
    )

    @property
    def asks_tiled(self) -> bool:
        """True if callers show a Tiled server their own credentials, and it decides what they see."""
        return [(mount.source, mount.path) for mount in self.trees] == [("tiled", "")] and not self.tiled_key

    def decided(self) -> Settings:
        """The settings with the key out of its file, and with `public` decided.

        `public` is True only for the demo without a key, if it is not set. Raises SettingsError if
        the file cannot be read, or if there is a key besides it.
        """
        key = self.api_key if self.api_key_file is None else self.key_in_file(self.api_key_file)
        is_demo = self.tiled is None and all(mount.source == "demo" for mount in self.trees)
        is_public = is_demo and not key if self.public is None else self.public
        return dataclasses.replace(self, api_key=key, api_key_file=None, public=is_public)

    def key_in_file(self, path: Path) -> str:
        """The key in a file, without white space around it. Raises SettingsError."""
        name = self.spelling("api_key_file")
        if self.api_key:
            raise SettingsError(f"{self.spelling('api_key')}, {name}: give only one of them")
        try:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from error
        key: str = parsed(f"{name}: {path}", parsers.key, text)
        return key

    def require_access(self) -> Settings:
        """The same settings. Raises SettingsError if they are private and have no API key.

        With a configuration of Tiled's, that decides. Nobody could then read, and we never take that to mean that everybody may.
        """
        if self.asks_tiled:
            return self.require_no_key()
        if self.tiled is None and not self.public and not self.api_key:
            raise SettingsError(
                "these data are private: set TILED_ZARR_API_KEY to a secret that clients send, or TILED_ZARR_PUBLIC=1 to let everyone read"
            )
        return self

    def require_no_key(self) -> Settings:
        """The same settings. Raises SettingsError if they say who may read though Tiled is to."""
        given = next((name for name in ("api_key", "api_key_file", "public") if name in self.spellings), None)
        if given is not None:
            raise SettingsError(
                f"{self.spelling(given)}: callers show Tiled their own credentials, and it decides what they see; leave this out, "
                "or give the key with which all of them read as tiled_key"
            )
        return self

    def spelling(self, name: str) -> str:
        """How a setting was spelled where it was given; its name if it was not given."""
        return self.spellings.get(name, name)

    def sizes(self, workers: int = 1) -> Sizes:
        """The bytes of each pool of each worker. Raises SettingsError if `memory` is too little."""
        given = {pool: size for name, pool in POOLS.items() if (size := getattr(self, name)) is not None}
        on_disk = {name: given.pop(name) for name in (memory.LEVELS,) if self.levels_folder is not None and name in given}
        try:
            return dataclasses.replace(memory.sizes(self.memory, given, workers, memory.available()), **on_disk)
        except ValueError as error:
            raise SettingsError(f"{self.spelling('memory')}: {error}; raise memory, or lower these sizes") from error

    @property
    def fetching(self) -> Fetching:
        """How what lies on other machines is read."""
        timeout = min(Fetching().timeout, self.read_timeout / 2)
        return Fetching(look=self.remote_look, copy=self.remote_copy, timeout=timeout, references=self.references)

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
            is_replica=self.instance is not None,
        )


SETTINGS = MappingProxyType(declared(Settings))
"""The declaration of each setting that is a single value."""
