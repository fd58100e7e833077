from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr import codecs

WRITTEN = {
    "blosc": (
        {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
        [{"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}}],
    ),
    "blosc:zstd:3:bitshuffle": (
        {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2, "blocksize": 0},
        [{"name": "blosc", "configuration": {"cname": "zstd", "clevel": 3, "shuffle": "bitshuffle", "typesize": 4, "blocksize": 0}}],
    ),
    "zstd:7": ({"id": "zstd", "level": 7}, [{"name": "zstd", "configuration": {"level": 7, "checksum": False}}]),
    "gzip": ({"id": "gzip", "level": 5}, [{"name": "gzip", "configuration": {"level": 5}}]),
    "zlib:9": ({"id": "zlib", "level": 9}, [{"name": "gzip", "configuration": {"level": 9}}]),
    "lz4:2": (
        {"id": "lz4", "acceleration": 2},
        [{"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 4, "blocksize": 0}}],
    ),
    "none": (None, []),
}
REFUSED = {
    "bz2": "use one of blosc, zstd",
    "blosc:snappy": "use one of lz4, lz4hc, zlib, zstd",
    "blosc:lz4:10": "level 10 is not from 0 to 9",
    "blosc:lz4:five": "level 'five' is not a number from 0 to 9",
    "blosc:lz4:5:up": "use one of noshuffle, shuffle, bitshuffle",
    "blosc:lz4:5:shuffle:1": "got 4 parts",
    "zstd:3:1": "zstd takes only a level",
    "none:1": "none takes no parameters",
    "gzip+md5": "only +crc32c can follow",
    "": "use one of",
}


@pytest.mark.parametrize(("spelling", "v2", "v3"), [(spelling, *written) for spelling, written in WRITTEN.items()])
def test_documents(spelling: str, v2: dict | None, v3: list) -> None:
    codec = codecs.parse(spelling).suited(4)
    assert codec.v2() == (v2, None)
    assert codec.for_v3().v3(4) == v3


@pytest.mark.parametrize("spelling", WRITTEN)
def test_a_checksum_comes_last(spelling: str) -> None:
    codec = codecs.parse(spelling + "+crc32c").suited(4)
    plain = codecs.parse(spelling).suited(4).v2()[0]
    assert codec.v2() == ({"id": "crc32c", "location": "end"}, [plain] if plain else None)
    assert codec.for_v3().v3(4)[-1] == {"name": "crc32c"}


@pytest.mark.parametrize(("spelling", "reason"), REFUSED.items())
def test_refused(spelling: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"codec ''|codec '") as caught:
        codecs.parse(spelling)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("typesize", "sparse", "shuffle"), [(1, False, "noshuffle"), (2, False, "shuffle"), (255, False, "shuffle"), (8, True, "noshuffle")]
)
def test_the_shuffle_suits_the_type(typesize: int, sparse: bool, shuffle: str) -> None:
    assert codecs.parse("blosc").suited(typesize, sparse=sparse).shuffle == shuffle
    assert codecs.parse("blosc:lz4:5:bitshuffle").suited(typesize, sparse=sparse).shuffle == "bitshuffle"
    assert codecs.parse("zstd").suited(typesize, sparse=sparse).shuffle is None


@given(
    st.sampled_from(sorted(codecs.LEVELS)),
    st.sampled_from(["lz4", "lz4hc", "blosclz", "zlib", "zstd"]),
    st.sampled_from([None, "noshuffle", "shuffle", "bitshuffle"]),
    st.booleans(),
    st.data(),
)
def test_a_codec_reads_its_own_spelling(name: str, cname: str, shuffle: str | None, crc32c: bool, data: st.DataObject) -> None:
    lowest, _, highest = codecs.LEVELS[name]
    level = data.draw(st.integers(lowest, highest))
    codec = codecs.Codec(name, level, crc32c=crc32c) if name != "blosc" else codecs.Codec(name, level, cname, shuffle, crc32c)
    assert codecs.parse(str(codec), stored=True) == codec


def test_what_only_sources_hold_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="use one of lz4, lz4hc, zlib, zstd"):
        codecs.parse("blosc:blosclz:5")
    codec = codecs.parse("blosc:blosclz:5:shuffle", stored=True)
    assert (codec.cname, codec.written_cname) == ("blosclz", "lz4")
    assert codecs.parse("blosc:zstd").written_cname == "zstd"
