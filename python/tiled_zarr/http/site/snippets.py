"""Ways to open a node in other programs: code to copy, and links to hosted viewers."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import quote, urlsplit

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

    @property
    def origin(self) -> str:
        """The origin that the page reads from: scheme and host.

        >>> Link("vizarr", VIZARR).origin
        'https://hms-dbmi.github.io'
        """
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


def of_array(path: str, addresses: Addresses, *, is_image: bool, tokens: Tokens = NO_TOKENS) -> list[Snippet]:
    """Code that reads an array."""
    group, _, name = path.rpartition("/")
    target = _text(addresses.address(f"zarr/v3/{path}", tokens.node))
    dataset = _text(addresses.address(f"zarr/v3/{group}", tokens.group).rstrip("/"))
    of_node, of_dataset = noted(tokens.node), noted(tokens.group)
    snippets = [
        Snippet("zarr-python", f'import zarr\n\n{of_node}array = zarr.open_array({target}, mode="r")'),
        Snippet("dask", f"import dask.array\n\n{of_node}array = dask.array.from_zarr({target})"),
        Snippet("xarray", f"import xarray\n\n{of_dataset}array = xarray.open_zarr({dataset}, chunks={{}})[{_text(name)}]"),
    ]
    return [*snippets, _napari(path, addresses, tokens.image)] if is_image else snippets


def of_group(path: str, addresses: Addresses, token: str | None = None) -> list[Snippet]:
    """Code that reads a group."""
    target = _text(addresses.address(f"zarr/v3/{path}", token).rstrip("/"))
    return [
        Snippet("zarr-python", f'import zarr\n\n{noted(token)}group = zarr.open_group({target}, mode="r")'),
        Snippet("xarray", f"import xarray\n\n{noted(token)}dataset = xarray.open_zarr({target}, chunks={{}})"),
    ]


def viewers(path: str, addresses: Addresses, longest: int, token: str | None = None) -> list[Link]:
    """Links to hosted viewers that show an image of this server.

    vizarr reads the revision that `token` names, so that it asks for no tile twice. neuroglancer's
    address is one to keep and to pass on, so it leads to what is newest.

    `longest` is the image's longer edge in pixels. The server's allowed origins must include the
    viewers. If the address of the page holds an API key, so do the links.
    """
    source, frozen = addresses.address(f"ome-zarr/0.4/{path}"), addresses.address(f"ome-zarr/0.4/{path}", token)
    # With "auto" neuroglancer reads channels and axes from the OME-NGFF metadata;
    # with "image" it would show the image transposed.
    layer = {"type": "auto", "source": f"zarr://{source}", "name": path.rpartition("/")[2]}
    state = {"layers": [layer], "crossSectionScale": longest / WINDOW, "layout": "xy"}
    return [
        Link("vizarr", f"{VIZARR}?source={quote(frozen, safe='')}"),
        Link("neuroglancer", f"{NEUROGLANCER}#!{quote(json.dumps(state, separators=(',', ':')), safe='')}"),
    ]


def _napari(path: str, addresses: Addresses, token: str | None) -> Snippet:
    target = _text(addresses.address(f"ome-zarr/0.5/{path}", token))
    return Snippet(
        "napari",
        "import dask.array, napari, zarr\n\n"
        f'{noted(token)}image = zarr.open_group({target}, mode="r")\n'
        'datasets = image.attrs["ome"]["multiscales"][0]["datasets"]\n'
        'levels = [dask.array.from_zarr(image[dataset["path"]]) for dataset in datasets]\n'
        "napari.imshow(levels, multiscale=True)\n"
        "napari.run()",
    )


def noted(token: str | None) -> str:
    """A comment for code that reads a revision; empty without a token."""
    return "" if token is None else f"# /@{token} is this revision; leave it out to read the newest\n"


def _text(value: object) -> str:
    """A Python literal: JSON text and objects are valid Python."""
    return json.dumps(value)
