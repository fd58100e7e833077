"""What reading HDF5 files in stores costs in requests, and what goes wrong with them."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from adapters.file_contract import outcome, whole
from adapters.hdf5.far import WAIT, Far
from adapters.hdf5.test_links import numbered as endless
from objectserver import ObjectServer
from tiled_zarr.adapters.common.mapped import FETCH_GAP
from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.nodes import Array, Changed, Damaged, Group, TooSlow
from tiled_zarr.resources import Resources

NOISE = np.random.default_rng(20261127).integers(0, 2**16, (2048, 1024), "u2")
"""4 MiB that no codec makes smaller, so that a file of them is not read whole."""
CHUNK = (256, 256)
ZSTD = {"chunks": CHUNK, **hdf5plugin.Zstd(clevel=1)}


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    """One set of helpers for all tests."""
    made = Resources.of()
    yield made
    made.close()


@pytest.fixture
def far() -> Iterator[Far]:
    with Far() as made:
        yield made


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw files, which are made in the current folder, are made in one of the test."""
    monkeypatch.chdir(tmp_path)


def filled(fill: Callable[[h5py.File], Any], **options: Any) -> bytes:
    """The bytes of a file that a function fills."""
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        fill(file)
    return content.getvalue()


def of_noise(data: np.ndarray[Any, Any] = NOISE, **options: Any) -> bytes:
    """The bytes of a file with one dataset."""
    return filled(lambda file: file.create_dataset("x", data=data, **options))


def chunks_of(content: bytes) -> dict[tuple[int, ...], tuple[int, int]]:
    """Where each chunk of the dataset lies: the range of its bytes, by its index, as the library says."""
    with h5py.File(io.BytesIO(content)) as file:
        found = [file["x"].id.get_chunk_info(number) for number in range(file["x"].id.get_num_chunks())]
    return {
        tuple(at // size for at, size in zip(one.chunk_offset, CHUNK, strict=True)): (one.byte_offset, one.byte_offset + one.size)
        for one in found
    }


def x_of(group: Group) -> Array:
    node = group.children["x"]
    assert isinstance(node, Array)
    return node


def box(*parts: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(*part) for part in parts)


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


REFUSED: dict[str, tuple[Callable[[h5py.File], Any], str]] = {}


def refused(name: str) -> Callable[[Callable[[h5py.File], Any]], Callable[[h5py.File], Any]]:
    def noted(fill: Callable[[h5py.File], Any]) -> Callable[[h5py.File], Any]:
        REFUSED[fill.__name__] = fill, name
        return fill

    return noted


def over(file: h5py.File, source: str, where: str) -> None:
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource(source, where, (4,))
    file.create_virtual_dataset("x", layout)


@refused("b.h5")
def virtual(file: h5py.File) -> None:
    file["y"] = np.arange(4, dtype="i4")  # what the library would read in place of the other file's
    over(file, "b.h5", "y")


@refused("part_%b.h5")
def numbered(file: h5py.File) -> None:
    endless(file, "x", "part_%b.h5")


@refused("b.bin")
def raw(file: h5py.File) -> None:
    file.create_dataset("x", (4,), "u1", external=[("b.bin", 0, 4)])


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.usefixtures("elsewhere")
def test_what_leads_to_other_files_is_refused(far: Far, resources: Resources, kind: str) -> None:
    fill, name = REFUSED[kind]
    far.objects["a.h5"] = filled(lambda file: (file.create_dataset("good", data=1), fill(file)))
    node = far.open("a.h5", resources)
    with pytest.raises(Damaged, match=f"'a.h5' names another file, '{name}', which is not read from a store"):
        node.children["x"]
    good = node.children["good"]
    assert isinstance(good, Array)
    assert good.read(()) == 1


LINKS = {
    "beside": ("b.h5", ""),
    "below": ("./deep/c.h5", ""),
    "missing": ("d.h5", "a link to the file 'd.h5', which is missing"),
    "above": ("../b.h5", "a link to the file 'b.h5' outside of the folder of 'a.h5', which is not followed"),
    "through below": ("deep/../../b.h5", "a link to the file 'b.h5' outside of the folder"),
    "absolute": ("/b.h5", "a link to the file 'b.h5' outside of the folder"),
}


@pytest.mark.parametrize(("file", "reason"), LINKS.values(), ids=LINKS)
def test_links_lead_to_objects_of_the_same_folder(far: Far, resources: Resources, file: str, reason: str) -> None:
    far.objects["data/a.h5"] = filled(lambda opened: opened.__setitem__("x", h5py.ExternalLink(file, "/x")))
    far.objects |= {"data/b.h5": of_noise(**ZSTD), "data/deep/c.h5": of_noise(), "b.h5": of_noise()}
    node = far.open("data/a.h5", resources)
    if reason:
        with pytest.raises(Damaged, match=re.escape(reason)):
            node.children["x"]
    else:
        np.testing.assert_array_equal(whole(x_of(node)), NOISE)


def test_a_linked_object_that_is_replaced_is_opened_again(far: Far, resources: Resources) -> None:
    far.objects["a.h5"] = filled(lambda opened: opened.__setitem__("x", h5py.ExternalLink("b.h5", "/x")))
    far.objects["b.h5"] = of_noise(**ZSTD)
    node = far.open("a.h5", resources)
    old = x_of(node)
    np.testing.assert_array_equal(old.read(box((0, 256), (0, 256))), NOISE[:256, :256])
    far.objects["b.h5"] = of_noise(NOISE[:512] + 1, **ZSTD)
    with pytest.raises(Changed):
        old.read(box((256, 512), (0, 256)))
    np.testing.assert_array_equal(whole(x_of(node)), NOISE[:512] + 1)


def test_a_replaced_object_is_never_mixed(far: Far, resources: Resources) -> None:
    """Reads of the old node raise, by the server and by the library, and the next node has all that is new."""

    def of(data: np.ndarray[Any, Any]) -> bytes:
        return filled(lambda file: (file.create_dataset("x", data=data, **ZSTD), file.create_dataset("texts", data=[str(data[0, 0])] * 9)))

    far.objects["a.h5"] = of(NOISE)
    group = far.open("a.h5", resources)
    old = x_of(group)
    np.testing.assert_array_equal(old.read(box((0, 256), (0, 256))), NOISE[:256, :256])
    before = old.revision()
    far.objects["a.h5"] = of(NOISE + 1)
    with pytest.raises(Changed, match=r"'a\.h5' changed while it was being read; ask again"):
        old.read(box((256, 512), (0, 256)))
    group = far.open("a.h5", resources)
    new = x_of(group)
    assert new.revision() not in (before, None)
    assert old.revision() != before
    np.testing.assert_array_equal(whole(new), NOISE + 1)
    far.objects["a.h5"] = of(NOISE + 2)
    other = far.open("a.h5", resources)
    assert other.revision() == new.revision(), "the last look is trusted for a time"
    far.objects["a.h5"] = of(NOISE + 3)[:-1] + b"\0"
    resources.hdf5_stores.close()  # new helpers have no blocks of it
    with pytest.raises(Changed, match=r"'a\.h5' changed while it was being read; ask again"):
        group.children["texts"]
    texts = far.open("a.h5", resources).children["texts"]
    assert isinstance(texts, Array)
    assert whole(texts).tolist() == [str(NOISE[0, 0] + 3)] * 9


def test_a_truncated_object_gives_right_data_or_an_error(far: Far, resources: Resources) -> None:
    content, failures = of_noise(NOISE[:256], chunks=(100, 100), compression="gzip"), 0
    cuts = [1, 40, *(len(content) * part // 8 for part in range(1, 8)), len(content) - 1]
    for cut in cuts:
        far.objects[f"{cut}.h5"] = content[:cut]
        found = outcome(lambda: whole(x_of(far.open(f"{cut}.h5", resources))))  # noqa: B023 - called at once
        if isinstance(found, np.ndarray):
            np.testing.assert_array_equal(found, NOISE[:256])
        else:
            assert isinstance(found, Damaged), cut
            failures += 1
    assert failures >= len(cuts) - 1


def test_a_damaged_chunk_is_an_error(far: Far, resources: Resources) -> None:
    content = bytearray(of_noise(**ZSTD))
    start, stop = chunks_of(bytes(content))[0, 1]
    content[start:stop] = bytes(stop - start)
    far.objects["a.h5"] = bytes(content)
    node = x_of(far.open("a.h5", resources))
    with pytest.raises(Damaged, match="/x cannot be decoded: chunk"):
        node.read(box((0, 256), (0, 512)))
    np.testing.assert_array_equal(node.read(box((0, 256), (0, 256))), NOISE[:256, :256])


OTHERS = {"empty": (b"", "is empty where an HDF5 file is expected"), "png": (b"\x89PNG\r\n\x1a\n" + bytes(99), "is a PNG picture")}


@pytest.mark.parametrize(("content", "reason"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_hdf5_file(far: Far, resources: Resources, content: bytes, reason: str) -> None:
    far.objects["a.h5"] = content
    with pytest.raises(Damaged, match=reason):
        far.open("a.h5", resources)


def test_a_missing_object_is_missing(far: Far, resources: Resources) -> None:
    with pytest.raises(FileNotFoundError, match=r"'a\.h5' is not there"):
        far.open("a.h5", resources)


def test_an_object_that_was_deleted_is_missing(far: Far, resources: Resources) -> None:
    """The library's calls say so, as the server's reads do."""

    def fill(file: h5py.File) -> None:
        file.create_dataset("x", data=NOISE, **ZSTD)
        file["texts"] = [f"{number:0200}" for number in range(3000)]  # more than a block

    far.objects["a.h5"] = filled(fill)
    group = far.open("a.h5", resources)
    found = [x_of(group), group.children["texts"]]
    far.objects.clear()
    for node in found:
        assert isinstance(node, Array)
        with pytest.raises(FileNotFoundError, match=r"'a\.h5' is not there"):
            whole(node)


def test_a_store_that_fails_hides_no_attribute_and_shows_no_secret(far: Far, resources: Resources) -> None:
    def fill(file: h5py.File) -> None:
        file["before"] = NOISE
        file["x"] = NOISE
        file["x"].attrs["unit"] = "counts"

    far.objects["a.h5"] = filled(fill)
    group = far.open("a.h5?signature=SECRET", resources)
    far.faults["a.h5"] = 403
    with pytest.raises(Damaged, match=r"'a\.h5' may not be read: the store refuses") as caught:
        group.children["x"]
    assert "SECRET" not in f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    far.faults.clear()
    assert group.children["x"].attributes == {"unit": "counts"}


def test_a_store_that_hangs_delays_no_local_file(far: Far, tmp_path: Path) -> None:
    """Calls about its objects end in time, and the object is read as soon as the store answers."""
    far.objects["a.h5"] = of_noise(**ZSTD)
    (tmp_path / "a.h5").write_bytes(of_noise(NOISE[:8, :8]))
    resources = Resources.of(read_timeout=2.0)
    try:
        group = far.open("a.h5", resources)
        local = open_hdf5(tmp_path / "a.h5", resources)
        assert isinstance(local, Group)
        resources.hdf5_stores.close()  # new helpers have no blocks of it
        far.is_held = True
        with ThreadPoolExecutor(6) as threads:
            hanging = [threads.submit(outcome, lambda: whole(x_of(group))) for _ in range(6)]
            wait_for(lambda: far.ranges)
            for _ in range(3):
                np.testing.assert_array_equal(whole(x_of(local)), NOISE[:8, :8])
            assert not all(one.done() for one in hanging)
            errors = [one.result(WAIT) for one in hanging]
        assert all(isinstance(error, TimeoutError) for error in errors), errors
        assert any(isinstance(error, TooSlow) and "the store of 'a.h5' does not answer" in str(error) for error in errors)
        assert resources.hdf5_stores.pool.ended == {"late": 0, "died": 0}
        far.is_held = False
        np.testing.assert_array_equal(whole(x_of(group)), NOISE)
    finally:
        resources.close()


def wait_for(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
