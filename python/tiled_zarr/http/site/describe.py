"""What a page says about a node: its kind, facts, attributes, and code to open it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ... import dtypes, texts
from ...attributes import OURS, unknown
from ...grid import Grid
from ...hierarchy import names
from ...hierarchy.keyspace import Document, KeySpace
from ...nodes import Array, Group, Node
from . import snippets
from .addresses import Addresses
from .snippets import Link, Snippet

DIMENSIONS = "_ARRAY_DIMENSIONS"
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A node as a page shows it.

    `kind` is empty if the node was not opened. `attributes` is JSON text, and empty if there are
    none. `unavailable` has the reasons why children cannot be opened. `unknown` says how many files
    of a folder no adapter can read. `failure` is the reason why nothing more is known.
    """

    name: str
    path: str
    kind: str = ""
    is_group: bool = False
    is_image: bool = False
    facts: tuple[tuple[str, str], ...] = ()
    attributes: str = ""
    unavailable: Mapping[str, str]
    unknown: str = ""
    failure: str = ""
    snippets: tuple[Snippet, ...] = ()
    viewers: tuple[Link, ...] = ()
    image_token: str | None = None
    """The token of the image in OME-Zarr 0.4, if it has one."""

    @property
    def path_in_v3(self) -> str:
        """The path in Zarr v3, which escapes fewer names than v2."""
        return names.path_in_v3(self.path)


class Describer:
    """Describes the nodes of a tree from its Zarr v2 documents.

    `formats` has the key space of each prefix (`zarr/v2`).
    """

    def __init__(self, formats: Mapping[str, KeySpace]) -> None:
        self.formats = formats
        self.keys = formats["zarr/v2"]
        self.images = formats.get("ome-zarr/0.4")

    def node(self, path: str, node: Node, addresses: Addresses) -> Description:
        """The whole description of a node. May open files. Blocks."""
        name = path.rpartition("/")[2]
        attributes = self._document(path, ".zattrs")
        unavailable = attributes.get(OURS, {}).get("unavailable", {})
        image = self.image(path)
        is_image = image is not None
        image_token = self.token("ome-zarr/0.4", path) if image else None
        viewers = tuple(snippets.viewers(path, addresses, max(image.shape[-2:]), image_token)) if image else ()
        in_v3 = names.path_in_v3(path)
        token = self.token("zarr/v3", in_v3)
        if isinstance(node, Group):
            return Description(
                name=name,
                path=path,
                kind="table" if node.kind == "table" else "group",
                is_group=True,
                is_image=is_image,
                facts=(("children", _number(len(node.children))),),
                attributes=_shown(attributes),
                unavailable=unavailable,
                unknown=texts.unknown_files(files) if (files := unknown(node.attributes)) else "",
                snippets=tuple(snippets.of_group(in_v3, addresses, token)),
                viewers=viewers,
                image_token=image_token,
            )
        of_image = self.token("ome-zarr/0.5", in_v3) if is_image else None
        tokens = snippets.Tokens(token, self.token("zarr/v3", in_v3.rpartition("/")[0]), of_image)
        return Description(
            name=name,
            path=path,
            kind="sparse array" if node.is_sparse else "array",
            is_image=is_image,
            facts=_facts(node, self._document(path, ".zarray"), attributes.get(DIMENSIONS, [])),
            attributes=_shown(attributes),
            unavailable=unavailable,
            snippets=tuple(snippets.of_array(in_v3, addresses, is_image=is_image, tokens=tokens)),
            viewers=viewers,
            image_token=image_token,
        )

    def token(self, prefix: str, path: str) -> str | None:
        """The token of a node under a prefix; None if it has none, or cannot be read now."""
        # a page links to the plain path instead, and that says what failed
        with suppress(Exception):
            return self.formats[prefix].token(path)
        return None

    def image(self, path: str) -> Array | None:
        """The finest level of a node that OME-Zarr also serves as a multiscale image.

        None if it is no image, or if the image cannot be opened.
        """
        group = self.image_group(path)
        return None if group is None else finest_level(group)

    def image_group(self, path: str) -> Group | None:
        """The multiscale image that OME-Zarr serves for a node, as `image` has its finest level."""
        # the page still shows the node under /zarr; a request for the image's key says what failed
        with suppress(Exception):
            found = self.images.resolve(f"{path}/.zattrs".lstrip("/")) if self.images else None
            group = found.place.node if isinstance(found, Document) else None
            return group if isinstance(group, Group) and finest_level(group) is not None else None
        return None

    def _document(self, path: str, name: str) -> dict[str, Any]:
        found = self.keys.resolve(f"{path}/{name}".lstrip("/"))
        body = found.body() if isinstance(found, Document) else None
        return json.loads(body) if body else {}


def finest_level(node: Node) -> Array | None:
    """The finest level of a multiscale image; None for other nodes."""
    level = next(iter(node.children.values()), None) if isinstance(node, Group) and node.kind == "image" else None
    return level if isinstance(level, Array) else None


def _facts(node: Array, document: Mapping[str, Any], axes: list[str]) -> tuple[tuple[str, str], ...]:
    dtype = dtypes.wire(node.dtype)
    grid = Grid(node.shape, tuple(document.get("chunks") or node.shape))
    facts = {
        "shape": _product(node.shape) or "one value",
        "type": "text" if node.dtype.kind == "O" else str(dtype),
        "axes": ", ".join(axes),
        "chunks": f"{_product(grid.chunk_shape)}, {_number(math.prod(grid.counts))} of them" if node.shape else "",
        "size": "" if node.dtype.kind == "O" else _size(math.prod(node.shape) * node.dtype.itemsize),
    }
    return tuple((name, text) for name, text in facts.items() if text)


def _shown(attributes: Mapping[str, Any]) -> str:
    """The attributes that the page does not show elsewhere, as JSON text."""
    ours = {name: value for name, value in attributes.get(OURS, {}).items() if name not in {"unavailable", "unknown"}}
    others = {name: value for name, value in attributes.items() if name not in {DIMENSIONS, OURS}}
    shown = others | ({OURS: ours} if ours else {})
    return json.dumps(shown, indent=2, ensure_ascii=False) if shown else ""


def _product(sizes: tuple[int, ...]) -> str:
    """Sizes with a multiplication sign between them."""
    return " \u00d7 ".join(map(_number, sizes))


def _number(value: int) -> str:
    return f"{value:,}"


def _size(nbytes: float) -> str:
    """A number of bytes with three digits and a decimal unit.

    >>> _size(512), _size(800_000_000)
    ('512 bytes', '800 MB')
    """
    unit = 0
    while nbytes >= 1000 and unit < len(UNITS) - 1:
        nbytes, unit = nbytes / 1000, unit + 1
    return f"{nbytes:.3g} {UNITS[unit]}"
