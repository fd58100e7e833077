"""The documents of an array at different lengths name the same chunks.

The chunks of an array that cannot grow are chosen from its length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiled_zarr import grid, records
from tiled_zarr.hierarchy import headers
from tiled_zarr.hierarchy.places import Place
from tiled_zarr.nodes import Array, Options, Sparse

LENGTHS = (0, 1, 2, 9, 10, 11, 5000, 10**6)


def array(shape: tuple[int, ...], **options: Any) -> Array:
    return Array(shape=shape, dtype=np.dtype("<f8"), read=lambda region: np.zeros([part.stop - part.start for part in region]), **options)


@pytest.mark.parametrize("rest", [(), (3,), (64, 64), (2048, 2048)], ids=str)
@pytest.mark.parametrize("chunk", [1, 10, None], ids=str)
def test_chunks_stay_the_same(rest: tuple[int, ...], chunk: int | None) -> None:
    chunks = None if chunk is None else (chunk, *rest)
    grids = [headers.chunk_grid(array((n, *rest), chunks=chunks, maxshape=(None, *rest)), Options()) for n in LENGTHS]
    assert len({one.chunk_shape for one in grids}) == 1
    assert [one.shape[0] for one in grids] == list(LENGTHS)


def test_chunks_stay_the_same_up_to_the_last_length() -> None:
    grids = [headers.chunk_grid(array((n,), chunks=(10,), maxshape=(1000,)), Options()) for n in (0, 1, 500, 1000)]
    assert {one.chunk_shape for one in grids} == {(1000,)}


def test_sparse_arrays_too() -> None:
    def sparse(n: int) -> Array:
        return Sparse(shape=(n, 5), dtype=np.dtype("<f8"), entries=lambda: (np.zeros((2, 0), int), np.zeros(0)), maxshape=(None, 5))

    assert len({headers.chunk_grid(sparse(n), Options()).chunk_shape for n in LENGTHS}) == 1


def test_fields_of_records_too() -> None:
    dtype = np.dtype([("energy", "<f8"), ("trace", "<i2", (5,))])

    def field(name: str, n: int) -> Array:
        group = records.as_group(
            Array(shape=(n,), dtype=dtype, read=lambda region: np.zeros(region[0].stop, dtype), chunks=(10,), maxshape=(None,))
        )
        node = group.children[name]
        assert isinstance(node, Array)
        return node

    for name, maxshape in (("energy", (None,)), ("trace", (None, 5))):
        assert field(name, 7).maxshape == maxshape
        assert len({headers.chunk_grid(field(name, n), Options()).chunk_shape for n in LENGTHS}) == 1


@pytest.mark.parametrize("shape", [(), (0,), (10,), (5000,), (3, 4), (300, 300), (10**6, 3), (5, 600, 700)], ids=str)
@pytest.mark.parametrize("chunk", [1, 10, None], ids=str)
def test_what_cannot_grow_is_cut_as_before(shape: tuple[int, ...], chunk: int | None) -> None:
    chunks = None if chunk is None else (chunk,) * len(shape)
    expected = grid.choose(shape, 8, own=chunks)
    for maxshape in (None, shape):
        assert headers.chunk_grid(array(shape, chunks=chunks, maxshape=maxshape), Options()).chunk_shape == expected


@pytest.mark.parametrize("maxshape", [(5,), (None,), (None, 3, 4), (None, "long"), 7], ids=repr)
def test_a_maximal_shape_that_is_none(maxshape: Any) -> None:
    node = array((10, 4), maxshape=maxshape)
    assert node.maxshape is None
    assert "maxshape" in node.attributes["tiled_zarr"]["mended"]


def test_of_other_integers() -> None:
    assert array((10, 4), maxshape=[None, np.int64(4)]).maxshape == (None, 4)


def test_a_place_keeps_its_options() -> None:
    node = array((10,), maxshape=(None,), options=Options(chunk_shape=(7,)))
    assert headers.chunk_grid(node, Place(node, None, "", "", node.options).options).chunk_shape == (7,)
