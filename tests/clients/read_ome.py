"""Reads every image with the libraries of OME-NGFF: `python read_ome.py URL FOLDER`.

It writes each level into the folder, and prints a report.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ngff_zarr
import numpy as np
import ome_zarr.io
import ome_zarr.reader
import ome_zarr_models
import zarr
from napari_ome_zarr import napari_get_reader

NAMES = ("plain", "big_endian", "missing", "mask", "labels", "photograph", "stack", "waves", "climate", "tiny")
VERSIONS = ("0.4", "0.5")


def with_zarr(url: str) -> Sequence[Any]:
    group = zarr.open_group(url, mode="r")
    attributes = group.attrs.asdict()
    [multiscale] = attributes.get("ome", attributes)["multiscales"]
    return [group[dataset["path"]][...] for dataset in multiscale["datasets"]]


def with_ome_zarr(url: str) -> Sequence[Any]:
    location = ome_zarr.io.parse_url(url)
    assert location is not None
    node = next(iter(ome_zarr.reader.Reader(location)()))
    return node.data


def with_models(url: str) -> Sequence[Any]:
    """Validates the metadata of the group and of its levels."""
    group = zarr.open_group(url, mode="r")
    image = ome_zarr_models.open_ome_zarr(group)
    assert type(image).__name__ == "Image", type(image)
    attributes = getattr(image, "ome_attributes", None) or image.attributes
    return [group[dataset.path][...] for dataset in attributes.multiscales[0].datasets]


def with_napari(url: str) -> Sequence[Any]:
    read = napari_get_reader(url)
    assert read is not None
    layer = read(url)[0]
    assert layer[2] == "image", layer[1:]
    data = layer[0]
    return data if isinstance(data, list | tuple) else [data]


def with_ngff_zarr(url: str) -> Sequence[Any]:
    return [image.data for image in ngff_zarr.from_ngff_zarr(url, validate=True).images]


READERS: dict[str, Callable[[str], Sequence[Any]]] = {
    "zarr": with_zarr,
    "ome-zarr": with_ome_zarr,
    "ome-zarr-models": with_models,
    "napari-ome-zarr": with_napari,
    "ngff-zarr": with_ngff_zarr,
}


def main(url: str, folder: Path) -> None:
    report: dict[str, dict[str, Any]] = {}
    for version in VERSIONS:
        for reader, read in READERS.items():
            for name in NAMES:
                key = f"{version} {reader} {name}"
                try:
                    levels = [np.asarray(level) for level in read(f"{url}/ome-zarr/{version}/{name}")]
                    for number, level in enumerate(levels):
                        np.save(folder / f"{key} {number}.npy", level)
                    report[key] = {"levels": len(levels)}
                except Exception:  # noqa: BLE001 - the test shows it
                    report[key] = {"error": traceback.format_exc()[-2000:]}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
