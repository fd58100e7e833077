"""Every codec is decoded by libraries that are not ours."""

from __future__ import annotations

import gzip
import zlib

import blosc2
import google_crc32c
import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.buffers import BLOSCS, CNAMES, PLAIN, SHUFFLES, blosc, contents, sizes
from tiled_zarr._native import Codec

DECODERS = {
    "zstd": numcodecs.Zstd().decode,
    "gzip": gzip.decompress,
    "zlib": zlib.decompress,
    "lz4": numcodecs.LZ4().decode,
    "none": bytes,
}


@pytest.mark.parametrize("parameters", BLOSCS, ids=lambda p: "-".join(map(str, p.values())))
def test_blosc_is_decoded_by_both_c_libraries(parameters):
    codec = blosc(**parameters)
    for nbytes in sizes(parameters["typesize"]):
        for name, data in contents(nbytes).items():
            body = codec.encode(data)
            assert numcodecs.blosc.decompress(body) == data, (nbytes, name)
            assert blosc2.decompress(body) == data, (nbytes, name)
            assert len(body) <= nbytes + 16


@given(
    data=st.binary(max_size=2000),
    repeat=st.integers(1, 300),
    cname=st.sampled_from(CNAMES),
    shuffle=st.sampled_from(SHUFFLES),
    typesize=st.integers(1, 300),
    level=st.integers(0, 6),
)
def test_blosc_of_anything(data, repeat, cname, shuffle, typesize, level):  # noqa: PLR0917 - a table's columns
    data = data * repeat
    body = blosc(level, cname=cname, shuffle=shuffle, typesize=typesize).encode(data)
    if data:  # numcodecs takes its own chunk of no bytes for an error
        assert numcodecs.blosc.decompress(body) == data
        assert blosc2.decompress(body) == data
    assert int.from_bytes(body[4:8], "little") == len(data)
    assert int.from_bytes(body[12:16], "little") == len(body)


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("cname", CNAMES)
def test_blosc_has_ten_levels(cname, level):
    data = contents(20_000)["ramp"]
    body = blosc(level, cname=cname, typesize=2).encode(data)
    assert numcodecs.blosc.decompress(body) == data
    assert (len(body) < 4000) == (level > 0)


def test_blosc_says_what_it_is():
    data = contents(1 << 15)["ramp"]
    for cname, number in {"lz4": 1, "lz4hc": 1, "zlib": 3, "zstd": 4}.items():
        for shuffle, flag in {"noshuffle": 0, "shuffle": 1, "bitshuffle": 4}.items():
            version, stream_version, flags, typesize = blosc(cname=cname, shuffle=shuffle, typesize=4).encode(data)[:4]
            assert (version, stream_version, typesize) == (2, 1, 4)
            assert flags == flag | 0x10 | number << 5, "one stream a block"


def test_a_chunk_says_itself_how_it_was_shuffled():
    codec = blosc(cname="lz4", shuffle="shuffle", typesize=2)
    repeated = np.random.default_rng(1).bytes(202) * 5000
    for data, flag in [(contents(1 << 20)["camera"], 4), (repeated, 1)]:
        body = codec.encode(data)
        assert body[2] & 0x07 == flag, "noise is taken apart into bits under metadata that say bytes"
        assert numcodecs.blosc.decompress(body) == blosc2.decompress(body) == data


def test_the_fastest_zstd_stores_what_saves_less_than_an_eighth():
    noise = np.random.default_rng(1).integers(0, 140, 1 << 20, dtype=np.uint8)
    for level, is_stored in [(1, True), (2, False)]:
        body = blosc(level, cname="zstd").encode(noise)
        assert bool(body[2] & 0x02) == is_stored
        assert numcodecs.blosc.decompress(body) == noise.tobytes()


def test_blosc_stores_what_does_not_compress():
    noise = contents(300_000)["noise"]
    body = blosc(typesize=4).encode(noise)
    assert body[2] & 0x02
    assert body[16:] == noise


def test_a_wide_item_counts_as_one_byte_unshuffled():
    body = blosc(typesize=256, shuffle="bitshuffle").encode(bytes(1024))
    assert body[2] & 0x05 == 0
    assert body[3] == 1


@pytest.mark.parametrize(("name", "level"), [(name, level) for name, levels in PLAIN.items() for level in levels] + [("none", 5)])
def test_plain_codecs_are_decoded(name, level):
    for nbytes in (0, 1, 17, 4096, 300_001):
        for data in contents(nbytes).values():
            if name in {"lz4", "zstd"} and not data:
                continue  # numcodecs decodes no bytes to an error; numcodecs.js does
            assert bytes(DECODERS[name](Codec(name, level=level).encode(data))) == data


@given(data=st.binary(max_size=5000), name=st.sampled_from(["blosc", "zstd", "gzip", "zlib", "lz4", "none"]))
def test_crc32c_follows(data, name):
    plain, checked = Codec(name, level=1).encode(data), Codec(name, level=1, crc32c=True).encode(data)
    assert checked == plain + google_crc32c.value(plain).to_bytes(4, "little")


def test_gzip_has_no_time():
    assert Codec("gzip").encode(b"x")[4:8] == bytes(4)


def test_zstd_says_its_size():
    body = Codec("zstd").encode(bytes(1000))
    assert body[4] & 0xC0 or body[4] & 0x20, "frame content size"
    assert not body[4] & 0x04, "no checksum"


@given(data=st.binary(max_size=3000), between=st.binary(max_size=3000), name=st.sampled_from(["blosc", "zstd", "gzip", "zlib", "lz4"]))
def test_equal_input_gives_equal_output(data, between, name):
    codec = Codec(name, level=3)
    first = codec.encode(data)
    codec.encode(between)
    assert codec.encode(data) == first


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": "bz2"}, 'codec "bz2": choose one of blosc, zstd, gzip, zlib, lz4, none'),
        ({"name": "blosc", "cname": "snappy"}, 'cname "snappy": choose one of lz4, lz4hc, zlib, zstd'),
        ({"name": "blosc", "shuffle": "yes"}, 'shuffle "yes": choose one of noshuffle, shuffle, bitshuffle'),
        ({"name": "blosc", "level": 10}, "blosc level 10: choose one from 0 to 9"),
        ({"name": "blosc", "typesize": 0}, "blosc typesize 0: an item has at least 1 byte"),
        ({"name": "zstd", "level": 23}, "zstd level 23: choose one from -131072 to 22"),
        ({"name": "gzip", "level": 10}, "gzip level 10: choose one from 0 to 9"),
        ({"name": "zlib", "level": -1}, "zlib level -1: choose one from 0 to 9"),
        ({"name": "lz4", "level": 0}, "lz4 level 0: choose one from 1 to 65537"),
    ],
)
def test_refusals_say_what_is_allowed(arguments, text):
    with pytest.raises(ValueError, match=r"choose|at least") as refused:
        Codec(**arguments)
    assert str(refused.value) == text


def test_only_contiguous_bytes_are_compressed_as_they_are():
    with pytest.raises(ValueError, match=r"copy it first, as in numpy\.ascontiguousarray"):
        Codec("none").encode(np.zeros((4, 4), "u1")[:, ::2])
