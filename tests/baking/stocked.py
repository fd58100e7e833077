"""A folder of files, what was baked from it, and what a server sends of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np
import pandas as pd
import xarray
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

import tiled_zarr
from asgi import ask
from tiled_zarr.app import create_app
from tiled_zarr.revisions import file_revision
from tiled_zarr.settings import from_environment
from tiled_zarr.testing.readback import Format, chunk_keys
from tiled_zarr.tree import plant

CUBE = np.random.default_rng(1).integers(0, 900, (12, 150, 130)).astype("<i4")
CHUNKS = (5, 60, 70)
TEXTS = ["a", "ü", "", "longer than the others"] * 3000
RECORDS = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", "<f8")])
SCAN = np.random.default_rng(2).integers(0, 4000, (700, 600)).astype("u2")
FRAME = pd.DataFrame({"x": np.arange(3000) / 7, "name": ["one", "two", "three"] * 1000})
WEATHER = xarray.Dataset(
    {
        "temperature": (("time", "y", "x"), np.where(np.random.default_rng(3).random((12, 90, 80)) < 0.1, np.nan, 4.5).astype("f4")),
        "wet": (("time",), np.arange(12) % 3 == 0),
    },
    coords={"time": pd.date_range("2026-01-01", periods=12), "y": np.arange(90.0), "x": np.arange(80.0)},
    attrs={"title": "weather"},
)


def write_run(path: Path, cube: np.ndarray = CUBE, moment: int = 1) -> Path:
    """An HDF5 file of many types, whose time says which version it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with h5py.File(path, "w") as made:
        made.attrs["operator"] = "somebody"
        made.create_dataset("entry/cube", data=cube, chunks=CHUNKS, compression="lzf")
        made["entry/cube"].attrs["units"] = "counts"
        made["entry/other"] = cube[::-1, ::-1]
        made.create_dataset("entry/texts", data=np.array(TEXTS, object), dtype=h5py.string_dtype(), chunks=(1000,))
        made["records"], made["pi"], made["none"] = RECORDS, 3.14, np.zeros((0, 3))
        made["big"] = np.arange(100, dtype=">i8")
    os.utime(path, ns=(10**18 + moment, 10**18 + moment))
    return path


def write_all(folder: Path) -> Path:
    """A folder of files."""
    write_run(folder / "in" / "run.h5")
    np.save(folder / "in" / "scan.npy", SCAN)
    FRAME.to_csv(folder / "table.csv", index=False)
    FRAME.to_parquet(folder / "frame.parquet")
    WEATHER.to_netcdf(folder / "weather.nc", engine="h5netcdf")
    return folder


def app_of(data: Path, baked: Path | None = None, **options: str) -> Any:
    """The application over a folder."""
    given = {"public": "1", **options, **({} if baked is None else {"baked": str(baked)})}
    settings = from_environment({}, given, {"DIRECTORY": str(data)})
    tree = plant(settings)
    return create_app(tree.root, settings, tree.tasks, tree.resources)


def body(app: Any, path: str) -> bytes:
    answer = ask(app, path)
    assert answer.status == 200, (path, answer.status, answer.body)
    return answer.body


def sent(app: Any, path: str, version: Format) -> dict[str, bytes]:
    """All that is sent of a group or an array, by key."""
    base = f"/zarr/v{version}/{path}/".replace("//", "/")
    found = documents(app, base)
    for below, document in arrays(found):
        found |= {f"{below}{name}": one for name, one in documents(app, base + below).items()}
        found |= {key: body(app, base + key) for key in (f"{below}{key}" for key in chunk_keys(document))}
    return found


def documents(app: Any, base: str) -> dict[str, bytes]:
    """The documents of a node by name."""
    answers = {name: ask(app, base + name) for name in ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")}
    return {name: answer.body for name, answer in answers.items() if answer.status == 200}


def arrays(found: dict[str, bytes]) -> list[tuple[str, Any]]:
    """The documents of all arrays by their paths with a slash, out of those of a group or an array."""
    if ".zmetadata" in found:
        members = json.loads(found[".zmetadata"])["metadata"]
        return [(key.removesuffix(".zarray"), document) for key, document in members.items() if key.endswith(".zarray")]
    if ".zarray" in found:
        return [("", json.loads(found[".zarray"]))]
    root = json.loads(found["zarr.json"])
    members = root.get("consolidated_metadata", {}).get("metadata", {"": root})
    return [(f"{path}/".lstrip("/"), document) for path, document in members.items() if document["node_type"] == "array"]


def store(keys: dict[str, bytes]) -> MemoryStore:
    """A store of zarr-python with these keys."""
    return MemoryStore({key: default_buffer_prototype().buffer.from_bytes(one) for key, one in keys.items()})


def read(app: Any, path: str, version: Format = 3) -> np.ndarray:
    """The items of an array, as zarr-python decodes what is sent."""
    values: np.ndarray = zarr.open_array(store(sent(app, path, version)), mode="r", zarr_format=version)[...]
    return values


def swap(array: Path, values: Any) -> None:
    """Give an array in a store other values, and leave its documents: they show where items come from."""
    documents = [path for name in ("zarr.json", ".zarray", ".zattrs") if (path := array / name).exists()]
    before = [file_revision(path) for path in documents]
    zarr.open_array(array, mode="r+")[...] = values
    assert [file_revision(path) for path in documents] == before


def bake(folder: Path, target: str, inner: str = "", **options: Any) -> Path:
    """A store of the file, or of a node in it: a copy of one that was baked once."""
    data = (folder / "data").resolve()
    made = data.parent / quote(f"{inner} {options}", "")
    if not made.exists():
        tiled_zarr.bake(f"{data / 'in' / 'run.h5'}{inner}", made, **options)
    shutil.copytree(made, folder / "baked" / target)
    return folder / "baked" / target


def change(store: Path, **values: Any) -> None:
    """Let the document of a store or an array say something else of what it was baked from."""
    document = json.loads((store / "zarr.json").read_text())
    document["attributes"]["tiled_zarr"]["baked"].update(values)
    (store / "zarr.json").write_text(json.dumps(document))
