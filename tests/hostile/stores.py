"""Zarr stores and Blosc2 folders whose documents lie and whose chunks lead elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
import zarr

from adapters.bombs import stores as bomb
from hostile.things import REFUSED, Bad, Claim, Good, broken, hostile, refused, too_large, unreadable

VALUES = np.arange(200_000, dtype="i4").reshape(10, 20_000)
"""Ten chunks of 80 kB, which are served as they are cut here."""
SECRET = "/etc/passwd"


def _store(path: Path, version: int, **options: Any) -> Path:
    """A store of an array of ten chunks, and one of a single chunk."""
    group = zarr.open_group(path, mode="w", zarr_format=version)
    array = group.create_array("a", shape=VALUES.shape, dtype="i4", chunks=(1, 20_000), **options)
    array[...] = VALUES
    group.create_array("b", data=VALUES)
    return path


def _chunk(version: int, row: int) -> str:
    return f"a/c/{row}/0" if version == 3 else f"a/{row}.0"


@hostile("stores")
def good(at: Path) -> Iterable[Claim]:
    for version in (2, 3):
        _store(at / f"good{version}.zarr", version)
    blosc2.asarray(VALUES, urlpath=str(at / "good_sparse.b2nd"), mode="w", contiguous=False)
    return [
        *(Good(path=f"good{version}/{name}", values=VALUES) for version in (2, 3) for name in "ab"),
        Good(path="good_sparse", values=VALUES),
    ]


@hostile("stores")
def chunks_that_lead_out(at: Path) -> Iterable[Claim]:
    """Two chunks that are links: to /etc/passwd, and to a good chunk outside the folder.

    Both are stored raw, so every byte would be served.
    """
    claims: list[Claim] = []
    for version in (2, 3):
        for name, options in {"raw": {"compressors": None}, "packed": {}}.items():
            store = _store(at / f"out_{name}{version}.zarr", version, **options)
            outside = at.parents[1] / f"chunk_{name}{version}"
            outside.write_bytes((store / _chunk(version, 1)).read_bytes())
            _replace(store / _chunk(version, 0), SECRET)
            _replace(store / _chunk(version, 1), str(outside))
            claims += [unreadable(f"out_{name}{version}/a", (row, 0)) for row in (0, 1)]
            claims.append(Good(path=f"out_{name}{version}/b", values=VALUES))
    return claims


def _replace(file: Path, target: str) -> None:
    file.unlink()
    file.symlink_to(target)


@hostile("stores")
def damaged_chunks(at: Path) -> Iterable[Claim]:
    """Chunks that are cut in half, emptied, a folder, a named pipe, and a link to itself."""
    claims: list[Claim] = []
    for version in (2, 3):
        store = _store(at / f"chunks{version}.zarr", version)
        paths = [store / _chunk(version, row) for row in range(5)]
        paths[0].write_bytes(paths[0].read_bytes()[:20])
        paths[1].write_bytes(b"")
        for path in paths[2:]:
            path.unlink()
        paths[2].mkdir()
        os.mkfifo(paths[3])
        paths[4].symlink_to(paths[4].name)
        claims += [unreadable(f"chunks{version}/a", (row, 0)) for row in range(5)]
        claims.append(Good(path=f"chunks{version}/b", values=VALUES))
    return claims


@hostile("stores")
def documents(at: Path) -> Iterable[Claim]:
    """Documents that are empty, cut, invalid JSON, no object or of another version.

    Others are a link to the outside, a folder, or a named pipe.
    """
    texts = {"emptied": "", "cut": '{"zarr_format": 3, "node_ty', "no_json": "no JSON", "list": "[1, 2]", "version": '{"zarr_format": 9}'}
    for name, text in texts.items():
        _bare(at / f"{name}.zarr").write_text(text)
    _bare(at / "linked.zarr").symlink_to(SECRET)
    os.mkfifo(_bare(at / "pipe.zarr"))
    (at / "deep_json.zarr").mkdir()
    (at / "deep_json.zarr" / "zarr.json").write_text("[" * 100_000 + "]" * 100_000)
    closed = [broken(name, f"{name}.zarr") for name in (*texts, "deep_json")]
    return [*closed, refused("linked", "linked.zarr"), Bad(path="pipe", chunks=REFUSED)]


def _bare(folder: Path) -> Path:
    folder.mkdir()
    return folder / "zarr.json"


def _array(**changes: Any) -> Mapping[str, Any]:
    """The document of an array of ten bytes, with changes."""
    document: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10],
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10]}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
    }
    return document | changes


@hostile("stores")
def lying_arrays(at: Path) -> Iterable[Claim]:
    """Shapes below zero, unknown codecs and types, too few codecs, a chunk of no length."""
    regular = {"name": "regular", "configuration": {"chunk_shape": [0]}}
    documents = {
        "negative": _array(shape=[-5]),
        "codec": _array(codecs=[{"name": "bytes"}, {"name": "nobody_has_it"}]),
        "type": _array(data_type="float999"),
        "no_codecs": _array(codecs=[]),
        "no_chunk": _array(chunk_grid=regular),
    }
    for name, document in documents.items():
        _bare(at / f"array_{name}.zarr").write_text(json.dumps(document))
    return [broken(f"array_{name}", f"array_{name}.zarr") for name in documents if name != "no_chunk"]


@hostile("stores")
def huge_chunk(at: Path) -> Iterable[Claim]:
    """A chunk of 2 TB, of which 8 MB of zstd-like garbage are there."""
    grid = {"name": "regular", "configuration": {"chunk_shape": [2**41]}}
    document = _array(shape=[2**41], chunk_grid=grid, codecs=[{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 1}}])
    folder = _bare(at / "huge.zarr").parent
    (folder / "zarr.json").write_text(json.dumps(document))
    (folder / "c").mkdir()
    (folder / "c" / "0").write_bytes(bytes(2**23))
    return [too_large("huge")]


@hostile("stores")
def pickles(at: Path) -> Iterable[Claim]:
    """A codec that runs what the data say."""
    folder = at / "pickle.zarr"
    folder.mkdir()
    document = {
        "zarr_format": 2,
        "shape": [1],
        "chunks": [1],
        "dtype": "|O",
        "compressor": None,
        "fill_value": None,
        "order": "C",
        "filters": [{"id": "pickle"}],
    }
    (folder / ".zarray").write_text(json.dumps(document))
    return [refused("pickle", "pickle.zarr")]


@hostile("stores")
def odd_attributes(at: Path) -> Iterable[Claim]:
    """Attributes with a lone surrogate, NaN, our own name, and dimension names that are no text."""
    group = zarr.open_group(at / "attributes.zarr", mode="w", zarr_format=3)
    group.create_array("a", data=VALUES)
    path = at / "attributes.zarr" / "a" / "zarr.json"
    document = json.loads(path.read_text())
    document["attributes"] = {"\ud800": "\udfff", "nan": float("nan"), "tiled_zarr": [1], "_ARRAY_DIMENSIONS": {"a": 1}}
    document["dimension_names"] = ["\ud800", "y"]
    path.write_text(json.dumps(document))
    return [Good(path="attributes/a", values=VALUES)]


@hostile("stores")
def links_inside(at: Path) -> Iterable[Claim]:
    """Members that are links: out of the store, and up to it."""
    store = _store(at / "members.zarr", 3)
    (store / "out").symlink_to("/etc")
    (store / "up").symlink_to("..")
    (store / "itself").symlink_to("itself")
    return [Good(path="members/b", values=VALUES)]


@hostile("stores")
def bombs(at: Path) -> Iterable[Claim]:
    """Small files of chunks of 4 MiB that decode to 96 MiB, more than a request may take.

    There is one for each codec, for nested codecs, and for shards.
    """
    data = bytes(96 * 2**20)
    packed = {name: bomb.PACKS[name] for name in ("gzip", "zstd", "lz4", "blosc")}
    for name, (pack, configuration) in packed.items():
        bomb.v2(at / f"bomb2_{name}.zarr", pack(data), {"id": name, **configuration})
    gzipped, gzip, zstd = packed["gzip"][0](data), bomb.codec("gzip", level=1), bomb.codec("zstd", level=1, checksum=False)
    chunks: dict[str, tuple[bytes, list[Any]]] = {
        "gzip": (gzipped, [bomb.BYTES, gzip]),
        "members": (bomb.members(data), [bomb.BYTES, gzip]),
        "zstd": (packed["zstd"][0](data), [bomb.BYTES, zstd]),
        "unsized": (bomb.unsized_zstd(data), [bomb.BYTES, zstd]),
        "nested": (packed["gzip"][0](gzipped), [bomb.BYTES, gzip, gzip]),
        "shards": (bomb.shard(gzipped), [bomb.sharding([bomb.BYTES, gzip])]),
    }
    for name, (chunk, codecs) in chunks.items():
        bomb.v3(at / f"bomb3_{name}.zarr", chunk, codecs)
    return [unreadable(f"bomb{version}_{name}") for version, names in ((2, packed), (3, chunks)) for name in names]


@hostile("stores")
def sparse_frames(at: Path) -> Iterable[Claim]:
    """A Blosc2 folder one of whose chunks is a link out of it, and one whose index is cut."""
    for name in ("frame_out", "frame_cut"):
        blosc2.asarray(VALUES, urlpath=str(at / f"{name}.b2nd"), mode="w", contiguous=False, chunks=(1, 20_000))
    _replace(min((at / "frame_out.b2nd").glob("0*.chunk")), SECRET)
    index = at / "frame_cut.b2nd" / "chunks.b2frame"
    index.write_bytes(index.read_bytes()[:40])
    return [unreadable("frame_out", (0, 0)), broken("frame_cut", "frame_cut.b2nd")]
