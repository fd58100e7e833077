"""Opens every source of a folder in xarray, directly and over the server.

    same_in_xarray.py FOLDER URL FORMATS

It prints JSON, {source/group v2: what differs}, with an empty text if nothing does. Attributes that
are not finite have no JSON form and are left out, and so is our own attribute.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray

OURS = "tiled_zarr"


def groups(path: Path) -> Iterator[str]:
    """The paths of a source's groups below its root, the root's "" first."""
    yield ""
    if path.suffix == ".nc":
        with h5py.File(path) as file:
            found: list[str] = []
            file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) else None)
        yield from found
    else:
        marks = {".zgroup", "zarr.json"}
        yield from sorted({str(mark.parent.relative_to(path)) for mark in path.rglob("*") if mark.name in marks and is_group(mark)} - {"."})


def is_group(document: Path) -> bool:
    return document.name == ".zgroup" or json.loads(document.read_text())["node_type"] == "group"


def local(path: Path, group: str) -> xarray.Dataset:
    if path.suffix == ".nc":
        return xarray.open_dataset(path, group=group or None, engine="h5netcdf")
    return xarray.open_zarr(path, group=group or None, consolidated=False, chunks=None)


def difference(mine: xarray.Dataset, theirs: xarray.Dataset) -> str:
    """What differs between a source and what is served of it."""
    if set(mine.variables) != set(theirs.variables):
        return f"variables: expected {sorted(map(str, mine.variables))}, got {sorted(map(str, theirs.variables))}"
    if set(mine.coords) != set(theirs.coords) or set(mine.indexes) != set(theirs.indexes):
        return f"coordinates: expected {sorted(map(str, mine.coords))}, got {sorted(map(str, theirs.coords))}"
    if dict(mine.sizes) != dict(theirs.sizes):
        return f"sizes: expected {dict(mine.sizes)}, got {dict(theirs.sizes)}"
    found = [f"attributes: {differs}"] if (differs := differing(mine.attrs, theirs.attrs)) else []
    return "; ".join([*found, *(f"{name}: {why}" for name in mine.variables if (why := variable(mine[name], theirs[name])))])


def variable(mine: xarray.DataArray, theirs: xarray.DataArray) -> str:
    if mine.dims != theirs.dims:
        return f"dims: expected {mine.dims}, got {theirs.dims}"
    if kind(mine.dtype) != kind(theirs.dtype):
        return f"dtype: expected {mine.dtype}, got {theirs.dtype}"
    expected, got = mine.values, theirs.values
    is_same = np.array_equal(expected, got) if expected.dtype.kind in "OSUT" else np.array_equal(expected, got, equal_nan=True)
    if not is_same and not mine.equals(theirs):
        return f"values: expected {expected.tolist()}, got {got.tolist()}"
    return differing(mine.attrs, theirs.attrs)


def kind(dtype: np.dtype[Any]) -> str:
    """A type without its byte order, and text as text, whatever holds it."""
    return "text" if dtype.kind in "OUT" else dtype.newbyteorder("=").str


def differing(mine: dict[str, Any], theirs: dict[str, Any]) -> str:
    expected = {name: plain(value) for name, value in mine.items() if is_finite(value)}
    got = {name: plain(value) for name, value in theirs.items() if name != OURS and (name in expected or value is not None)}
    return "" if expected == got else f"expected {expected}, got {got}"


def is_finite(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def plain(value: Any) -> Any:
    """A value as JSON has it; a list of one item is that item: netCDF cannot tell them apart."""
    found = np.asarray(value).tolist() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(found, bytes):
        return found.decode()
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def report(folder: Path, url: str, formats: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        for group in groups(path):
            for version in formats:
                key = f"{path.name}/{group} v{version}"
                try:
                    theirs = xarray.open_zarr(
                        f"{url}/zarr/v{version}/{path.stem}/{group}".rstrip("/"), zarr_format=int(version), chunks=None
                    )
                    found[key] = difference(local(path, group).load(), theirs.load())
                except Exception as error:  # noqa: BLE001 - named in the report
                    found[key] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    print(json.dumps(report(Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(","))))
