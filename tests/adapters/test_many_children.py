"""Sources with more children than were once kept: each is opened once, whoever asks how often.

The tests count what is done, and take no time.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr

from tiled_zarr import Array
from tiled_zarr.adapters.registry import adapt, open_file
from tiled_zarr.adapters.tables.parquet import Nulls
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Document, KeySpace
from tiled_zarr.resources import Resources

pytestmark = pytest.mark.unmeasured

MANY = 1100
"""More than the 1,024 children that each group once kept."""
NAMES = [f"a{i:04}" for i in range(MANY)]


def table() -> pa.Table:
    return pa.table({name: np.arange(3) for name in NAMES})


def parquet(folder: Path) -> Path:
    pq.write_table(table(), folder / "a.parquet", row_group_size=1)
    return folder / "a.parquet"


def csv(folder: Path) -> Path:
    (folder / "a.csv").write_text("\n".join([",".join(NAMES), *[",".join(str(i) for i in range(MANY))] * 2]))
    return folder / "a.csv"


def hdf5(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        for name in NAMES:
            file[name] = np.arange(3)
    return folder / "a.h5"


def npz(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", **{name: np.arange(3) for name in NAMES})
    return folder / "a.npz"


def zarr_store(folder: Path) -> Path:
    array = zarr.create_array(str(folder / "one"), shape=(3,), dtype="i4", zarr_format=2)
    document = (folder / "one" / ".zarray").read_bytes()
    assert array.shape == (3,)
    zarr.create_group(str(folder / "a.zarr"), zarr_format=2)
    for name in NAMES:
        (folder / "a.zarr" / name).mkdir()
        (folder / "a.zarr" / name / ".zarray").write_bytes(document)
    return folder / "a.zarr"


SOURCES: dict[str, Callable[[Path], Any]] = {
    "parquet": parquet,
    "csv": csv,
    "hdf5": hdf5,
    "npz": npz,
    "zarr": zarr_store,
    "arrow": lambda _: table(),
    "pandas": lambda _: pd.DataFrame(np.zeros((3, MANY)), columns=NAMES),
    "text in pandas": lambda _: pd.DataFrame({name: ["a", "b"] for name in NAMES}),
    "xarray": lambda _: xr.Dataset({name: ("x", np.arange(3)) for name in NAMES}),
    "mapping": lambda _: {name: np.arange(3) for name in NAMES},
}


@pytest.fixture
def resources() -> Iterator[Resources]:
    made = Resources.of()
    yield made
    made.close()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Array]:
    """The arrays that have been made."""
    arrays: list[Array] = []
    plain = Array.__init__

    def init(self: Array, **fields: Any) -> None:
        arrays.append(self)
        plain(self, **fields)

    monkeypatch.setattr(Array, "__init__", init)
    return arrays


def opened(source: Any, resources: Resources) -> Any:
    return open_file(source, resources=resources) if isinstance(source, Path) else adapt(source, resources=resources)


def body(keys: KeySpace, key: str) -> bytes:
    document = keys.resolve(key)
    assert isinstance(document, Document)
    found = document.body()
    assert found is not None
    return found


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_each_child_is_opened_once_for_all_documents(
    source: Callable[[Path], Any], tmp_path: Path, resources: Resources, made: list[Array]
) -> None:
    node = opened(source(tmp_path), resources)
    made.clear()
    keyspaces = [KeySpace(node, v3, resources=resources), KeySpace(node, v2, resources=resources)]
    assert body(keyspaces[0], "zarr.json").count(b'"shape"') >= MANY
    extra = len(node.children) - MANY  # the index of a data frame
    # renaming the axes of an array from xarray makes it once more
    assert len(made) <= (MANY + extra) * (2 if source is SOURCES["xarray"] else 1)
    made.clear()
    # the name of an axis depends on all arrays of a dataset, so each document looks at all of them
    names = NAMES[::20] if source is SOURCES["xarray"] else NAMES
    for key in (".zmetadata", ".zgroup", ".zattrs", *[f"{name}/.zarray" for name in (*names, *names)]):
        assert body(keyspaces[1], key)
    assert made == []


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch, resources: Resources) -> list[str]:
    """The names that helpers of the HDF5 library have described."""
    names: list[str] = []
    plain = resources.hdf5.header

    def header(path: str, revision: str, name: str, arguments: tuple[Any, ...]) -> Any:
        found = plain(path, revision, name, arguments)
        names.extend(arguments[2][: len(found)] if name == "describe_members" else [arguments[1]])
        return found

    monkeypatch.setattr(type(resources.hdf5), "header", lambda _, *arguments: header(*arguments))
    return names


def test_the_library_describes_each_object_once(tmp_path: Path, resources: Resources, described: list[str]) -> None:
    path = hdf5(tmp_path)
    with h5py.File(path, "a") as file:
        for name in NAMES[::3]:
            del file[name]
            file[name] = h5py.Empty("f4")  # has no form in Zarr
    node = open_file(path, resources=resources)
    for format, key in ((v3, "zarr.json"), (v2, ".zmetadata"), (v2, ".zgroup")):  # noqa: A001 - the spec's word
        keys = KeySpace(node, format, resources=resources)
        assert b"an empty dataset" in body(keys, key if key != ".zgroup" else ".zattrs")
    assert sorted(described) == sorted(["/", *NAMES])


def test_a_virtual_dataset_without_a_form_is_asked_again(tmp_path: Path, resources: Resources, described: list[str]) -> None:
    """The reason lies in another file, which may change."""
    (tmp_path / "raw.bin").write_bytes(bytes(12))
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file.create_dataset("x", (3,), "i4", external=[("raw.bin", 0, 12)])
    layout = h5py.VirtualLayout((3,), "i4")
    layout[...] = h5py.VirtualSource("part.h5", "x", (3,))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("v", layout)
    keys = KeySpace(open_file(tmp_path / "a.h5", resources=resources), v3, resources=resources)
    assert b"lie in raw files" in body(keys, "zarr.json")
    (tmp_path / "part.h5").unlink()
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["x"] = np.arange(3, dtype="i4")
    assert keys.resolve("v/zarr.json") is not None
    assert described == ["/", "v", "v"]


def test_the_directory_of_an_archive_is_read_once(tmp_path: Path, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz(tmp_path)
    read: list[object] = []
    plain = zipfile.ZipFile._RealGetContents  # type: ignore[attr-defined] # the step that parses the directory

    def counted(self: zipfile.ZipFile) -> None:
        read.append(self)
        plain(self)

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", counted)
    keys = KeySpace(open_file(path, resources=resources), v3, resources=resources)
    body(keys, "zarr.json")
    array = keys.places.root.group
    assert array is not None
    assert isinstance(one := array.children[NAMES[7]], Array)
    assert (one.read((slice(0, 3),)) == np.arange(3)).all()
    assert len(read) == 1


class Footer:
    """A footer that counts the row groups and the columns that are asked for."""

    def __init__(self, metadata: pq.FileMetaData) -> None:
        self.metadata = metadata
        self.num_row_groups = metadata.num_row_groups
        self.groups = 0
        self.columns: list[int] = []

    def row_group(self, number: int) -> Footer.Group:
        self.groups += 1
        return Footer.Group(self, self.metadata.row_group(number))

    class Group:
        def __init__(self, footer: Footer, group: pq.RowGroupMetaData) -> None:
            self.footer = footer
            self.group = group

        def column(self, i: int) -> pq.ColumnChunkMetaData:
            self.footer.columns.append(i)
            return self.group.column(i)


def some_nulls(folder: Path) -> tuple[Footer, list[bool]]:
    """A footer of 3 row groups, and for each column whether it has nulls."""
    have = [i % 7 == 3 for i in range(200)]
    columns = {f"a{i}": [1, None if has else 2, 3] for i, has in enumerate(have)}
    pq.write_table(pa.table(columns), folder / "a.parquet", row_group_size=1)
    return Footer(pq.read_metadata(folder / "a.parquet")), have


@pytest.mark.parametrize("step", [1, 3, 50])
def test_a_footer_is_passed_over_few_times(tmp_path: Path, step: int) -> None:
    footer, have = some_nulls(tmp_path)
    nulls = Nulls(footer, [[i] for i in range(200)])  # type: ignore[arg-type] # what is used of it
    assert [nulls.may_be_in(i) for i in range(0, 200, step)] == have[::step]
    assert footer.groups <= 3 * 8  # 2 + 4 + ... + 128 columns, and the rest
    assert len(footer.columns) <= 3 * 200
    seen = footer.groups
    assert [nulls.may_be_in(i) for i in range(0, 200, step)] == have[::step]
    assert footer.groups == seen


def test_a_column_asked_for_alone_is_read_alone(tmp_path: Path) -> None:
    footer, have = some_nulls(tmp_path)
    nulls = Nulls(footer, [[i] for i in range(200)])  # type: ignore[arg-type] # what is used of it
    assert nulls.may_be_in(198) == have[198]
    assert footer.columns == [198] * 3
    assert [nulls.may_be_in(i) for i in range(197, -1, -1)] == have[197::-1]
    assert len(footer.columns) <= 3 * 200
