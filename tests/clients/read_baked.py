"""Reads the levels of stores in folders: `python read_baked.py READER FOLDER...`.

It prints the digest of each level, by folder: those of its bytes in C order, little endian.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr


def datasets(folder: str) -> list[str]:
    """The paths of the levels that the attributes name."""
    attributes = zarr.open_group(folder, mode="r").attrs.asdict()
    [multiscale] = attributes.get("ome", attributes)["multiscales"]
    return [dataset["path"] for dataset in multiscale["datasets"]]


def with_zarr(folder: str) -> Sequence[Any]:
    group = zarr.open_group(folder, mode="r")
    return [group[path][...] for path in datasets(folder)]


def with_tensorstore(folder: str) -> Sequence[Any]:
    import tensorstore

    driver = "zarr3" if Path(folder, "zarr.json").exists() else "zarr"
    specs = [{"driver": driver, "kvstore": {"driver": "file", "path": f"{folder}/{path}/"}} for path in datasets(folder)]
    return [tensorstore.open(spec, open=True, read=True).result().read().result() for spec in specs]


def with_models(folder: str) -> Sequence[Any]:
    """Validates the metadata of the group and of its levels."""
    import ome_zarr_models

    group = zarr.open_group(folder, mode="r")
    image = ome_zarr_models.open_ome_zarr(group)
    assert type(image).__name__ == "Image", type(image)
    attributes = getattr(image, "ome_attributes", None) or image.attributes
    return [group[dataset.path][...] for dataset in attributes.multiscales[0].datasets]


def with_ome_zarr(folder: str) -> Sequence[Any]:
    import ome_zarr.io
    import ome_zarr.reader

    location = ome_zarr.io.parse_url(folder)
    assert location is not None
    levels: Sequence[Any] = next(iter(ome_zarr.reader.Reader(location)())).data
    return levels


READERS: dict[str, Callable[[str], Sequence[Any]]] = {
    "zarr": with_zarr,
    "tensorstore": with_tensorstore,
    "ome-zarr-models": with_models,
    "ome-zarr": with_ome_zarr,
}


def digest(level: Any) -> str:
    values = np.ascontiguousarray(np.asarray(level))
    return hashlib.sha256(values.astype(values.dtype.newbyteorder("<")).tobytes()).hexdigest()


if __name__ == "__main__":
    reader, *folders = sys.argv[1:]
    print(json.dumps({folder: [digest(level) for level in READERS[reader](folder)] for folder in folders}))
