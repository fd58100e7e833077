import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr

from rights import unprivileged
from tiled_zarr.adapters.common import fences
from tiled_zarr.adapters.zarr.arrays import chunk_shape
from tiled_zarr.adapters.zarr.open import open_zarr
from tiled_zarr.nodes import Damaged, Group, Unavailable
from tiled_zarr.testing import ARRAYS, ReaderContract, reading, whole
from tiled_zarr.testing.files import FEW, MANY

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
WIDE = np.arange(300 * 400, dtype="<i4").reshape(300, 400)
KINDS = (
    "numbers_?",
    "numbers_<i2",
    "numbers_>u8",
    "numbers_<f2",
    "numbers_<c16",
    "empty_axis",
    "five_d",
    "bytes",
    "text_big_endian",
    "times",
)
PLAIN = {name: ARRAYS[name] for name in KINDS}
TEXTS = np.array(["", "ä", "日本"], object)


def hierarchy(version: int):
    """Every type, and the shapes that chunks and groups can have."""

    def case(folder: Path):
        root = zarr.create_group(folder / "a.zarr", zarr_format=version)
        truth = {name: array if version == 2 else array.astype(array.dtype.newbyteorder("<")) for name, array in PLAIN.items()}
        for name, array in truth.items():
            root.create_array(name, data=array, chunks=tuple(max(1, size // 2) for size in array.shape))
        root.create_group("group").create_array("wide", data=WIDE, chunks=(64, 50))
        root.create_array("texts", shape=(3,), chunks=(2,), dtype=str)[:] = TEXTS
        root.create_array("scalar", shape=(), dtype="f8")[...] = 3.5
        root.create_array("unwritten", shape=(4, 5), chunks=(2, 2), dtype="i2", fill_value=7)
        own = {"group": {"wide": WIDE}, "scalar": np.array(3.5), "texts": TEXTS, "unwritten": np.full((4, 5), 7, "i2")}
        return open_zarr(folder / "a.zarr"), dict(sorted({**truth, **own}.items()))

    return case


def sharded(folder: Path):
    zarr.create_array(folder / "a.zarr", data=WIDE, chunks=(50, 50), shards=(100, 200))
    return open_zarr(folder / "a.zarr"), WIDE


class TestZarr(ReaderContract, cases={"v2": hierarchy(2), "v3": hierarchy(3), "sharded": sharded}): ...


def test_chunks_of_shards_are_the_inner_ones(tmp_path):
    assert sharded(tmp_path)[0].chunks == (50, 50)


@pytest.mark.parametrize("version", [2, 3])
def test_names_and_attributes(tmp_path, version):
    names = {"dimension_names": ["y", "x"]} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["y", "x"]}}
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 5), dtype="i2", zarr_format=version, **names)
    array.attrs["unit"] = "counts"
    node = open_zarr(tmp_path / "a.zarr")
    assert node.dimension_names == ("y", "x")
    assert node.attributes == {"unit": "counts"}


def test_big_endian_stays(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=WIDE.astype(">i4"), zarr_format=2)
    assert open_zarr(tmp_path / "a.zarr").dtype == np.dtype(">i4")


def test_nobody_knows_when_a_chunk_is_written(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", data=WIDE, chunks=(64, 50))
    node = open_zarr(tmp_path / "a.zarr")
    assert node.revision() is None
    array[0, 0] = 99
    assert whole(node)[0, 0] == 99


@pytest.mark.parametrize("version", [2, 3])
def test_members_that_change_are_opened_again(tmp_path, version):
    root = zarr.create_group(tmp_path / "a.zarr", zarr_format=version)
    root.create_array("x", data=FEW)
    group = open_zarr(tmp_path / "a.zarr")
    first = group.children["x"]
    assert group.children["x"] is first
    root.create_array("x", data=MANY, overwrite=True)
    assert (whole(group.children["x"]) == MANY).all()
    root.create_array("y", data=FEW)
    assert list(group.children) == ["x", "y"]
    del root["x"]
    assert list(group.children) == ["y"]


def test_other_folders_and_links_are_no_members(tmp_path):
    root = zarr.create_group(tmp_path / "a.zarr")
    root.create_array("x", data=FEW)
    (tmp_path / "a.zarr" / "notes").mkdir()
    zarr.create_array(tmp_path / "elsewhere.zarr", data=FEW)
    (tmp_path / "a.zarr" / "out").symlink_to(tmp_path / "elsewhere.zarr")
    (tmp_path / "a.zarr" / "link").symlink_to("x")
    (tmp_path / "a.zarr" / "circle").symlink_to("circle")
    (tmp_path / "a.zarr" / "gone").symlink_to("nowhere")
    (tmp_path / "a.zarr" / "long").symlink_to("x" * 300)
    (tmp_path / "a.zarr" / "notes link").symlink_to("notes")
    group = open_zarr(tmp_path / "a.zarr")
    assert list(group.children) == ["x"]
    broken = dict.fromkeys(("circle", "gone", "long"), "a link that cannot be followed")
    linked = {"out": fences.OUTSIDE, "link": "a link inside a Zarr group, which is not followed; store the array itself there"}
    assert group.unavailable() == {**broken, **linked}
    for name in ("notes", "link", "out", "circle", "..", ".", "", "x/..", "../elsewhere.zarr"):
        assert name not in group.children
        with pytest.raises(KeyError):
            group.children[name]


@pytest.mark.parametrize("version", [2, 3])
def test_a_group_that_may_not_be_listed(tmp_path, version):
    """Its document can be read; it fails when it is opened, and so for itself alone."""
    zarr.create_group(tmp_path / "a.zarr", zarr_format=version).create_array("x", data=FEW)
    (tmp_path / "a.zarr").chmod(0o111)
    with unprivileged(tmp_path), pytest.raises(PermissionError):
        open_zarr(tmp_path / "a.zarr")


def array_document(**fields) -> str:
    plain = {
        "zarr_format": 2,
        "shape": [2],
        "chunks": [2],
        "dtype": "|u1",
        "order": "C",
        "fill_value": None,
        "compressor": None,
        "filters": None,
    }
    return json.dumps({**plain, **fields})


UNAVAILABLE = {
    "objects": ({"dtype": "|O", "filters": [{"id": "vlen-bytes"}]}, Unavailable, "objects other than text"),
    "pickles_behind_text": ({"dtype": "|O", "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]}, Unavailable, "'pickle' runs"),
    "pickled_objects": ({"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}]}, Unavailable, "'pickle' runs"),
}


@pytest.mark.parametrize(("fields", "error", "reason"), UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
def test_what_is_not_read(tmp_path, fields, error, reason):
    (tmp_path / ".zarray").write_text(array_document(**fields))
    with pytest.raises(error, match=reason):
        open_zarr(tmp_path)


def test_a_chunk_that_is_damaged_raises(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=FEW, chunks=FEW.shape)
    (chunk,) = (path for path in (tmp_path / "a.zarr").rglob("*") if path.is_file() and path.name != "zarr.json")
    chunk.write_bytes(chunk.read_bytes()[:9])
    with pytest.raises(Damaged, match=r"cannot be decoded: it is damaged.*; restore it from a copy"):
        whole(open_zarr(tmp_path / "a.zarr"))


def test_metadata_that_are_damaged_raise(tmp_path):
    root = zarr.create_group(tmp_path / "a.zarr")
    root.create_array("x", data=FEW)
    (tmp_path / "a.zarr" / "x" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "array"}')
    group = open_zarr(tmp_path / "a.zarr")
    assert list(group.children) == ["x"]
    with pytest.raises(Damaged, match=r"the metadata of 'x' cannot be read as Zarr: .*restore them from a copy"):
        group.children["x"]


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no Zarr node"):
        open_zarr(tmp_path)


def test_a_region_reads_its_chunks_alone(tmp_path):
    noise = np.random.default_rng(0).random((1000, 1000))
    zarr.create_array(tmp_path / "a.zarr", data=noise, chunks=(100, 100), compressors=None)
    node = open_zarr(tmp_path / "a.zarr")
    with reading() as nbytes:
        assert (node.read((slice(500, 600), slice(300, 400))) == noise[500:600, 300:400]).all()
        assert nbytes() < 100_000


def test_threads_share_an_array(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=WIDE, chunks=(64, 50))
    node = open_zarr(tmp_path / "a.zarr")
    with ThreadPoolExecutor(16) as pool:
        assert all((block == WIDE).all() for block in pool.map(lambda _: whole(node), range(20)))


class Irregular:
    """An array as newer zarr-python gives it for a grid that is not regular."""

    @property
    def chunks(self):
        raise NotImplementedError


def test_an_irregular_grid_has_no_chunk_shape():
    assert chunk_shape(Irregular()) is None


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [[0, 2], [0, 0]], ids=str)
def test_chunks_that_hold_nothing_are_damage(tmp_path: Path, version: int, chunks: list[int]) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=np.ones((4, 4), "i4"), chunks=(2, 2), zarr_format=version)
    document = tmp_path / "a.zarr" / (".zarray" if version == 2 else "zarr.json")
    metadata = json.loads(document.read_text())
    (metadata if version == 2 else metadata["chunk_grid"]["configuration"])["chunks" if version == 2 else "chunk_shape"] = chunks
    document.write_text(json.dumps(metadata))
    with pytest.raises(Damaged, match="hold nothing of an array of the shape"):
        open_zarr(tmp_path / "a.zarr")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_in_a_group_to_the_outside_tells_nothing(tmp_path: Path, is_there: bool) -> None:
    zarr.open_group(tmp_path / "g.zarr", mode="w")
    if is_there:
        zarr.create_array(tmp_path / "out", data=np.ones(3))
    (tmp_path / "g.zarr" / "link").symlink_to("../out")
    group = open_zarr(tmp_path / "g.zarr")
    assert isinstance(group, Group)
    assert group.unavailable() == {"link": fences.OUTSIDE}


@pytest.mark.parametrize(
    ("shape", "fill", "said"), [((), -999.0, {}), ((2,), -999.0, {}), ((2,), 0.0, {"_FillValue": -999.0})], ids=["scalar", "axis", "both"]
)
def test_the_mark_of_a_v2_array_is_the_one_that_xarray_takes(tmp_path, shape, fill, said):
    """The right value is what xarray makes of the store.

    Scalars have no dimensions, and `fill_value` comes before the attribute.
    """
    values = np.array([-999, 0], "f4")[: np.zeros(shape).size].reshape(shape)
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    names = {"_ARRAY_DIMENSIONS": ["n"] * len(shape)}
    group.create_array("a", shape=shape, dtype="f4", fill_value=fill, attributes={**names, **said})[...] = values
    masked = xarray.open_zarr(tmp_path / "a.zarr", consolidated=False, chunks=None)["a"].isnull()
    assert masked.any()
    mark = open_zarr(tmp_path / "a.zarr" / "a").mark
    np.testing.assert_array_equal(values == mark, masked)
