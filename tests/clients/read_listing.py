"""Lists and copies what a server serves, with clients that trust its listings.

    read_listing.py URL [CHECK...]

Prints, as its last line, what went wrong by check; nothing if all went well.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import fsspec
import numpy as np
import zarr
from zarr.storage import FsspecStore

from clients import listed

warnings.filterwarnings("ignore")
FORMATS = (2, 3)
Check = Callable[[str], None]


def same(group: Any) -> None:
    """Every array that the tree has is in a group, with the same items."""
    for name in listed.NAMES:
        np.testing.assert_array_equal(group[f"names/{name}/x"][...], listed.IMAGE, name)
        np.testing.assert_array_equal(group[f"names/{name}/{name}"][...], listed.STACK, name)


def find_names_every_key(url: str) -> None:
    """A copy of what is found is the tree: with and without consolidated metadata."""
    web = fsspec.filesystem("http")
    for version in FORMATS:
        base = f"{url}/zarr/v{version}"
        found = web.find(base)
        with tempfile.TemporaryDirectory() as folder:
            web.get(found, [folder + path.removeprefix(base) for path in found])
            assert all(Path(folder + path.removeprefix(base)).stat().st_size == web.info(path)["size"] for path in found)
            for use_consolidated in (True, False):
                copy = zarr.open_group(folder, mode="r", zarr_format=version, use_consolidated=use_consolidated)
                same(copy)
                assert {name for name, _ in copy.members(max_depth=None)} == names_of(base, version)
                assert copy["others/scalar"][()] == 3.5
                assert copy["others/empty"].shape == (0, 3)


def names_of(base: str, version: int) -> set[str]:
    return {name for name, _ in zarr.open_group(base, mode="r", zarr_format=version).members(max_depth=None)}


def members_are_those_of_consolidated_metadata(url: str) -> None:
    for version in FORMATS:
        base = f"{url}/zarr/v{version}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loose = zarr.open_group(FsspecStore.from_url(base, read_only=True), mode="r", zarr_format=version, use_consolidated=False)
            assert {name for name, _ in loose.members(max_depth=None)} == names_of(base, version)


def glob_and_get(url: str) -> None:
    web = fsspec.filesystem("http")
    base = f"{url}/zarr/v2/image"
    chunks = [f"{base}/{row}.{column}" for row in range(3) for column in range(3)]
    assert web.glob(f"{base}/[0-9]*") == chunks
    assert web.glob(f"{base}/*") == [f"{base}/.zarray", f"{base}/.zattrs", *chunks]
    assert web.glob(f"{url}/zarr/v3/image/c/*/*") == [f"{url}/zarr/v3/image/c/{row}/{column}" for row in range(3) for column in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        web.get(f"{base}/*", folder)
        np.testing.assert_array_equal(zarr.open_array(folder, mode="r", zarr_format=2)[...], listed.IMAGE)


def caching_file_systems(url: str) -> None:
    for protocol in ("simplecache", "filecache", "blockcache"):
        with tempfile.TemporaryDirectory() as folder:
            cached = fsspec.filesystem(protocol, target_protocol="http", cache_storage=folder)
            keys = cached.find(f"{url}/zarr/v2/image")
            assert len(keys) == 11, protocol
            for key in keys:
                with cached.open(key) as file, fsspec.open(key) as plain:
                    assert file.read() == plain.read(), key


def kerchunk_single_zarr(url: str) -> None:
    from kerchunk.zarr import single_zarr

    references = single_zarr(f"{url}/zarr/v2")
    found = references.get("refs", references)
    assert len(fsspec.filesystem("http").find(f"{url}/zarr/v2")) == len(found)
    web = fsspec.filesystem("reference", fo=references, remote_protocol="http", remote_options={"asynchronous": True}, asynchronous=True)
    same(zarr.open_group(FsspecStore(web, read_only=True, path=""), mode="r", zarr_format=2, use_consolidated=False))


def parted(url: str) -> tuple[str, str]:
    """The origin of an address, and its path, without a slash before it and with one after it.

    obstore lists below an origin alone: below an address with a path it names the path twice.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path}/".lstrip("/")


def gdal_opens_groups(url: str) -> None:
    """GDAL 3.12 takes a v3 group's children only from a page whose title it expects."""
    import rasterio

    assert rasterio.__gdal_version__ >= "3.12"
    for version in FORMATS:
        for group in ("names/plain", "names/größe", f"names/{quote('größe')}", "names/a:b", "names/R&D", "names"):
            address = f'ZARR:"/vsicurl/{url}/zarr/v{version}/{group}"'
            with rasterio.open(address) as opened:
                found = [unquote(name.rpartition(":/")[2]) for name in opened.subdatasets if name.endswith("/x")]
            # GDAL's curl refuses addresses with spaces, and GDAL takes that for absence:
            # it leaves v3 arrays out, and reads v2 chunks as zeros.
            expected = [name for name in listed.NAMES if version == 2 or " " not in name] if group == "names" else ["x"]
            assert len(found) == len(expected), (group, found)
            # GDAL ends the address of a group at a colon
            for name in (name for name in found if not set(name) & set(" :")):
                with rasterio.open(f"{address}:/{name}") as image:
                    np.testing.assert_array_equal(image.read(1), listed.IMAGE)


def obstore_lists(url: str) -> None:
    from obstore.store import HTTPStore

    origin, prefix = parted(url)
    store = HTTPStore.from_url(origin, client_options={"allow_http": True})
    for version in FORMATS:
        base = f"{prefix}zarr/v{version}"
        found = [entry for batch in store.list(base) for entry in batch]
        web = fsspec.filesystem("http").find(f"{origin}/{base}")
        assert {entry["path"] for entry in found} == {path.removeprefix(f"{origin}/") for path in web}
        for entry in found:
            head, body = store.head(entry["path"]), store.get(entry["path"]).bytes()
            assert (entry["size"], entry["e_tag"]) == (head["size"], head["e_tag"]) == (len(body), head["e_tag"]), entry
        shallow = store.list_with_delimiter(f"{base}/names/plain")
        assert set(shallow["common_prefixes"]) == {f"{base}/names/plain/{name}" for name in ("x", "plain")}
        assert [entry["path"] for batch in store.list(f"{base}/nothing") for entry in batch] == []


def virtualizarr_reads(url: str) -> None:
    import xarray
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import HTTPStore
    from virtualizarr.parsers import ZarrParser

    origin, _ = parted(url)
    registry = ObjectStoreRegistry({origin: HTTPStore.from_url(origin, client_options={"allow_http": True})})
    for version in FORMATS:
        for name in ("plain", "größe", "a:b"):
            store = ZarrParser()(f"{url}/zarr/v{version}/names/{name}", registry=registry)
            manifest = store.to_virtual_dataset()["x"].data.manifest.dict()
            sizes = {key: fsspec.filesystem("http").info(chunk["path"])["size"] for key, chunk in manifest.items()}
            assert sizes == {key: chunk["length"] for key, chunk in manifest.items()}
            assert len(sizes) == 9
            opened = xarray.open_dataset(store, engine="zarr", consolidated=False, zarr_format=3)
            np.testing.assert_array_equal(opened["x"].values, listed.IMAGE)


FSSPEC: tuple[Check, ...] = (
    find_names_every_key,
    members_are_those_of_consolidated_metadata,
    glob_and_get,
    caching_file_systems,
)
NEWER: tuple[Check, ...] = (*FSSPEC, kerchunk_single_zarr, gdal_opens_groups, obstore_lists, virtualizarr_reads)
"""Checks for an environment with the libraries that need Python 3.12."""


def wrong(url: str, checks: tuple[Check, ...]) -> Iterator[tuple[str, str]]:
    """The traceback of every check that fails, by its name."""
    for check in checks:
        try:
            check(url)
        except Exception:  # noqa: BLE001 - reported by the test
            yield check.__name__, traceback.format_exc()


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "*"
    address, *chosen = sys.argv[1:]
    print(json.dumps(dict(wrong(address, tuple(check for check in NEWER if check.__name__ in chosen)))))
