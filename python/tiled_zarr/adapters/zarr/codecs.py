"""Bounded codecs of zarr-python, for arrays whose chunks only zarr-python can decode.

A compressor's output can be any size, so we wrap each one in an array's pipeline. Its limit follows
from the shape of a chunk, the data type, and the codecs between the compressor and the array, so a
compressor inside another one has a limit of its own. Filters that change the size of items may do
so only by the factor that their configuration gives. No document tells the lengths of strings; all
strings of a region share one allowance.
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
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer, default_buffer_prototype
from zarr.storage import StorePath

from ...nodes import Damaged, TooLarge
from ..common.bounds import COMPRESSORS, HEADERS, LARGEST_INDEX, decode, grown
from ..common.extras import require
from .store import FencedStore

PREFIX = "numcodecs."
SAME_SIZE = frozenset({"shuffle", "bitround", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3", "base64"})
"""Codecs whose decoded output is never larger than their input."""
RESIZING = MappingProxyType(
    {
        "astype": ("encode_dtype", "decode_dtype"),
        "delta": ("astype", "dtype"),
        "fixedscaleoffset": ("astype", "dtype"),
        "quantize": ("astype", "dtype"),
        "categorize": ("astype", "dtype"),
    }
)
"""Filters, and the fields of their configuration with the types of encoded and of decoded items."""
STRINGS = require("numcodecs", "zarr").VLenUTF8()
PACKED, TEXT = "packbits", "vlen-utf8"
SHARD_SLACK = 2
"""How many times as large as its content a shard file may be.

Writers that replace a part of a shard leave the old bytes behind.
"""
WIDEST = 16
"""Bytes of the widest item that a filter may have, unless the array's own items are wider."""


@dataclass(eq=False, slots=True)
class Allowance:
    """Bytes of memory left for reading one region; only one thread decodes at a time."""

    nbytes: int
    left: int = field(init=False)
    turn: RLock = field(default_factory=RLock, repr=False)

    def __post_init__(self) -> None:
        """Start with the whole allowance left."""
        self.left = self.nbytes

    def take(self, nbytes: int) -> None:
        """Subtract `nbytes`. Raises TooLarge if fewer are left."""
        with self.turn:
            if nbytes > self.left:
                raise TooLarge(f"strings that take more than {self.nbytes >> 20} MiB of memory at once; write them in smaller chunks")
            self.left -= nbytes


def bounded(source: Any, store: FencedStore, allowance: Allowance | None = None) -> Any:
    """The same array of zarr-python, with its files and all its codecs bounded.

    Strings are bounded by `allowance`; if that is None, they are not bounded. Raises Damaged for
    codecs whose output sizes we do not know.
    """
    metadata = source.metadata
    if metadata.zarr_format == 2:
        filters, compressor, largest = _v2(metadata, math.prod(metadata.chunks), allowance)
        metadata, largest_part = replace(metadata, filters=filters, compressor=compressor), largest
    else:
        codecs = _v3(metadata.codecs, int(source.dtype.itemsize), allowance)
        metadata = replace(metadata, codecs=codecs)
        spec = ArraySpec(  # since zarr-python 3.4, metadata make none
            shape=source.shards or source.chunks,
            dtype=metadata.data_type,
            fill_value=metadata.fill_value,
            config=source.async_array.config,
            prototype=default_buffer_prototype(),
        )
        largest, largest_part = stored_size(codecs, spec), max(_inner_sizes(codecs, spec))
    if allowance is None:
        store = store.bounded(SHARD_SLACK * largest, largest_part)
    else:
        store = store.bounded(allowance.nbytes, allowance.nbytes, allowance.take)
    path = StorePath(store, source.store_path.path)
    return zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=path, config=source.async_array.config))


def _inner_sizes(codecs: Sequence[Codec], spec: Any) -> Iterator[int]:
    """The largest sizes in bytes of the pieces of a shard that are read alone: chunks and index."""
    yield stored_size(codecs, spec)
    for codec in codecs:
        if isinstance(codec, ShardingCodec):
            index = 16 * (math.prod(spec.shape) // math.prod(codec.chunk_shape)) + HEADERS
            if index > LARGEST_INDEX:
                raise Damaged(f"its shards have indexes of {index} bytes, at most {LARGEST_INDEX} are read; write it in smaller shards")
            yield index


@dataclass(frozen=True)
class Numcodec:
    """A codec of numcodecs that decodes to at most `limit` bytes, or to what the allowance has.

    `count` is the number of elements in a chunk.
    """

    inner: Any
    config: Mapping[str, Any]
    limit: int
    count: int
    allowance: Allowance | None
    codec_id: str = "bounded"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Numcodec:
        """Raises NotImplementedError: nobody makes it from a configuration."""
        raise NotImplementedError

    def get_config(self) -> Mapping[str, Any]:
        """The configuration of the wrapped codec."""
        return self.config

    def encode(self, buf: Any) -> Any:
        """Raises NotImplementedError: nothing is written."""
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:  # noqa: ARG002 - numcodecs' signature, which zarr-python uses without `out`
        """The decoded bytes. Raises Damaged if they exceed the limit, TooLarge if the allowance."""
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
    """Check that a chunk has `count` strings, and take its bytes from the allowance.

    The number of strings is in the first 4 bytes:
    https://numcodecs.readthedocs.io/en/stable/other/vlen.html.
    """
    stored = memoryview(body).cast("B")
    got = int.from_bytes(stored[:4], "little")
    if got != count:
        raise Damaged(f"{TEXT}: a chunk of {got} strings, {count} are expected; restore it from a copy")
    if allowance is not None:
        allowance.take(stored.nbytes)


def _decoded_size(config: Mapping[str, Any], nbytes: int) -> int:
    """Bytes to which a filter decodes `nbytes`."""
    if config["id"] == PACKED:
        return 8 * nbytes
    encoded, made = _itemsizes(config)
    return nbytes // encoded * made


def _itemsizes(config: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of an encoded and of a decoded item of a filter."""
    encoded, made = RESIZING[config["id"]]
    wide = np.dtype(config[made]).itemsize
    return np.dtype(config.get(encoded) or config[made]).itemsize or 1, wide or 1


def _v2(metadata: Any, count: int, allowance: Allowance | None) -> tuple[list[Numcodec] | None, Numcodec | None, int]:
    """The bounded filters and compressor, and the largest size in bytes of their output.

    Each is held to the largest input that the steps before it can have produced.
    """
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
    """The largest size in bytes to which a codec encodes `nbytes`.

    Raises Damaged if a filter has items of an absurd size.
    """
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
    """A codec of Zarr v3 that is a compressor, bounded by what the codecs before it produce.

    `before` has the codecs between the array and this one, in the order of encoding.
    """

    inner: BytesBytesCodec
    config: Mapping[str, Any]
    before: tuple[Codec, ...]
    allowance: Allowance | None
    is_fixed_size = False

    def to_dict(self) -> Any:
        """The document of the wrapped codec."""
        return self.inner.to_dict()

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """The wrapped codec's answer."""
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
    """The codec vlen-utf8 of Zarr v3, with a check of the number of strings before it decodes.

    The original allocates as many strings as the chunk claims to have. zarr-python requires a class
    of this name.
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
    """The largest size in bytes to which these codecs, the array's first, encode a chunk."""
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
    """A codec's name in numcodecs, and its configuration in numcodecs' form."""
    document: Any = codec.to_dict()
    name = str(document["name"]).removeprefix(PREFIX)
    return name, {**(document.get("configuration") or {}), "id": name}
