"""HDF5 files in stores that are replaced, damaged or deleted, and stores that fail or hang."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from adapters.hdf5.far import NOISE, WAIT, ZSTD, Far, box, chunks_of, filled, of_noise, wait_for, x_of
from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.nodes import Array, Changed, Damaged, Group, TooSlow
from tiled_zarr.resources import Resources
from tiled_zarr.testing.files import outcome, whole


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
