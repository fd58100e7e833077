from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from native.gil import others_advance
from tiled_zarr import Array, Group, Sparse
from tiled_zarr.encoding.encode import SourceError
from tiled_zarr.hierarchy import v2
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.stores import value

PLAIN = Config(codec="none")


def test_a_block_goes_from_the_sources_view_to_bytes_without_a_copy() -> None:
    values = np.arange(10000, dtype=">f8").reshape(100, 100)[::-2, ::3]
    given: list[np.ndarray] = []

    def read(region: tuple[slice, ...]) -> np.ndarray:
        given.append(values[region])
        return given[-1]

    keyspace = KeySpace(Group(children={"a": Array(shape=values.shape, dtype=values.dtype, read=read)}), v2, PLAIN)
    assert value(keyspace, "a/0.0") == values.astype("<f8").tobytes()
    assert len(given) == 1
    assert np.shares_memory(given[0], values)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (np.zeros((4, 5)), r"expected a block of shape \(5, 5\) from the source, got \(4, 5\)"),
        (np.zeros((5, 5), "f4"), "expected items of type float64 from the source, got float32"),
    ],
)
def test_a_source_that_gives_something_else_fails(block: np.ndarray, reason: str) -> None:
    node = Array(shape=(5, 5), dtype=np.dtype("f8"), read=lambda region: block)
    with pytest.raises(SourceError, match=reason):
        value(KeySpace(Group(children={"a": node}), v2), "a/0.0")


def test_a_row_index_is_built_once_while_the_revision_is_the_same() -> None:
    built, revision = [], ["1"]

    def entries() -> tuple[np.ndarray, np.ndarray]:
        built.append(revision[0])
        time.sleep(0.05)
        return np.array([[3], [4]]), np.array([float(revision[0] or 9)])

    node = Sparse(shape=(8, 8), dtype=np.dtype("f8"), entries=entries, revision=lambda: revision[0])
    keyspace = KeySpace(Group(children={"a": node}), v2, PLAIN)
    with ThreadPoolExecutor(4) as pool:
        bodies = set(pool.map(lambda _: value(keyspace, "a/0.0"), range(8)))
    assert built == ["1"]
    assert [np.frombuffer(body).reshape(8, 8)[3, 4] for body in bodies] == [1.0]
    revision[0] = "2"
    assert np.frombuffer(value(keyspace, "a/0.0")).reshape(8, 8)[3, 4] == 2.0
    revision[0] = None
    assert np.frombuffer(value(keyspace, "a/0.0")).reshape(8, 8)[3, 4] == 9.0
    value(keyspace, "a/0.0")
    assert built == ["1", "2", None, None]


def test_another_thread_advances_while_one_chunk_is_encoded() -> None:
    values = np.random.default_rng(0).integers(0, 255, (1024, 1024), dtype="u8")
    node = Array(shape=values.shape, dtype=values.dtype, read=lambda region: values[region])
    keyspace = KeySpace(Group(children={"a": node}), v2, Config(codec="gzip:9", chunk_shape=(1024, 1024)))
    assert not others_advance(lambda: keyspace.resolve("a/0.0"))
    assert others_advance(lambda: value(keyspace, "a/0.0"))
