"""What reading HDF5 files in stores costs in requests."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.hdf5.far import NOISE, ZSTD, Far, box, chunks_of, filled, of_noise, wait_for, x_of
from objectserver import ObjectServer
from tiled_zarr.adapters.common.mapped import FETCH_GAP
from tiled_zarr.nodes import Array
from tiled_zarr.resources import Resources
from tiled_zarr.testing.files import whole


def asked(far: Far) -> list[tuple[int, int]]:
    """The ranges of the requests since the last call, in order of their places."""
    found = sorted(far.ranges)
    far.requests.clear()
    return found


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_small_file_of_100_datasets_is_opened_with_one_request(far: Far, resources: Resources, libver: str) -> None:
    far.objects["a.h5"] = filled(
        lambda file: [file.create_dataset(f"{i}", data=NOISE[i, :9]).attrs.create("i", i) for i in range(100)], libver=libver
    )
    node = far.open("a.h5", resources)
    assert {name: child.attributes for name, child in node.children.items()} == {f"{i}": {"i": i} for i in range(100)}
    assert [one.method for one in far.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_large_file_of_100_datasets_is_opened_with_one_request_each(far: Far, resources: Resources, libver: str) -> None:
    """The headers lie 400 KB apart, and blocks have 256 KiB: most lie in a block of their own."""
    far.objects["a.h5"] = filled(
        lambda file: [file.create_dataset(f"{i}", data=NOISE[i : i + 200]).attrs.create("i", i) for i in range(100)], libver=libver
    )
    node = far.open("a.h5", resources)
    assert {name: child.attributes for name, child in node.children.items()} == {f"{i}": {"i": i} for i in range(100)}
    assert len(far.requests) <= 101


def test_a_large_file_with_paged_metadata_is_opened_with_few_requests(far: Far, resources: Resources, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", fs_strategy="page") as file:
        for i in range(100):
            file.create_dataset(f"{i}", data=NOISE[i : i + 200])
    far.objects["a.h5"] = (tmp_path / "a.h5").read_bytes()
    assert [child.shape for child in far.open("a.h5", resources).children.values() if isinstance(child, Array)] == [(200, 1024)] * 100
    assert len(far.requests) <= 15


def test_a_server_without_ranges_sends_a_copy(far: Far, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "_object", lambda request: ObjectServer._object(far, request._replace(range=None)))
    far.objects["a.h5"] = of_noise(**ZSTD)
    np.testing.assert_array_equal(whole(x_of(far.open("a.h5", resources))), NOISE)


def test_a_chunk_is_one_request_once_the_index_is_known(far: Far, resources: Resources) -> None:
    far.objects["a.h5"] = content = of_noise(**ZSTD)
    where, node = chunks_of(content), x_of(far.open("a.h5", resources))
    assert len(where) == 32
    node.read(box((0, 256), (0, 256)))
    assert where[0, 0] in asked(far)
    for i, j in product(range(8), range(4)):
        region = box((256 * i, 256 * (i + 1)), (256 * j, 256 * (j + 1)))
        np.testing.assert_array_equal(node.read(region), NOISE[region])
    assert asked(far) == sorted(where.values())
    assert node.source.stored is not None
    for index, (start, stop) in where.items():
        assert node.source.stored.read(index) == content[start:stop]
    assert asked(far) == sorted(where.values())


def test_neighbours_are_asked_for_together_and_others_at_once(far: Far, resources: Resources) -> None:
    """Chunks one after the other in the file are one request; the requests are in flight side by side."""

    def fill(file: h5py.File) -> None:
        x = file.create_dataset("x", NOISE.shape, "u2", **ZSTD)
        for i in range(8):
            x[256 * i : 256 * (i + 1)] = NOISE[256 * i : 256 * (i + 1)]
            file.flush()
            file[f"between{i}"] = NOISE[:400]  # 800 KB, more than the gap

    far.objects["a.h5"] = content = filled(fill)
    assert NOISE[:400].nbytes > FETCH_GAP
    where, node = chunks_of(content), x_of(far.open("a.h5", resources))
    node.read(box((0, 256), (0, 256)))
    asked(far)
    far.is_held = True
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(whole, node)
        rows = [(min(where[i, j][0] for j in range(4)), max(where[i, j][1] for j in range(4))) for i in range(8)]
        wait_for(lambda: len(far.requests) == 8)
        far.is_held = False
        np.testing.assert_array_equal(reading.result(), NOISE)
    assert asked(far) == rows


def test_a_part_of_a_large_chunk_is_decoded_once(far: Far, resources: Resources) -> None:
    far.objects["a.h5"] = content = of_noise(**ZSTD)
    where, node = chunks_of(content), x_of(far.open("a.h5", resources))
    node.read(box((0, 1), (0, 256)))
    asked(far)
    middle = box((200, 300), (200, 300))
    np.testing.assert_array_equal(node.read(middle), NOISE[middle])
    rest = [where[0, 1], where[1, 0], where[1, 1]]
    assert sum(stop - start for start, stop in asked(far)) < sum(stop - start for start, stop in rest) + 2 * FETCH_GAP
    np.testing.assert_array_equal(node.read(middle), NOISE[middle])
    assert asked(far) == []


def test_a_contiguous_dataset_is_read_by_the_ranges_of_a_region(far: Far, resources: Resources) -> None:
    far.objects["a.h5"] = content = of_noise(np.concatenate([NOISE, NOISE]).reshape(-1, 256 * 1024))
    node = x_of(far.open("a.h5", resources))
    data = np.concatenate([NOISE, NOISE]).reshape(-1, 256 * 1024)
    asked(far)
    with h5py.File(io.BytesIO(content)) as file:
        first = file["x"].id.get_offset()
    region = box((3, 6), (100, 200))
    np.testing.assert_array_equal(node.read(region), data[region])
    row = data.strides[0]
    assert asked(far) == [(first + i * row + 200, first + i * row + 400) for i in (3, 4, 5)]
