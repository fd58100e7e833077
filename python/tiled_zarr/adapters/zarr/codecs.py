"""Codecs of zarr-python that stop at a bound, for the arrays whose chunks only zarr-python decodes.

Each compressor in an array's pipeline is wrapped: `limit` follows from the shape of a chunk, its type and the codecs between the
compressor and the array, so that a compressor inside another one has its own bound. Filters that change the size of items are held to
the sizes that their configuration says. The strings of a region have an allowance in common, since no document says their lengths.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from types import MappingProxyType
from typing import Any

import numpy as np
import zarr
from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, Codec
from zarr.codecs import ShardingCodec
from zarr.codecs import VLenUTF8Codec as VLenUTF8
from zarr.core.buffer import Buffer, NDBuffer, default_buffer_prototype
from zarr.storage import StorePath

from ...nodes import Damaged, TooLarge
from ..common.bounds import COMPRESSORS, HEADERS, LARGEST_INDEX, decode, grown
from ..common.extras import require
from .store import FencedStore

PREFIX = "numcodecs."
SAME_SIZE = frozenset({"shuffle", "bitround", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3", "base64"})
"""Codecs that make no more bytes than they are given when they decode."""
RESIZING = MappingProxyType(
    {
        "astype": ("encode_dtype", "decode_dtype"),
        "delta": ("astype", "dtype"),
        "fixedscaleoffset": ("astype", "dtype"),
        "quantize": ("astype", "dtype"),
        "categorize": ("astype", "dtype"),
    }
)
"""Filters with the fields of their configuration that name the types of encoded and of decoded items."""
STRINGS = require("numcodecs", "zarr").VLenUTF8()
PACKED, TEXT = "packbits", "vlen-utf8"
SHARD_SLACK = 2
"""Times that a file may be larger than all that it holds: writers that change a part of a shard leave the old bytes behind."""
WIDEST = 16
"""Bytes of an item, or those of the array's own if they are more, that a filter may make."""


@dataclass(eq=False, slots=True)
class Allowance:
    """Bytes of memory that are left for reading one region; decoding takes turns. Raises TooLarge."""

    nbytes: int
    left: int = field(init=False)
    turn: RLock = field(default_factory=RLock, repr=False)

    def __post_init__(self) -> None:
        """All of it is left."""
        self.left = self.nbytes

    def take(self, nbytes: int) -> None:
        """Have so many bytes less."""
        with self.turn:
            if nbytes > self.left:
                raise TooLarge(f"strings that take more than {self.nbytes >> 20} MiB of memory at once; write them in smaller chunks")
            self.left -= nbytes


def bounded(source: Any, store: FencedStore, allowance: Allowance | None = None) -> Any:
    """The same array of zarr-python, its files and all its codecs bounded. Raises Damaged for codecs of unknown sizes.

    Strings are bounded by `allowance`, and by nothing without one.
    """
    metadata = source.metadata
    if metadata.zarr_format == 2:
        filters, compressor, largest = _v2(metadata, math.prod(metadata.chunks), allowance)
        metadata, largest_part = replace(metadata, filters=filters, compressor=compressor), largest
    else:
        codecs = _v3(metadata.codecs, int(source.dtype.itemsize), allowance)
        metadata = replace(metadata, codecs=codecs)
        config = source.async_array.config
        spec = metadata.get_chunk_spec((0,) * source.ndim, config, default_buffer_prototype())
        largest, largest_part = stored_size(codecs, spec), max(_inner_sizes(codecs, spec))
    if allowance is None:
        store = store.bounded(SHARD_SLACK * largest, largest_part)
    else:
        store = store.bounded(allowance.nbytes, allowance.nbytes, allowance.take)
    path = StorePath(store, source.store_path.path)
    return zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=path, config=source.async_array.config))


def _inner_sizes(codecs: Sequence[Codec], spec: Any) -> Iterator[int]:
    """The most bytes of the pieces of a shard that are read by themselves: its index, and its chunks."""
    yield stored_size(codecs, spec)
    for codec in codecs:
        if isinstance(codec, ShardingCodec):
            index = 16 * (math.prod(spec.shape) // math.prod(codec.chunk_shape)) + HEADERS
            if index > LARGEST_INDEX:
                raise Damaged(f"its shards have indexes of {index} bytes, at most {LARGEST_INDEX} are read; write it in smaller shards")
            yield index


@dataclass(frozen=True)
class Numcodec:
    """A codec of numcodecs that decodes to at most `limit` bytes, or takes them from the allowance; `count` is the chunk's elements."""

    inner: Any
    config: Mapping[str, Any]
    limit: int
    count: int
    allowance: Allowance | None
    codec_id: str = "bounded"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Numcodec:
        """Nothing is made from a configuration."""
        raise NotImplementedError

    def get_config(self) -> Mapping[str, Any]:
        """That of the codec itself."""
        return self.config

    def encode(self, buf: Any) -> Any:
        """Nothing is written."""
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:  # noqa: ARG002 - numcodecs' signature, which zarr-python uses without `out`
        """Decode no more than the bound. Raises Damaged or TooLarge."""
        name = self.config["id"]
        if name in COMPRESSORS:
            return _decoded(self.config, bytes(memoryview(buf).cast("B")), self.limit, self.allowance)
        if name == TEXT:
            _check_text(buf, self.count, self.allowance)
        elif name not in SAME_SIZE:
            made = _decoded_size(self.config, buf.nbytes if isinstance(buf, np.ndarray) else memoryview(buf).nbytes)
            if made > self.limit:
                raise Damaged(f"{name}: decodes to {made} bytes, at most {self.limit} are expected; restore it from a copy")
        return self.inner.decode(buf)


def _decoded(config: Mapping[str, Any], body: bytes, limit: int, allowance: Allowance | None) -> Any:
    if allowance is None:
        return decode(config, body, limit)
    with allowance.turn:
        try:
            made = decode(config, body, allowance.left)
        except Damaged:
            allowance.take(allowance.left + 1)
            raise
        allowance.take(len(made))
    return made


def _check_text(body: Any, count: int, allowance: Allowance | None) -> None:
    """The number of strings is the first 4 bytes: https://numcodecs.readthedocs.io/en/stable/other/vlen.html."""
    stored = memoryview(body).cast("B")
    got = int.from_bytes(stored[:4], "little")
    if got != count:
        raise Damaged(f"{TEXT}: a chunk of {got} strings, {count} are expected; restore it from a copy")
    if allowance is not None:
        allowance.take(stored.nbytes)


def _decoded_size(config: Mapping[str, Any], nbytes: int) -> int:
    """The bytes that a filter makes of so many."""
    if config["id"] == PACKED:
        return 8 * nbytes
    encoded, made = _itemsizes(config)
    return nbytes // encoded * made


def _itemsizes(config: Mapping[str, Any]) -> tuple[int, int]:
    """The bytes of an encoded and of a decoded item of a filter."""
    encoded, made = RESIZING[config["id"]]
    wide = np.dtype(config[made]).itemsize
    return np.dtype(config.get(encoded) or config[made]).itemsize or 1, wide or 1


def _v2(metadata: Any, count: int, allowance: Allowance | None) -> tuple[list[Numcodec] | None, Numcodec | None, int]:
    """The filters and the compressor, and the most bytes that they make; each held to what the ones before it can have been given."""
    itemsize = metadata.dtype.to_native_dtype().itemsize
    size = exact = count * itemsize
    steps: list[Numcodec] = []
    for codec in [*(metadata.filters or ()), *filter(None, [metadata.compressor])]:
        config = codec.get_config()
        name = config["id"]
        if name not in COMPRESSORS | SAME_SIZE | RESIZING.keys() | {PACKED, TEXT}:
            raise Damaged(_unknown(name))
        steps.append(Numcodec(codec, config, size + (16 if name == PACKED else 0), count, allowance))
        size = min(_encoded_size(config, size, itemsize), WIDEST * exact + HEADERS)
    if metadata.compressor is None:
        return steps or None, None, size
    return steps[:-1] or None, steps[-1], size


def _encoded_size(config: Mapping[str, Any], nbytes: int, itemsize: int) -> int:
    """The most bytes that a codec makes of so many. Raises Damaged if a filter has items of an absurd size."""
    name = config["id"]
    if name == PACKED:
        return nbytes // 8 + 2
    if name in RESIZING:
        encoded, made = _itemsizes(config)
        _check_itemsizes(name, (encoded, made), itemsize)
        return nbytes // made * encoded
    return nbytes if name in {"shuffle", "bitround"} else grown(nbytes)


def _check_itemsizes(name: str, sizes: Iterable[int], itemsize: int) -> None:
    if max(sizes) > max(WIDEST, itemsize):
        raise Damaged(f"its filter {name!r} has items of {max(sizes)} bytes, the array's have {itemsize}; restore its document from a copy")


def _unknown(name: str) -> str:
    return f"its codec {name!r} may decode to any size, which nobody can tell before; store it with another one"


@dataclass(frozen=True)
class Compressor(BytesBytesCodec):
    """A compressor of Zarr v3, or a codec that makes no more than it is given; `before` has the codecs between the array and it."""

    inner: BytesBytesCodec
    config: Mapping[str, Any]
    before: tuple[Codec, ...]
    allowance: Allowance | None
    is_fixed_size = False

    def to_dict(self) -> Any:
        """That of the codec itself."""
        return self.inner.to_dict()

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """That of the codec itself."""
        return self.inner.compute_encoded_size(input_byte_length, chunk_spec)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: Any) -> Buffer:
        limit = stored_size(self.before, chunk_spec)
        made = _decoded(self.config, chunk_bytes.to_bytes(), limit, self.allowance)
        buffer: Buffer = chunk_spec.prototype.buffer.from_bytes(bytes(made) if isinstance(made, bytearray) else made)
        return buffer

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: Any) -> Buffer:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)


@dataclass(frozen=True)
class VLenUTF8Codec(VLenUTF8):
    """vlen-utf8 of Zarr v3, which makes room for as many strings as a chunk has, whatever the chunk says.

    zarr-python asks for a class of this name.
    """

    allowance: Allowance | None = None

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: Any) -> NDBuffer:
        stored = chunk_bytes.as_numpy_array()
        _check_text(stored, math.prod(chunk_spec.shape), self.allowance)
        texts = STRINGS.decode(stored).reshape(chunk_spec.shape)
        made: NDBuffer = chunk_spec.prototype.nd_buffer.from_numpy_array(texts.astype(chunk_spec.dtype.to_native_dtype(), copy=False))
        return made

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: Any) -> NDBuffer:
        return self._decode_sync(chunk_bytes, chunk_spec)


def stored_size(codecs: Sequence[Codec], spec: Any) -> int:
    """The most bytes that codecs make of a chunk, the array's first."""
    size = _size(spec)
    for codec in codecs:
        if isinstance(codec, ArrayArrayCodec):
            spec = codec.resolve_metadata(spec)
            size = _size(spec)
        elif isinstance(codec, ShardingCodec):
            inner = replace(spec, shape=codec.chunk_shape)
            chunks = math.prod(spec.shape) // math.prod(codec.chunk_shape)
            size = chunks * (stored_size(codec.codecs, inner) + 16) + HEADERS
        elif isinstance(codec, BytesBytesCodec):
            size = grown(size)
    return int(size)


def _size(spec: Any) -> int:
    return int(math.prod(spec.shape) * spec.dtype.to_native_dtype().itemsize)


def _v3(codecs: Iterable[Codec], itemsize: int, allowance: Allowance | None) -> tuple[Codec, ...]:
    made: list[Codec] = []
    for codec in codecs:
        before = tuple(one for one in made if not isinstance(one, ArrayArrayCodec))
        made.append(_v3_codec(codec, before, itemsize, allowance))
    return tuple(made)


def _v3_codec(codec: Codec, before: tuple[Codec, ...], itemsize: int, allowance: Allowance | None) -> Codec:
    name, config = _named(codec)
    if isinstance(codec, ShardingCodec):
        return replace(codec, codecs=_v3(codec.codecs, itemsize, allowance))
    if isinstance(codec, BytesBytesCodec) and name in COMPRESSORS:
        return Compressor(codec, config, before, allowance)
    if isinstance(codec, ArrayBytesCodec) and name == TEXT:
        return VLenUTF8Codec(allowance)
    if isinstance(codec, ArrayArrayCodec):
        if name in RESIZING:
            fields = [config[part] for part in RESIZING[name] if config.get(part)]
            _check_itemsizes(name, [np.dtype(part).itemsize for part in fields] or [0], itemsize)
        elif name not in SAME_SIZE | {PACKED} and not type(codec).__module__.startswith("zarr."):
            raise Damaged(_unknown(name))
    elif name not in SAME_SIZE | {"bytes"}:
        raise Damaged(_unknown(name))
    return codec


def _named(codec: Codec) -> tuple[str, Mapping[str, Any]]:
    """The name of a codec in numcodecs, and its configuration as numcodecs takes it."""
    document: Any = codec.to_dict()
    name = str(document["name"]).removeprefix(PREFIX)
    return name, {**(document.get("configuration") or {}), "id": name}
