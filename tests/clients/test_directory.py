"""A folder of real files, served by `tiled-zarr serve directory`, is read back right.

The right values are those of each format's own reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import skimage.data
import tifffile
import zarr
from PIL import Image

from live import Live, live

PHOTO = skimage.data.astronaut()
GREY = skimage.data.camera()
RECORDS = np.array([("Rex", 9, 81.0), ("Fido", 3, 27.5)], [("name", "S10"), ("age", "i4"), ("weight", "f4")])
FIELDS = np.zeros(300, [("id", "i4"), ("place", "f8", 3), ("inner", [("mean", ">f4"), ("flags", "?", 2)])])
FIELDS["place"], FIELDS["inner"]["mean"] = np.arange(900).reshape(300, 3), np.linspace(0, 1, 300)
WORDS = ["", "naïve", "日本", "longer than all the others"]
FRAME = pd.DataFrame(
    {
        "count": np.arange(1000, dtype="i4"),
        "height": np.linspace(-1, 1, 1000),
        "is_odd": np.arange(1000) % 2 == 1,
        "when": pd.date_range("2026-11-23", periods=1000, freq="h").astype("datetime64[ns]"),
        "word": [WORDS[i % len(WORDS)] for i in range(1000)],
    },
    index=pd.Index(np.arange(1000) ** 2, name="row"),
)
ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "photo": PHOTO,
    "pictures/grey": GREY,
    "pictures/pages": np.stack([GREY, GREY[::-1]]),
    "plain": np.arange(24, dtype=">i4").reshape(4, 6),
    "measured/gzip": GREY,
    "measured/contiguous": np.linspace(0, 1, 5000).reshape(50, 100),
    "measured/records": RECORDS,
    **{
        f"{folder}/{path}": values
        for folder in ("measured/fields", "fields")
        for path, values in {
            **{name: FIELDS[name] for name in ("id", "place")},
            **{f"inner/{name}": FIELDS["inner"][name] for name in ("mean", "flags")},
        }.items()
    },
    "measured/title": np.array("naïve", object),
    "measured/strings": np.array(WORDS, object),
    "measured/inner/scalar": np.array(3.5),
    "table/row": FRAME.index.to_numpy(),
    **{f"table/{name}": FRAME[name].to_numpy() for name in ("count", "height", "is_odd", "when")},
    "table/word": FRAME["word"].to_numpy(object),
    "store/deep/values": np.arange(300, dtype="f4").reshape(3, 100),
}
"""By path what is to be read."""


def write(folder: Path) -> None:
    (folder / "pictures").mkdir()
    tifffile.imwrite(folder / "photo.tif", PHOTO, tile=(128, 128), photometric="rgb", compression="zlib")
    Image.fromarray(GREY).save(folder / "pictures" / "grey.png")
    tifffile.imwrite(folder / "pictures" / "pages.tif", np.stack([GREY, GREY[::-1]]), photometric="minisblack")
    np.save(folder / "plain.npy", ARRAYS["plain"])
    np.save(folder / "fields.npy", FIELDS)
    FRAME.to_parquet(folder / "table.parquet")
    zarr.open_group(folder / "store.zarr", mode="w").create_group("deep", attributes={"who": "me"}).create_array(
        "values", data=ARRAYS["store/deep/values"], chunks=(2, 30)
    )
    with h5py.File(folder / "measured.h5", "w") as file:
        file.attrs["operator"] = "me"
        file.create_dataset("gzip", data=GREY, chunks=(100, 100), compression="gzip", shuffle=True)
        file["contiguous"] = ARRAYS["measured/contiguous"]
        file["records"] = RECORDS
        file["fields"] = FIELDS
        file["title"] = "naïve"
        file["strings"] = np.array(WORDS, h5py.string_dtype())
        file.create_group("inner")["scalar"] = 3.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("directory")
    write(folder)
    with live("directory", folder, "--public") as running:
        yield running


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def root(server: Live, request: pytest.FixtureRequest) -> zarr.Group:
    return zarr.open_group(f"{server.url}/zarr/v{request.param}", mode="r", zarr_format=request.param)


@pytest.mark.parametrize("path", ARRAYS)
def test_a_file_is_read_back_equal(root: zarr.Group, path: str) -> None:
    expected, found = ARRAYS[path], root[path]
    assert isinstance(found, zarr.Array)
    if expected.dtype.kind != "O":
        assert found.dtype == expected.dtype.newbyteorder("<")
    np.testing.assert_array_equal(np.asarray(found[...], dtype=expected.dtype), expected)


def test_every_file_is_listed(root: zarr.Group) -> None:
    paths = {path for path, node in root.members(max_depth=None) if isinstance(node, zarr.Array)}
    assert paths == set(ARRAYS)


@pytest.mark.parametrize(("path", "name"), [("measured", "operator"), ("store/deep", "who")])
def test_attributes_come_along(root: zarr.Group, path: str, name: str) -> None:
    assert root[path].attrs[name] == "me"
