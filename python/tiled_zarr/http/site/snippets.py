"""Ways to open a node in other programs: code to copy, and links to hosted viewers."""

from __future__ import annotations

import json
from collections.abc import Callable
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


class Tokens(NamedTuple):
    """The tokens of an array, of its group, and of the image that it is; None if there is none."""

    node: str | None = None
    group: str | None = None
    image: str | None = None


NO_TOKENS = Tokens()


class Link(NamedTuple):
    """A page on another server."""

    title: str
    address: str


def of_array(path: str, addresses: Addresses, *, is_image: bool, tokens: Tokens = NO_TOKENS) -> list[Snippet]:
    """Code that reads an array."""
    group, _, name = path.rpartition("/")
    target = addresses.address(f"zarr/v3/{path}", tokens.node)
    dataset = addresses.address(f"zarr/v3/{group}", tokens.group).rstrip("/")
    snippets = [
        _snippet(
            "zarr-python",
            addresses,
            "import zarr",
            lambda key: f'{noted(tokens.node)}array = zarr.open_array({_text(target)}, mode="r"{key})',
        ),
        _snippet(
            "dask", addresses, "import dask.array", lambda key: f"{noted(tokens.node)}array = dask.array.from_zarr({_text(target)}{key})"
        ),
        _snippet(
            "xarray",
            addresses,
            "import xarray",
            lambda key: f"{noted(tokens.group)}array = xarray.open_zarr({_text(dataset)}, chunks={{}}{key})[{_text(name)}]",
        ),
    ]
    return [*snippets, _napari(path, addresses, tokens.image)] if is_image else snippets


def of_group(path: str, addresses: Addresses, token: str | None = None) -> list[Snippet]:
    """Code that reads a group."""
    target = addresses.address(f"zarr/v3/{path}", token).rstrip("/")
    return [
        _snippet(
            "zarr-python", addresses, "import zarr", lambda key: f'{noted(token)}group = zarr.open_group({_text(target)}, mode="r"{key})'
        ),
        _snippet(
            "xarray", addresses, "import xarray", lambda key: f"{noted(token)}dataset = xarray.open_zarr({_text(target)}, chunks={{}}{key})"
        ),
    ]


def viewers(path: str, addresses: Addresses, longest: int, token: str | None = None) -> list[Link]:
    """Links to hosted viewers that show an image of this server.

    vizarr reads the revision that `token` names, so that it asks for no tile twice. neuroglancer's
    address is one to keep and to pass on, so it leads to what is newest.

    `longest` is the image's longer edge in pixels. The server's allowed origins must include the
    viewers. neuroglancer sends no API key, so it is left out if the request had one in its query.
    """
    source, frozen = addresses.address(f"ome-zarr/0.4/{path}"), addresses.address(f"ome-zarr/0.4/{path}", token)
    links = [Link("vizarr", f"{VIZARR}?source={quote(frozen + addresses.query, safe='')}")]
    if addresses.key is None:
        # With "auto" neuroglancer reads channels and axes from the OME-NGFF metadata;
        # with "image" it would show the image transposed.
        layer = {"type": "auto", "source": f"zarr://{source}", "name": path.rpartition("/")[2]}
        state = {"layers": [layer], "crossSectionScale": longest / WINDOW, "layout": "xy"}
        links.append(Link("neuroglancer", f"{NEUROGLANCER}#!{quote(json.dumps(state, separators=(',', ':')), safe='')}"))
    return links


def _napari(path: str, addresses: Addresses, token: str | None) -> Snippet:
    target = addresses.address(f"ome-zarr/0.5/{path}", token)
    return _snippet(
        "napari",
        addresses,
        "import dask.array, napari, zarr",
        lambda key: (
            f'{noted(token)}image = zarr.open_group({_text(target)}, mode="r"{key})\n'
            'datasets = image.attrs["ome"]["multiscales"][0]["datasets"]\n'
            'levels = [dask.array.from_zarr(image[dataset["path"]]) for dataset in datasets]\n'
            "napari.imshow(levels, multiscale=True)\n"
            "napari.run()"
        ),
    )


def noted(token: str | None) -> str:
    """A comment for code that reads a revision; empty without a token."""
    return "" if token is None else f"# /@{token} is this revision; leave it out to read the newest\n"


def _snippet(title: str, addresses: Addresses, imports: str, code: Callable[[str], str]) -> Snippet:
    """Code: the imports, the API key if the request had one in its query, and `code(arguments)`.

    `arguments` passes the key on to the call.
    """
    if addresses.key is None:
        return Snippet(title, f"{imports}\n\n{code('')}")
    options = {"client_kwargs": {"headers": {"Authorization": f"Apikey {addresses.key}"}}}
    return Snippet(title, f"{imports}\n\noptions = {_text(options)}\n{code(', storage_options=options')}")


def _text(value: object) -> str:
    """A Python literal: JSON text and objects are valid Python."""
    return json.dumps(value)
