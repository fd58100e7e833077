import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from adapters.contract import ARRAYS
from adapters.files import FileContract, check_rewritten, check_truncated, reading
from tiled_zarr.adapters import _decoded
from tiled_zarr.adapters.npy import open_npy
from tiled_zarr.nodes import Unavailable

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
    FileContract, cases={name: saved(array) for name, array in PLAIN.items()} | {"wide": saved(WIDE), "wide_f": saved(WIDE.T)}
): ...


class TestNpz(FileContract, cases={"stored": archived(np.savez), "compressed": archived(np.savez_compressed)}): ...


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


def test_a_compressed_array_is_decompressed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(_decoded.DECODED, "max_bytes", 10**9)
    np.savez_compressed(tmp_path / "a.npz", a=WIDE)
    node = open_npy(tmp_path / "a.npz").children["a"]
    node.read((slice(0, 1), slice(0, 1)))
    with reading() as nbytes:
        node.read((slice(5, 9), slice(0, 400)))
        assert nbytes() == 0


def test_a_header_that_is_too_large_raises(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\3\0" + (2**31).to_bytes(4, "little"))
    with pytest.raises(ValueError, match="a header of 2147483648 bytes"):
        open_npy(tmp_path / "a.npy")
