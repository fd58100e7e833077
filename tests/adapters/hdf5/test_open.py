import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.nodes import Damaged, Group, Unavailable
from tiled_zarr.testing import ARRAYS, ReaderContract, check_rewritten, check_truncated, reading, whole

WIDE = np.arange(300 * 400, dtype="<i4").reshape(300, 400)
PLAIN = {name: array for name, array in sorted(ARRAYS.items()) if array.dtype.kind in "biufcS"}
RECORD = np.array(
    [(b"Rex", 9, 81.0, [1, 2]), (b"Fido", 3, 27.5, [3, 4])], [("name", "S10"), ("age", "<i4"), ("weight", ">f4"), ("place", "i2", (2,))]
)
ALIGNED = np.array([(True, 2.5), (False, -1)], np.dtype([("flag", "?"), ("size", "<f8")], align=True))
TEXTS = np.array([["", "ä"], ["日本", "longer than the others"]], object)


def made(fill: Callable[[h5py.File], None], truth):
    """A file that a function fills, and what is in it."""

    def case(folder: Path):
        with h5py.File(folder / "a.h5", "w") as file:
            fill(file)
        return open_hdf5(folder / "a.h5"), truth

    return case


def dataset(array, **options):
    return made(lambda file: file.create_dataset("x", data=array, **options), {"x": array})


def strings(file: h5py.File) -> None:
    file["objects"] = TEXTS
    file.create_dataset("ascii", data=[b"a", "ä".encode()], dtype=h5py.string_dtype("ascii"))
    file.create_dataset("never_written", shape=(3,), dtype=h5py.string_dtype())
    file["scalar"] = "naïve"
    file["fixed"] = np.array([b"abc", b"d"], "S5")
    file.create_dataset("fixed_utf8", data=np.array(["ä".encode()], h5py.string_dtype("utf-8", 4)))


STRINGS = {
    "ascii": np.array(["a", "ä"], object),
    "fixed": np.array([b"abc", b"d"], "S5"),
    "fixed_utf8": np.array(["ä".encode()], "S4"),
    "never_written": np.array(["", "", ""], object),
    "objects": TEXTS,
    "scalar": np.array("naïve", object),
}


def tree(file: h5py.File) -> None:
    file["a/b/x"] = WIDE
    file["a/other name"] = np.float32(2.5)
    file.create_group("empty")
    file["soft"] = h5py.SoftLink("/a/b")
    file["hard"] = file["a/b/x"]


TREE = {"a": {"b": {"x": WIDE}, "other name": np.array(2.5, "f4")}, "empty": {}, "hard": WIDE, "soft": {"x": WIDE}}


def special(file: h5py.File) -> None:
    file.create_dataset("enum", data=[0, 1, 1], dtype=h5py.enum_dtype({"OFF": 0, "ON": 1}, "i1"))
    file.create_dataset("inner", shape=(4,), dtype=np.dtype(("<i4", (2, 3))))[...] = np.arange(24).reshape(4, 2, 3)
    file["times"] = np.array(["2026-11-23"], "M8[ns]").astype(h5py.opaque_dtype("M8[ns]"))
    file["opaque"] = np.void(b"123")


SPECIAL = {
    "enum": np.array([0, 1, 1], "i1"),
    "inner": np.arange(24, dtype="<i4").reshape(4, 2, 3),
    "opaque": np.frombuffer(b"123", "u1"),
    "times": np.array(["2026-11-23"], "M8[ns]"),
}


def external(folder: Path):
    with h5py.File(folder / "data.h5", "w") as file:
        file["entry/x"] = WIDE
    return made(lambda file: file.__setitem__("link", h5py.ExternalLink("data.h5", "/entry")), {"link": {"x": WIDE}})(folder)


def virtual(folder: Path):
    layout = h5py.VirtualLayout((3, 300, 400), "<i4")
    for i in range(2):
        with h5py.File(folder / f"part{i}.h5", "w") as file:
            file["x"] = WIDE + i
        layout[i] = h5py.VirtualSource(f"part{i}.h5", "x", (300, 400))
    layout[2] = h5py.VirtualSource(".", "own", (300, 400))
    with h5py.File(folder / "a.h5", "w") as file:
        file["own"] = WIDE
        file.create_virtual_dataset("v", layout)
    return open_hdf5(folder / "a.h5"), {"own": WIDE, "v": np.stack([WIDE, WIDE + 1, WIDE])}


CASES = {
    "plain": made(lambda file: [file.create_dataset(name, data=array) for name, array in PLAIN.items()], PLAIN),
    "record": dataset(RECORD),
    "aligned_record": dataset(ALIGNED),
    "chunked": dataset(WIDE, chunks=(64, 50)),
    "gzip": dataset(WIDE, chunks=(64, 50), compression="gzip", shuffle=True, fletcher32=True),
    "blosc": dataset(WIDE, chunks=(64, 50), **hdf5plugin.Blosc()),
    "zstd": dataset(WIDE, chunks=(64, 50), **hdf5plugin.Zstd()),
    "strings": made(strings, STRINGS),
    "tree": made(tree, TREE),
    "special": made(special, SPECIAL),
    "external": external,
    "virtual": virtual,
}


class TestHdf5(ReaderContract, cases=CASES): ...


def write(path: Path, data) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=data, chunks=(2, 5))


def open_x(path: Path):
    return open_hdf5(path).children["x"]


def test_a_rewritten_file(tmp_path):
    check_rewritten(tmp_path / "a.h5", open_x, write)


def test_a_truncated_file(tmp_path):
    write(tmp_path / "a.h5", WIDE[:20])
    check_truncated(tmp_path / "a.h5", open_x, WIDE[:20])


def test_a_damaged_chunk_raises(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        x = file.create_dataset("x", data=WIDE, chunks=(64, 50), compression="gzip")
        place = x.id.get_chunk_info(0)
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    (tmp_path / "a.h5").write_bytes(content)
    node = open_x(tmp_path / "a.h5")
    with pytest.raises(OSError, match=r"/x cannot be decoded: chunk \[0, 0\]: deflate: \d+ bytes are no zlib stream"):
        whole(node)
    assert (node.read((slice(64, 128), slice(0, 400))) == WIDE[64:128]).all()


def _virtual(file: h5py.File, source: str) -> None:
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource(source, "x", (4,))
    file.create_virtual_dataset("x", layout)


UNAVAILABLE = {
    "empty": (lambda file: file.__setitem__("x", h5py.Empty("f4")), "has no shape"),
    "ragged": (lambda file: file.create_dataset("x", (2,), h5py.vlen_dtype("i4")), "various lengths"),
    "references": (lambda file: file.create_dataset("x", (2,), h5py.ref_dtype), "references"),
    "loose_record": (lambda file: file.create_dataset("x", (2,), [("a", h5py.ref_dtype), ("b", h5py.vlen_dtype("i4"))]), "a: references"),
    "type": (lambda file: file.__setitem__("x", np.dtype("i4")), "data type"),
    "itself": (lambda file: file.__setitem__("x", file["/"]), "a cycle"),
    "soft_cycle": (lambda file: file.__setitem__("x", h5py.SoftLink("/")), "a cycle"),
}


@pytest.mark.parametrize(("fill", "reason"), UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
def test_what_is_no_array(tmp_path, fill, reason):
    node, _ = made(lambda file: (fill(file), file.__setitem__("good", 1)), None)(tmp_path)
    assert set(node.children) == {"x", "good"}
    with pytest.raises(Unavailable, match=reason):
        node.children["x"]
    assert node.children["good"].read(()) == 1


OUTSIDE = {
    "external": lambda file: file.__setitem__("x", h5py.ExternalLink("../b.h5", "/")),
    "absolute": lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")),
    "virtual": lambda file: _virtual(file, "/etc/part.h5"),
    "raw": lambda file: file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)]),
}


@pytest.mark.parametrize("fill", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_nothing_outside_of_the_folder_is_opened(tmp_path, fill):
    node, _ = made(lambda file: (fill(file), file.__setitem__("good", 1)), None)(tmp_path)
    with pytest.raises(Damaged, match="outside of the folder that is served"):
        node.children["x"]
    assert node.children["good"].read(()) == 1


BROKEN = {
    "soft": lambda file: file.__setitem__("x", h5py.SoftLink("/gone")),
    "external": lambda file: file.__setitem__("x", h5py.ExternalLink("gone.h5", "/")),
    "virtual": lambda file: _virtual(file, "gone.h5"),
}


@pytest.mark.parametrize("fill", BROKEN.values(), ids=BROKEN.keys())
def test_a_link_to_nothing_fails_and_leaves_its_group(tmp_path, fill):
    node, _ = made(fill, None)(tmp_path)
    assert list(node.children) == ["x"]
    with pytest.raises(OSError, match=r"gone|nowhere"):
        node.children["x"]


def test_a_virtual_dataset_whose_source_lacks_its_data(tmp_path):
    write(tmp_path / "part.h5", WIDE)
    layout = h5py.VirtualLayout((300, 400), "i4")
    layout[...] = h5py.VirtualSource("part.h5", "y", (300, 400))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    with pytest.raises(OSError, match="has no 'y'"):
        open_x(tmp_path / "a.h5")


def test_a_virtual_dataset_changes_with_its_sources(tmp_path):
    node, _ = virtual(tmp_path)
    child = node.children["v"]
    before = child.revision()
    whole(child)
    write(tmp_path / "new.h5", WIDE[::-1])
    shutil.copyfile(tmp_path / "new.h5", tmp_path / "part1.h5")
    assert child.revision() != before
    with pytest.raises(OSError, match=r"'part1\.h5' changed"):
        whole(child)
    assert (whole(open_hdf5(tmp_path / "a.h5").children["v"])[1] == WIDE[::-1]).all()
    (tmp_path / "part1.h5").unlink()
    with pytest.raises(FileNotFoundError):
        whole(child)


def test_a_cycle_over_two_files_ends(tmp_path):
    for name, other in (("a.h5", "b.h5"), ("b.h5", "a.h5")):
        with h5py.File(tmp_path / name, "w") as file:
            file["other"] = h5py.ExternalLink(other, "/")
    other = open_hdf5(tmp_path / "a.h5").children["other"]
    assert isinstance(other, Group)
    with pytest.raises(Unavailable, match="a cycle"):
        other.children["other"]


def test_attributes(tmp_path):
    def fill(file):
        file.attrs.update({"title": "naïve", "list": ["a", "b"], "n": 3, "nothing": h5py.Empty("f8")})
        file["x"] = WIDE
        file["x"].attrs.update({"unit": "counts", "own": file["x"].ref})
        file.create_dataset("enum", data=[0], dtype=h5py.enum_dtype({"OFF": 0}, "i1"))

    node, _ = made(fill, None)(tmp_path)
    assert {**node.attributes, "list": list(node.attributes["list"])} == {"title": "naïve", "list": ["a", "b"], "n": 3, "nothing": None}
    left_out = {"own": "references to other objects, which JSON has no form for"}
    assert node.children["x"].attributes == {"unit": "counts", "tiled_zarr": {"left_out": left_out}}
    assert node.children["enum"].attributes == {"tiled_zarr": {"enum": {"OFF": 0}}}


def test_dimension_names(tmp_path):
    def fill(file):
        file["temperature"] = WIDE
        file["lat"] = np.arange(300.0)
        file["lat"].make_scale("latitude")
        file["temperature"].dims[0].attach_scale(file["lat"])
        file["temperature"].dims[1].label = "lon"
        file["plain"] = WIDE
        file["gone"] = np.arange(4)
        file["gone"].make_scale("This is a netCDF dimension but not a netCDF variable.         4")

    node, _ = made(fill, None)(tmp_path)
    assert node.children["temperature"].dimension_names == ("lat", "lon")
    assert node.children["temperature"].attributes == {}
    assert node.children["lat"].dimension_names == ("lat",)
    assert node.children["lat"].attributes == {}
    assert node.children["plain"].dimension_names == (None, None)
    with pytest.raises(Unavailable, match="NetCDF dimension"):
        node.children["gone"]


def test_chunks(tmp_path):
    node, _ = dataset(WIDE, chunks=(64, 50))(tmp_path)
    assert node.children["x"].chunks == (64, 50)


def test_a_region_reads_its_chunks_alone(tmp_path):
    noise = np.random.default_rng(0).random((1000, 1000))
    node, _ = dataset(noise, chunks=(100, 100), compression="gzip")(tmp_path)
    child = node.children["x"]
    child.read((slice(0, 1), slice(0, 1)))
    with reading() as nbytes:
        assert (child.read((slice(500, 600), slice(300, 400))) == noise[500:600, 300:400]).all()
        assert nbytes() < 150_000
    child.read((slice(510, 520), slice(310, 320)))
    with reading() as nbytes:
        child.read((slice(520, 530), slice(310, 320)))
        assert nbytes() == 0


def test_more_files_than_are_kept_open(tmp_path):
    nodes = []
    for i in range(40):
        write(tmp_path / f"{i}.h5", WIDE[i : i + 2])
        nodes.append(open_x(tmp_path / f"{i}.h5"))
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(whole, nodes * 3))
    assert all((block == WIDE[i % 40 : i % 40 + 2]).all() for i, block in enumerate(blocks))


@pytest.mark.slow
def test_a_writer_in_another_process_is_not_kept_out(tmp_path):
    write(tmp_path / "a.h5", WIDE)
    whole(open_x(tmp_path / "a.h5"))
    code = "import h5py, sys; h5py.File(sys.argv[1], 'a')['x'][0, 0] = 99"
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], check=True)
    assert whole(open_x(tmp_path / "a.h5"))[0, 0] == 99


def test_a_file_of_other_format(tmp_path):
    (tmp_path / "a.h5").write_text("no hierarchy")
    with pytest.raises(Damaged, match=r"'a\.h5' cannot be read as an HDF5 file: it is truncated, damaged or something else"):
        open_hdf5(tmp_path / "a.h5")


def test_types_that_numpy_lacks_are_left_out(tmp_path):
    def fill(file):
        h5py.h5d.create(file.id, b"x", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((2,)))
        h5py.h5a.create(file.id, b"when", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR))
        file.attrs["pair"] = np.array((1, file.ref), [("n", "i4"), ("to", h5py.ref_dtype)])
        file.attrs["unit"] = "m"

    node, _ = made(fill, None)(tmp_path)
    assert node.attributes["unit"] == "m"
    assert set(node.attributes) == {"unit", "tiled_zarr"}
    assert set(node.attributes["tiled_zarr"]["left_out"]) == {"when", "pair"}
    with pytest.raises(Unavailable, match="numpy has no equivalent"):
        node.children["x"]


def test_a_dimension_scale_that_was_deleted(tmp_path):
    def fill(file):
        file["x"], file["lat"] = WIDE, np.arange(300.0)
        file["lat"].make_scale("lat")
        file["x"].dims[0].attach_scale(file["lat"])
        del file["lat"]

    assert made(fill, None)(tmp_path)[0].children["x"].dimension_names == (None, None)


def test_an_optional_filter_that_is_not_installed(tmp_path):
    """What was written without it is read, what went through it names it."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((2,))
        created.set_filter(300, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((4,)), created)
        file["x"][:2] = [1, 2]
        file["x"].id.write_direct_chunk((2,), b"filtered", filter_mask=0)
    assert open_x(path).read((slice(0, 2),)).tolist() == [1, 2]
    with pytest.raises(Damaged, match="the HDF5 filter 300 is not installed; it is none of hdf5plugin's"):
        whole(open_x(path))
    content = path.read_bytes()
    # number, length of its name, flags: optional
    at = content.index(struct.pack("<HHH", 300, 0, 1))
    path.write_bytes(content[: at + 4] + b"\0" + content[at + 5 :])
    with pytest.raises(Damaged, match="the HDF5 filter 300 is not installed"):
        open_x(path)


@pytest.mark.parametrize(
    ("mask", "opens"), [(0b01, True), (0b10, False), (0b00, False)], ids=["it alone skipped", "the other skipped", "none"]
)
def test_an_optional_filter_that_the_first_chunk_went_through(tmp_path, mask, opens):
    """PyTables writes LZO so: its group names the dataset, whose every chunk would fail."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((2,))
        created.set_filter(300, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        created.set_fletcher32()
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((4,)), created)
        h5py.h5d.create(file.id, b"unwritten", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((4,)), created)
        file["x"].id.write_direct_chunk((0,), bytes(12), filter_mask=mask)
    node = open_hdf5(path)
    assert whole(node.children["unwritten"]).tolist() == [0, 0, 0, 0]
    if opens:
        assert node.children["x"].shape == (4,)
    else:
        with pytest.raises(Damaged, match="the HDF5 filter 300 is not installed"):
            node.children["x"]
