"""Requests and readers that tell Tiled's own Zarr endpoint and ours apart; each gives its outcome in a few words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import httpx
import numpy as np
import xarray
import zarr
from fsspec.implementations.http import HTTPFileSystem
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.hdf5 import HDF5Adapter
from tiled.adapters.mapping import MapAdapter
from tiled.adapters.xarray import DatasetAdapter
from tiled.utils import ensure_uri
from zarr.storage import FsspecStore

IMAGE = np.arange(1000 * 1000, dtype="u2").reshape(1000, 1000)
BIG_ENDIAN = np.arange(5, dtype=">i4")
DATASET = xarray.Dataset({"t": (("y", "x"), np.arange(6.0).reshape(2, 3))}, {"x": [1, 2, 3]})


def tree(folder: Path) -> MapAdapter:
    with h5py.File(folder / "links.h5", "w") as file:
        file["good"] = np.arange(3)
        file["broken"] = h5py.SoftLink("/nowhere")
    return MapAdapter(
        {
            "image": ArrayAdapter.from_array(IMAGE, chunks=((500, 500), (500, 500)), metadata={"unit": "counts"}),
            "scalar": ArrayAdapter.from_array(np.array(2.5)),
            "big_endian": ArrayAdapter.from_array(BIG_ENDIAN),
            "dataset": DatasetAdapter.from_dataset(DATASET),
            "links": HDF5Adapter.from_uris(ensure_uri(folder / "links.h5")),
        }
    )


@dataclass(frozen=True)
class Server:
    """A server of the tree, and the headers with its key."""

    url: str
    headers: dict[str, str]

    def asked(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return httpx.request(method, f"{self.url}{path}", headers={**self.headers, **headers}, timeout=60)

    def status(self, path: str, method: str = "GET", **headers: str) -> str:
        return str(self.asked(path, method, **headers).status_code)

    def opened(self, path: str) -> Any:
        """A node in zarr-python."""
        return zarr.open(self.store(path), mode="r")

    def store(self, path: str) -> FsspecStore:
        files = HTTPFileSystem(asynchronous=True, client_kwargs={"headers": self.headers})
        return FsspecStore(files, path=f"{self.url}{path}", read_only=True)


Probe = Callable[[Server], str]


def tried(action: Callable[[], Any], expected: Any) -> str:
    """`equal`, `other values`, or the name of what was raised."""
    try:
        got = action()
    except Exception as error:  # noqa: BLE001 - what a reader raises is the outcome
        return type(error).__name__
    return "equal" if np.array_equal(got, expected) else "other values"


def revalidated(server: Server) -> str:
    first = server.asked("/zarr/v3/image/c/0/0")
    return server.status("/zarr/v3/image/c/0/0", **{"If-None-Match": first.headers.get("etag", '"none"')})


def big_endian(version: int) -> Probe:
    return lambda server: tried(lambda: server.opened(f"/zarr/v{version}/big_endian")[...], BIG_ENDIAN)


def dataset(version: int) -> Probe:
    def read(server: Server) -> np.ndarray[Any, Any]:
        return xarray.open_zarr(server.store(f"/zarr/v{version}/dataset"), chunks=None, zarr_format=version)["t"].to_numpy()

    return lambda server: tried(partial(read, server), DATASET["t"].to_numpy())


def consolidated(server: Server) -> str:
    return "yes" if "consolidated_metadata" in server.asked("/zarr/v3/zarr.json").json() else "no"


def attributes(server: Server) -> str:
    said = server.asked("/zarr/v2/image/.zattrs").json()
    return "yes" if said.get("unit") == "counts" else "no"


def dimension_names(server: Server) -> str:
    document = server.asked("/zarr/v3/image/zarr.json").json()
    return "null" if document.get("dimension_names", ()) is None else "names"


PROBES: MappingProxyType[str, Probe] = MappingProxyType(
    {
        "HEAD of a chunk": lambda server: server.status("/zarr/v3/image/c/0/0", "HEAD"),
        "Range: bytes=0-99 of a chunk": lambda server: server.status("/zarr/v3/image/c/0/0", Range="bytes=0-99"),
        "a chunk again, with its ETag": revalidated,
        "a chunk outside the grid": lambda server: server.status("/zarr/v3/image/c/5/5"),
        "a key that is no chunk, c/a/b": lambda server: server.status("/zarr/v3/image/c/a/b"),
        "the chunk of a scalar, c": lambda server: server.status("/zarr/v3/scalar/c"),
        "PROPFIND of a group": lambda server: server.status("/zarr/v3/dataset", "PROPFIND", Depth="1"),
        "all documents in one, .zmetadata": lambda server: server.status("/zarr/v2/.zmetadata"),
        "consolidated metadata in zarr.json": consolidated,
        "metadata of an array in .zattrs": attributes,
        "dimension_names of an array without names": dimension_names,
        "big-endian array, version 2": big_endian(2),
        "big-endian array, version 3": big_endian(3),
        "xarray.open_zarr, version 2": dataset(2),
        "xarray.open_zarr, version 3": dataset(3),
        "an image as OME-NGFF 0.4": lambda server: server.status("/ome-zarr/0.4/image/.zattrs"),
        "names in an HDF5 group with a broken link": lambda server: tried(lambda: sorted(server.opened("/zarr/v3/links").keys()), ["good"]),
    }
)
"""By the words that docs/tiled.md has for it."""
