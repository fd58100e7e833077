"""Ways to open a node in other programs: code to copy, and links to hosted viewers."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import quote

from .addresses import Addresses

VIZARR = "https://hms-dbmi.github.io/vizarr/"
NEUROGLANCER = "https://neuroglancer-demo.appspot.com/"
WINDOW = 600
"""Height of neuroglancer's window in pixels: an assumption, for the first zoom."""


class Snippet(NamedTuple):
    """Python code, and the name of the library that it uses."""

    title: str
    code: str


class Link(NamedTuple):
    """A page on another server."""

    title: str
    address: str


def of_array(path: str, addresses: Addresses, *, is_image: bool) -> list[Snippet]:
    """Code that reads an array."""
    group, _, name = path.rpartition("/")
    target = _text(addresses.address(f"zarr/v3/{path}"))
    dataset = _text(addresses.address(f"zarr/v3/{group}").rstrip("/"))
    snippets = [
        Snippet("zarr-python", f'import zarr\n\narray = zarr.open_array({target}, mode="r")'),
        Snippet("dask", f"import dask.array\n\narray = dask.array.from_zarr({target})"),
        Snippet("xarray", f"import xarray\n\narray = xarray.open_zarr({dataset}, chunks={{}})[{_text(name)}]"),
    ]
    return [*snippets, _napari(path, addresses)] if is_image else snippets


def of_group(path: str, addresses: Addresses) -> list[Snippet]:
    """Code that reads a group."""
    target = _text(addresses.address(f"zarr/v3/{path}").rstrip("/"))
    return [
        Snippet("zarr-python", f'import zarr\n\ngroup = zarr.open_group({target}, mode="r")'),
        Snippet("xarray", f"import xarray\n\ndataset = xarray.open_zarr({target}, chunks={{}})"),
    ]


def viewers(path: str, addresses: Addresses, longest: int) -> list[Link]:
    """Links to hosted viewers that show an image of this server.

    `longest` is the image's longer edge in pixels. The server's allowed origins must include the
    viewers. If the address of the page holds an API key, so do the links.
    """
    source = addresses.address(f"ome-zarr/0.4/{path}")
    # With "auto" neuroglancer reads channels and axes from the OME-NGFF metadata;
    # with "image" it would show the image transposed.
    layer = {"type": "auto", "source": f"zarr://{source}", "name": path.rpartition("/")[2]}
    state = {"layers": [layer], "crossSectionScale": longest / WINDOW, "layout": "xy"}
    return [
        Link("vizarr", f"{VIZARR}?source={quote(source, safe='')}"),
        Link("neuroglancer", f"{NEUROGLANCER}#!{quote(json.dumps(state, separators=(',', ':')), safe='')}"),
    ]


def _napari(path: str, addresses: Addresses) -> Snippet:
    target = _text(addresses.address(f"ome-zarr/0.5/{path}"))
    return Snippet(
        "napari",
        "import dask.array, napari, zarr\n\n"
        f'image = zarr.open_group({target}, mode="r")\n'
        'datasets = image.attrs["ome"]["multiscales"][0]["datasets"]\n'
        'levels = [dask.array.from_zarr(image[dataset["path"]]) for dataset in datasets]\n'
        "napari.imshow(levels, multiscale=True)\n"
        "napari.run()",
    )


def _text(value: object) -> str:
    """A Python literal: JSON text and objects are valid Python."""
    return json.dumps(value)
