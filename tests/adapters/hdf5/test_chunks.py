"""The index of chunks against the library's own answers, and the stored bytes."""

import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.adapters.common.snapshot import Snapshot
from tiled_zarr.adapters.hdf5 import index as chunks
from tiled_zarr.adapters.hdf5 import indexing, library, open_hdf5
from tiled_zarr.adapters.hdf5.describing import filters
from tiled_zarr.nodes import Changed
from tiled_zarr.testing import whole

DATA = np.arange(61 * 83, dtype="<u4").reshape(61, 83)


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("whole", data=DATA, chunks=(20, 30), compression="gzip", shuffle=True)
        parted = file.create_dataset("parted", DATA.shape, "<u4", chunks=(20, 30), compression="gzip")
        parted[20:45, 30:35] = 7
        parted.id.write_direct_chunk((0, 0), bytes(2400), 1)
        file.create_dataset("blank", DATA.shape, "<u4", chunks=(20, 30))
        file.create_dataset("plain", data=DATA, chunks=(20, 30))
    return tmp_path / "a.h5"


@pytest.mark.parametrize(("name", "count"), [("whole", 12), ("parted", 3), ("blank", 0), ("plain", 12)])
def test_the_index_is_the_librarys(path, name, count):
    index = chunks.chunk_index(Snapshot.of(path), name)
    assert (index.grid, index.rows.size, index.places is None) == ((4, 3), count, count == 12)
    assert index.nbytes == (16 if count == 12 else 24) * count
    with h5py.File(path, locking=False) as file:
        every = [file[name].id.get_chunk_info_by_coord((20 * i, 30 * j)) for i, j in product(range(4), range(3))]
    expected = [(-1, 0, 0) if one.byte_offset is None else (one.byte_offset, one.size, one.filter_mask) for one in every]
    assert index.find([range(4), range(3)]).tolist() == expected
    assert index.find([range(1, 3), range(2, 3)]).tolist() == [expected[5], expected[8]]


def test_stored_chunks_are_the_librarys(path):
    snapshot = Snapshot.of(path)
    with h5py.File(path, locking=False) as file:
        for i, j in product(range(4), range(3)):
            _, stored = file["whole"].id.read_direct_chunk((20 * i, 30 * j))
            assert chunks.stored_chunk(snapshot, "whole", (i, j)) == stored


def test_chunks_that_are_not_what_the_filters_make(path):
    snapshot = Snapshot.of(path)
    assert chunks.stored_chunk(snapshot, "parted", (1, 1)) is not None
    assert chunks.stored_chunk(snapshot, "parted", (3, 2)) is None, "not there"
    assert chunks.stored_chunk(snapshot, "parted", (0, 0)) is None, "a filter was left out"
    assert chunks.stored_chunk(snapshot, "plain", (0, 0)) == DATA[:20, :30].tobytes()
    assert chunks.stored_chunk(snapshot, "plain", (3, 0)) is None, "a filter may have been left out"
    with pytest.raises(ValueError, match="invalid entry"):
        chunks.stored_chunk(snapshot, "whole", (4, 0))


def test_filters_are_plain_data(path):
    with h5py.File(path, locking=False) as file:
        assert filters(file["whole"].id.get_create_plist()) == ((2, (4,)), (1, (4,)))
        assert filters(file["plain"].id.get_create_plist()) == ()


def test_another_file_by_now_raises(path):
    snapshot = Snapshot.of(path)
    chunks.stored_chunk(snapshot, "whole", (0, 0))
    with h5py.File(path, "r+") as file:
        file["whole"][0, 0] = 9
    with pytest.raises(Changed):
        chunks.stored_chunk(snapshot, "whole", (0, 0))
    assert chunks.stored_chunk(Snapshot.of(path), "whole", (0, 0)) is not None


def test_many_askers_read_the_index_once(path, monkeypatch):
    calls = []
    data = library.data
    monkeypatch.setattr(library, "data", lambda snapshot, name, *arguments: calls.append(name) or data(snapshot, name, *arguments))
    snapshot = Snapshot.of(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: chunks.chunk_index(snapshot, "whole"), range(16)))
    assert calls == ["chunk_index"]


NO_INDEX = {
    "too many chunks": ("MOST_CHUNKS", 3),
    "the library errs about the place": ("_agrees", lambda *_: False),
}


@pytest.mark.parametrize(("name", "value"), NO_INDEX.values(), ids=NO_INDEX.keys())
@pytest.mark.usefixtures("in_process")
def test_without_an_index_the_library_reads(path, monkeypatch, name, value):
    monkeypatch.setattr(indexing, name, value)
    assert not chunks.chunk_index(Snapshot.of(path), "whole").is_known
    assert chunks.stored_chunk(Snapshot.of(path), "whole", (0, 0)) is None
    assert (whole(open_hdf5(path).children["whole"]) == DATA).all()


@pytest.mark.usefixtures("in_process")
def test_a_wrong_place_is_noticed(path, monkeypatch):
    iterate = indexing._iterate

    def shifted(dataset):
        corners, rows = iterate(dataset)
        rows["offset"] += 8
        return corners, rows

    monkeypatch.setattr(indexing, "_iterate", shifted)
    assert not chunks.chunk_index(Snapshot.of(path), "whole").is_known


@pytest.mark.usefixtures("in_process")
def test_a_chunk_of_no_sane_size_raises(path, monkeypatch):
    monkeypatch.setattr(indexing, "LARGEST", 100)
    with pytest.raises(OSError, match=r"/whole has a chunk of \d+ bytes: at most 100 are read"):
        chunks.chunk_index(Snapshot.of(path), "whole")


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 5000)), max_size=20))
def test_pieces_are_read_alike_however_they_lie(tmp_path_factory, pieces):
    path = tmp_path_factory.getbasetemp() / "pieces"
    content = bytes(i * i % 251 for i in range(25_000))
    if not path.exists():
        path.write_bytes(content)
    found = chunks.read_pieces(Snapshot.of(path), pieces)
    assert [bytes(piece) for piece in found] == [content[offset : offset + nbytes] for offset, nbytes in pieces]


def test_runs_have_a_bound(monkeypatch):
    monkeypatch.setattr(chunks, "RUN", 100)
    assert chunks._runs([(150, 10), (0, 40), (40, 60), (100, 10), (9000, 500)], chunks.GAP) == [[1, 2], [3, 0], [4]]


WRITER = """
import sys, h5py, numpy
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    x = file.create_dataset("x", (2, 10), "<u4", chunks=(1, 10), maxshape=(None, 10), compression="gzip")
    x[...] = 1
    file.swmr_mode = True
    x.flush()
    print("ready", flush=True)
    for step in range(2, 5):
        sys.stdin.readline()
        x.resize((step + 1, 10))
        x[:] = step
        x.flush()
        print("written", flush=True)
    sys.stdin.readline()
"""


def test_a_file_that_is_written_while_it_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        root = open_hdf5(path)
        before = root.children["x"]
        assert (whole(before) == 1).all()
        assert before.revision() is None
        for step in range(2, 5):
            writer.stdin.write("go\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "written\n"
            node = root.children["x"]
            assert node.shape == (step + 1, 10)
            assert (whole(node) == step).all()
            assert (whole(before) == step).all()
            assert np.frombuffer(zlib.decompress(node.source.stored.read((step, 0))), "<u4").tolist() == [step] * 10
            assert node.source.stored.read((step + 1, 0)) is None
            assert root.children["x"] is node
    with pytest.raises(Changed):  # the writer has closed it: another revision
        whole(before)
    assert (whole(open_hdf5(path).children["x"]) == 4).all()
