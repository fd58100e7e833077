"""A codec in three forms: its Zarr v2 document, its Zarr v3 documents, the native encoder's values.

A spelling is `blosc:<cname>:<level>:<shuffle>`, `zstd:<level>`, `gzip:<level>`, `zlib:<level>`,
`lz4:<acceleration>` or `none`. Parts at the end may be left out and take their defaults, and
`+crc32c` may follow. Sources may also hold `blosc:blosclz`, which we send as it is and never write.
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/index.html, https://numcodecs.readthedocs.io
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast, get_args

Name: TypeAlias = Literal["blosc", "zstd", "gzip", "zlib", "lz4", "none"]
Cname: TypeAlias = Literal["lz4", "lz4hc", "zlib", "zstd"]
StoredCname: TypeAlias = Literal[Cname, "blosclz"]
Shuffle: TypeAlias = Literal["noshuffle", "shuffle", "bitshuffle"]

MOST_KEPT = 1024
"""Codecs and spellings that are remembered; there are only so many."""
DEFAULT = "blosc:lz4:5"
"""The codec if nobody has chosen one, and the source has no chunks that can be sent as they are."""

LEVELS = MappingProxyType(
    {
        "blosc": (0, 5, 9),
        "zstd": (-131072, 1, 22),
        "gzip": (0, 5, 9),
        "zlib": (0, 1, 9),
        "lz4": (1, 1, 65537),
        "none": (0, 0, 0),
    }
)
"""Lowest, default and highest level of each compressor (lz4: the acceleration)."""

Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """A compressor.

    `cname` and `shuffle` are for blosc only; `shuffle` None means what suits the type.
    """

    name: Name
    level: int
    cname: StoredCname = "lz4"
    shuffle: Shuffle | None = None
    crc32c: bool = False

    def __str__(self) -> str:
        blosc = f":{self.cname}:{self.level}" + (f":{self.shuffle}" if self.shuffle else "")
        middle = blosc if self.name == "blosc" else "" if self.name == "none" else f":{self.level}"
        return self.name + middle + ("+crc32c" if self.crc32c else "")

    @lru_cache(MOST_KEPT)  # noqa: B019 - there are only so many codecs
    def suited(self, typesize: int, *, sparse: bool = False) -> Codec:
        """The codec with its shuffle decided: none for 1-byte units and densified sparse arrays."""
        if self.shuffle is not None or self.name != "blosc":
            return self
        return replace(self, shuffle="noshuffle" if sparse or typesize == 1 else "shuffle")

    @property
    def is_quick(self) -> bool:
        """Whether encoding takes about as long as a few copies."""
        return self.name in {"lz4", "none"} or (self.name == "blosc" and self.cname == "lz4")

    @property
    def written_cname(self) -> Cname:
        """The compressor that Blosc writes with.

        Each Blosc chunk names its own compressor, so it may differ from that of the source's
        chunks.
        """
        return "lz4" if self.cname == "blosclz" else self.cname

    @lru_cache(MOST_KEPT)  # noqa: B019 - there are only so many codecs
    def for_v3(self) -> Codec:
        """The nearest codec that Zarr v3 specifies.

        zlib becomes gzip, which is the same stream in another frame; bare lz4 becomes blosc.
        """
        if self.name == "zlib":
            return replace(self, name="gzip")
        if self.name == "lz4":
            return replace(self, name="blosc", level=LEVELS["blosc"][1], shuffle="noshuffle")
        return self

    @lru_cache(MOST_KEPT)  # noqa: B019 - there are only so many codecs
    def v2(self) -> tuple[Document | None, list[Document] | None]:
        """The `compressor` and `filters` of a Zarr v2 array.

        In v2 a checksum must be the compressor, so the codec that compresses becomes a filter.
        """
        compressor = self._v2_compressor()
        if not self.crc32c:
            return compressor, None
        return {"id": "crc32c", "location": "end"}, [compressor] if compressor else None

    def _v2_compressor(self) -> Document | None:
        match self.name:
            case "blosc":
                shuffle = get_args(Shuffle).index(self.shuffle or "noshuffle")
                return {"id": "blosc", "cname": self.cname, "clevel": self.level, "shuffle": shuffle, "blocksize": 0}
            case "lz4":
                return {"id": "lz4", "acceleration": self.level}
            case "none":
                return None
            case _:
                return {"id": self.name, "level": self.level}

    def v3(self, typesize: int) -> list[Document]:
        """The bytes -> bytes codecs of a Zarr v3 array."""
        checksum: list[Document] = [{"name": "crc32c"}] if self.crc32c else []
        match self.name:
            case "blosc":
                configuration: Document = {
                    "cname": self.cname,
                    "clevel": self.level,
                    "shuffle": self.shuffle or "noshuffle",
                    "typesize": typesize,
                    "blocksize": 0,
                }
            case "zstd":
                configuration = {"level": self.level, "checksum": False}
            case "none":
                return checksum
            case _:
                configuration = {"level": self.level}
        return [{"name": self.name, "configuration": configuration}, *checksum]


@lru_cache(MOST_KEPT)
def parse(spelling: str, *, stored: bool = False) -> Codec:
    """Parse a spelling; with `stored`, also one that only sources hold.

    Raises ValueError, which says what is allowed.

    >>> str(parse("blosc:zstd:3:bitshuffle")), str(parse("gzip+crc32c"))
    ('blosc:zstd:3:bitshuffle', 'gzip:5+crc32c')
    """
    body, plus, checksum = spelling.strip().lower().partition("+")
    if plus and checksum != "crc32c":
        raise ValueError(f"codec {spelling!r}: only +crc32c can follow, got +{checksum}")
    name, *parts = body.split(":")
    _among(spelling, "a compressor", name, get_args(Name))
    codec = Codec(cast("Name", name), LEVELS[name][1], crc32c=bool(plus))
    if name == "blosc":
        return _parse_blosc(spelling, codec, parts, get_args(StoredCname if stored else Cname))
    if len(parts) > (name != "none"):
        raise ValueError(f"codec {spelling!r}: {name} takes {'only a level' if name != 'none' else 'no parameters'}")
    return replace(codec, level=_level(spelling, name, parts[0])) if parts else codec


def _parse_blosc(spelling: str, codec: Codec, parts: list[str], cnames: tuple[str, ...]) -> Codec:
    if len(parts) > 3:
        raise ValueError(f"codec {spelling!r}: blosc takes a compressor, a level and a shuffle, got {len(parts)} parts")
    if parts:
        _among(spelling, "a blosc compressor", parts[0], cnames)
        codec = replace(codec, cname=cast("StoredCname", parts[0]))
    if len(parts) > 1:
        codec = replace(codec, level=_level(spelling, "blosc", parts[1]))
    if len(parts) > 2:
        _among(spelling, "a shuffle", parts[2], get_args(Shuffle))
        codec = replace(codec, shuffle=cast("Shuffle", parts[2]))
    return codec


def _among(spelling: str, what: str, got: str, allowed: tuple[str, ...]) -> None:
    if got not in allowed:
        raise ValueError(f"codec {spelling!r}: {got!r} is not {what}; use one of {', '.join(allowed)}")


def _level(spelling: str, name: str, text: str) -> int:
    lowest, _, highest = LEVELS[name]
    try:
        level = int(text)
    except ValueError:
        raise ValueError(f"codec {spelling!r}: level {text!r} is not a number from {lowest} to {highest}") from None
    if not lowest <= level <= highest:
        raise ValueError(f"codec {spelling!r}: level {level} is not from {lowest} to {highest}")
    return level
