"""What a page says about a node: its kind, facts, attributes, and code to open it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ... import texts
from ...attributes import OURS, unknown
from ...grid import Grid
from ...hierarchy import names
from ...hierarchy.keyspace import Document, KeySpace
from ...nodes import Array, Group, Node
from . import files, lines, snippets, values
from .addresses import Addresses
from .cells import cut
from .snippets import Link, Snippet
from .values import Values

DIMENSIONS = "_ARRAY_DIMENSIONS"
MOST_ATTRIBUTES = 50_000
"""Characters of the attributes of a node on a page, at most: it may describe a hundred nodes."""
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A node as a page shows it.

    `kind` is empty if the node was not opened. `attributes` is JSON text, and empty if there are
    none. `unavailable` has the reasons why children cannot be opened. `unknown` says how many files
    of a folder no adapter can read. `failure` is the reason why nothing more is known. `value` has all
    values, if they are few, and `values` the first, if the page is that of the node. `is_line` says that a plot can be drawn of it.
    `downloads` has the suffixes of the files that it has as a whole.
    """

    name: str
    path: str
    kind: str = ""
    is_group: bool = False
    is_image: bool = False
    is_explorable: bool = False
    downloads: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    attributes: str = ""
    unavailable: Mapping[str, str]
    unknown: str = ""
    failure: str = ""
    value: str = ""
    values: Values | None = None
    is_line: bool = False
    snippets: tuple[Snippet, ...] = ()
    viewers: tuple[Link, ...] = ()
    token: str | None = None
    """The token of the node in Zarr v2, if it has one."""
    image_token: str | None = None
    """The token of the image in OME-Zarr 0.4, if it has one."""

    @property
    def path_in_v3(self) -> str:
        """The path in Zarr v3, which escapes fewer names than v2."""
        return names.path_in_v3(self.path)


class Describer:
    """Describes the nodes of a tree from its Zarr v2 documents.

    `formats` has the key space of each prefix (`zarr/v2`). `origins` may read what we serve, and
    `pages` are the pages with scripts that are built.
    """

    def __init__(self, formats: Mapping[str, KeySpace], origins: Iterable[str] = (), pages: Iterable[str] = ()) -> None:
        self.formats = formats
        self.origins = frozenset(origins)
        self.pages = frozenset(pages)
        self.keys = formats["zarr/v2"]
        self.images = formats.get("ome-zarr/0.4")

    def node(self, path: str, node: Node, addresses: Addresses, listed: int | None = None) -> Description:
        """The whole description of a node. May open files. Blocks.

        `listed` is the number of children of a group, if its page lists them.
        """
        name = path.rpartition("/")[2]
        attributes = self._document(path, ".zattrs")
        unavailable = attributes.get(OURS, {}).get("unavailable", {})
        image = self.image(path)
        is_image = image is not None
        image_token = self.token("ome-zarr/0.4", path) if image else None
        viewers = self.viewers(snippets.viewers(path, addresses, max(image.shape[-2:]), image_token)) if image else ()
        in_v3 = names.path_in_v3(path)
        token = self.token("zarr/v3", in_v3)
        if isinstance(node, Group):
            count = self.count(node) if listed is None else listed
            rows = self.rows(node)
            return Description(
                name=name,
                path=path,
                kind="table" if node.kind == "table" else "group",
                is_group=True,
                is_image=is_image,
                is_explorable=("table" if node.kind == "table" else "explore") in self.pages,
                downloads=() if rows is None else files.of_table(rows, count),
                facts=_sizes(node, rows, count),
                attributes=_shown(attributes),
                unavailable=unavailable,
                unknown=texts.unknown_files(found) if (found := unknown(node.attributes)) else "",
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
            is_explorable="explore" in self.pages,
            facts=_facts(node, self._document(path, ".zarray"), attributes.get(DIMENSIONS, []), values.unit_of(attributes)),
            is_line=lines.is_line(node),
            downloads=files.of_array(node, image),
            token=self.token("zarr/v2", path),
            attributes=_shown(attributes),
            unavailable=unavailable,
            snippets=tuple(snippets.of_array(in_v3, addresses, is_image=is_image, tokens=tokens)),
            viewers=viewers,
            image_token=image_token,
        )

    def rows(self, node: Group) -> int | None:
        """The number of rows of a table; None for any other group, and if nobody can say."""
        with suppress(Exception):  # the first column is damaged: its own line says so
            column = next(iter(node.children.values())) if node.kind == "table" else None
            return column.shape[0] if isinstance(column, Array) and column.shape else None
        return None

    def viewers(self, links: Iterable[Link]) -> tuple[Link, ...]:
        """The viewers on other servers that may read from this one: others would show nothing."""
        return tuple(link for link in links if not self.origins.isdisjoint({"*", link.origin}))

    def count(self, group: Group) -> int:
        """How many children of a group its own page would list, as far as known without opening."""
        return max(0, len(group.children) - len(self.keys.left_out(group)))

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


def _sizes(node: Group, rows: int | None, count: int) -> tuple[tuple[str, str], ...]:
    """The size of a group; of a table as rows and columns."""
    if node.kind != "table":
        return (("children", _number(count)),)
    return (*(() if rows is None else (("rows", _number(rows)),)), ("columns", _number(count)))


def _facts(node: Array, document: Mapping[str, Any], axes: list[str], unit: str) -> tuple[tuple[str, str], ...]:
    grid = Grid(node.shape, tuple(document.get("chunks") or node.shape))
    facts = {
        "shape": _product(node.shape) or "one value",
        "type": values.typed(node.dtype),
        "unit": unit,
        "axes": ", ".join(axes),
        "chunks": f"{_product(grid.chunk_shape)}, {_number(math.prod(grid.counts))} of them" if node.shape else "",
        "size": "" if node.dtype.kind == "O" else _size(math.prod(node.shape) * node.dtype.itemsize),
    }
    return tuple((name, text) for name, text in facts.items() if text)


def _shown(attributes: Mapping[str, Any]) -> str:
    """The attributes that the page does not show elsewhere, as JSON text; its beginning if it is long."""
    ours = {name: value for name, value in attributes.get(OURS, {}).items() if name not in {"unavailable", "unknown"}}
    others = {name: value for name, value in attributes.items() if name not in {DIMENSIONS, OURS}}
    shown = others | ({OURS: ours} if ours else {})
    return cut(json.dumps(shown, indent=2, ensure_ascii=False), MOST_ATTRIBUTES) if shown else ""


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
