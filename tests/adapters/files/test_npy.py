import io
import tracemalloc
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tiled_zarr.adapters.files import archives
from tiled_zarr.adapters.files.npy import open_npy
from tiled_zarr.nodes import Damaged, Unavailable
from tiled_zarr.resources import Resources, Sizes
from tiled_zarr.testing import ARRAYS, ReaderContract, assert_same, check_rewritten, check_truncated, outcome, reading, whole

BROKEN = {
    "empty_array": ("a.npy", b"", "is empty where an NPY array"),
    "empty_archive": ("a.npz", b"", "is empty where an NPZ archive"),
    "text": ("a.npy", b"not found", "cannot be read as an NPY array"),
    "cut_archive": ("a.npz", b"PK\x03\x04" + bytes(100), "cannot be read as an NPZ archive"),
    "negative_shape": (
        "a.npy",
        b"\x93NUMPY\x01\x00\x40\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}".ljust(64),
        "cannot be",
    ),
}
PLAIN = {name: array for name, array in ARRAYS.items() if array.dtype.kind != "O"}
WIDE = np.arange(300 * 400, dtype="<f4").reshape(300, 400)


def saved(array):
    def case(folder: Path):
        np.save(folder / "array.npy", array)
        return open_npy(folder / "array.npy"), np.load(folder / "array.npy")

    return case


def archived(save):
    def case(folder: Path):
        truth = {
            "wide": WIDE,
            "fortran": np.asfortranarray(WIDE[:20]),
            "zero_d": np.array(3.5),
            "empty": np.zeros((0, 3), "i2"),
            "a/b": WIDE[0],
        }
        save(folder / "arrays.npz", **truth)
        return open_npy(folder / "arrays.npz"), truth

    return case


class TestNpy(
    ReaderContract, cases={name: saved(array) for name, array in PLAIN.items()} | {"wide": saved(WIDE), "wide_f": saved(WIDE.T)}
): ...


class TestNpz(ReaderContract, cases={"stored": archived(np.savez), "compressed": archived(np.savez_compressed)}): ...


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(tmp_path, version):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, WIDE, version=version)
    node = open_npy(tmp_path / "a.npy")
    assert (node.read((slice(3, 5), slice(0, 400))) == WIDE[3:5]).all()


def test_field_names_beyond_latin(tmp_path):
    record = np.array([(1, 2.5)], [("größe", "i2"), ("日", "f8")])
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, record, version=(3, 0))
    node = open_npy(tmp_path / "a.npy")
    assert node.dtype == record.dtype
    assert node.read((slice(0, 1),)) == record


def test_objects_are_unavailable(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, None], object), allow_pickle=True)
    with pytest.raises(Unavailable, match="pickled"):
        open_npy(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", bad=np.array([{}], object), good=WIDE, allow_pickle=True)
    group = open_npy(tmp_path / "a.npz")
    with pytest.raises(Unavailable, match="pickled"):
        group.children["bad"]
    assert group.children["good"].shape == WIDE.shape


def test_other_members_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "text")
    assert open_npy(tmp_path / "a.npz").unavailable() == {"readme.txt": "it is no .npy array"}


def test_a_rewritten_file(tmp_path):
    check_rewritten(tmp_path / "a.npy", open_npy, np.save)


def test_a_truncated_file(tmp_path):
    np.save(tmp_path / "a.npy", WIDE)
    check_truncated(tmp_path / "a.npy", open_npy, WIDE)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "compressed"])
def test_a_truncated_archive(tmp_path, save):
    save(tmp_path / "a.npz", a=WIDE)
    check_truncated(tmp_path / "a.npz", lambda path: open_npy(path).children["a"], WIDE)


def loaded(path: Path, name: str):
    with np.load(path) as archive:
        return archive[name]


def test_a_stored_member_is_held_to_its_checksum(tmp_path):
    """What numpy refuses is never served; of 200 archives with one bit turned 164 were."""
    path = tmp_path / "a.npz"
    np.savez(path, a=WIDE[:50], b=WIDE[50:60])
    content, random, refused = path.read_bytes(), Random(3), 0
    for _ in range(60):
        data = bytearray(content)
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        truth, block = outcome(lambda: loaded(path, "a")), outcome(lambda: np.array(whole(open_npy(path).children["a"])))
        if isinstance(truth, Exception):
            refused += 1
            assert isinstance(block, Damaged | KeyError), block
        elif not isinstance(block, Exception):
            assert_same(block, truth, "numpy reads it")
    assert refused > 20


def test_a_checksum_is_made_once_a_revision(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", a=WIDE, b=WIDE[::-1])
    made, crc32 = [], zlib.crc32
    monkeypatch.setattr(archives.zlib, "crc32", lambda data, crc: (made.append(len(data)), crc32(data, crc))[1])
    for _ in range(2):
        group = open_npy(tmp_path / "a.npz")
        nodes = [group.children["a"], group.children["a"]]
        assert made in ([], [WIDE.nbytes + 128]), "opening reads no data"
        for node in nodes:
            assert (node.read((slice(7, 9), slice(0, 400))) == WIDE[7:9]).all()
            assert (node.source.read_stepped((slice(0, 300), slice(0, 400)), (100, 100)) == WIDE[::100, ::100]).all()
    assert made == [WIDE.nbytes + 128]


def test_a_long_member_is_read_in_steps(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(6 << 20, "u1"))
    node = open_npy(tmp_path / "a.npz").children["a"]
    tracemalloc.start()
    node.read((slice(0, 10),))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


def test_a_member_that_is_shorter_than_its_array_is_damaged(tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (1000,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", head.getvalue() + bytes(10))
        archive.writestr("b.npy", bytes(5000))
    with pytest.raises((EOFError, ValueError)):
        loaded(tmp_path / "a.npz", "a")
    with pytest.raises(Damaged, match="too few for"):
        open_npy(tmp_path / "a.npz").children["a"]


@pytest.mark.parametrize(("name", "data", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_array_is_damaged(tmp_path, name, data, reason):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Damaged, match=f"'{name}' {reason}"):
        open_npy(tmp_path / name)


def test_headers_are_parsed_one_at_a_time(tmp_path):
    """Two at once end in a SystemError of CPython 3.11 now and then."""
    np.savez(tmp_path / "a.npz", **{f"a{i}": WIDE[:2] for i in range(20)})

    def look(_):
        return [open_npy(tmp_path / "a.npz").children[f"a{i}"].shape for i in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(24))) == [[(2, 400)] * 20] * 24


def test_a_damaged_archive_raises(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=WIDE)
    content = bytearray(buffer.getvalue())
    content[len(content) // 2] ^= 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises((OSError, ValueError, zipfile.BadZipFile, zipfile.zlib.error)):
        open_npy(tmp_path / "a.npz").children["a"].read((slice(0, 300), slice(0, 400)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_slice_reads_little_more_than_itself(tmp_path, order):
    big = np.asarray(np.arange(4000 * 1000, dtype="<f8").reshape(4000, 1000), order=order)
    np.save(tmp_path / "big.npy", big)
    with reading() as nbytes:
        block = open_npy(tmp_path / "big.npy").read((slice(2000, 2064), slice(500, 564)))
        assert nbytes() < 300_000
    assert (block == big[2000:2064, 500:564]).all()


def test_a_compressed_array_is_decompressed_once(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=WIDE)
    node = open_npy(tmp_path / "a.npz", Resources.of(Sizes(decoded=10**9))).children["a"]
    node.read((slice(0, 1), slice(0, 1)))
    with reading() as nbytes:
        node.read((slice(5, 9), slice(0, 400)))
        assert nbytes() == 0


def test_a_header_that_is_too_large_raises(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\3\0" + (2**31).to_bytes(4, "little"))
    with pytest.raises(Damaged, match="a header of 2147483648 bytes"):
        open_npy(tmp_path / "a.npy")


def test_a_header_nested_too_deep_is_damage(tmp_path):
    """CPython's parser raises MemoryError for it, which is no fault of the system's."""
    header = b"-" * 20_000 + b"1"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x03\x00" + len(header).to_bytes(4, "little") + header)
    with pytest.raises(Damaged, match="cannot be read as an NPY array"):
        open_npy(tmp_path / "a.npy")
