"""Catalogs into which a client of Tiled's writes, and that we read beside its server."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tiled.catalog import from_uri, in_memory
from tiled.client import Context, from_context
from tiled.server.app import build_app

from asgi import Answer, ask
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Group, Node
from tiled_zarr.resources import Resources
from tiled_zarr.settings import Settings
from tiled_zarr.tiled.catalog import open_catalog


@cache
def empty() -> bytes:
    """An SQLite file with an empty catalog, made by Tiled's command, which takes seconds to start."""
    with TemporaryDirectory() as folder:
        from_uri(f"sqlite:///{folder}/empty.db", init_if_not_exists=True)
        return Path(folder, "empty.db").read_bytes()


@dataclass
class Written:
    """A catalog with a client of Tiled's that writes into it, and what lies around it.

    `places` are where its data are, and `outside` is a folder of files to be registered.
    """

    uri: str
    adapter: Any
    client: Any
    places: list[Any]
    outside: Path
    resources: Resources = field(default_factory=Resources.of)

    def root(self) -> Group:
        """The root as we read it, from the database at the address."""
        return open_catalog(self.uri, self.places, self.resources).node

    def app(self) -> Any:
        """Our application over the catalog."""
        return create_app(self.root(), Settings(public=True), resources=self.resources)


@contextmanager
def written(folder: Path, uri: str | None = None, tables: str = "duckdb", store: Mapping[str, Any] | None = None) -> Iterator[Written]:
    """A catalog in an SQLite file, or at an address, whose tables are in a database of their own.

    Arrays are written to files, or to an object `store`.
    """
    outside, uri = folder / "outside", uri or f"sqlite:///{folder / 'catalog.db'}"
    outside.mkdir()
    places: list[Any] = [str(folder / "data"), tables if "://" in tables else f"{tables}:///{folder / 'tables.db'}"]
    (folder / "data").mkdir()
    if store is not None:
        places[0] = dict(store)
    if uri.startswith("sqlite"):
        Path(uri.removeprefix("sqlite:///")).write_bytes(empty())
    adapter = from_uri(uri, writable_storage=places, readable_storage=[str(outside)], init_if_not_exists=not uri.startswith("sqlite"))
    with Context.from_app(build_app(adapter)) as context:
        yield Written(uri, adapter, from_context(context), [*places, str(outside)], outside)


@contextmanager
def in_process(folder: Path) -> Iterator[Written]:
    """A catalog in memory, which has one connection that all share."""
    adapter = in_memory(writable_storage=[str(folder / "data")])
    with Context.from_app(build_app(adapter)) as context:
        yield Written("", adapter, from_context(context), [], folder)


def at(node: Node, path: str) -> Node:
    """The node at a path."""
    for name in filter(None, path.split("/")):
        assert isinstance(node, Group)
        node = node.children[name]
    return node


def array_at(node: Node, path: str) -> Array:
    """The array at a path."""
    found = at(node, path)
    assert isinstance(found, Array)
    return found


def values(node: Node) -> np.ndarray[Any, Any]:
    """All values of an array."""
    assert isinstance(node, Array)
    if node.is_sparse:
        coords, data = node.source.entries()  # type: ignore[union-attr]
        dense = np.zeros(node.shape, node.dtype)
        np.add.at(dense, tuple(coords), data)
        return dense
    return np.asarray(node.read(tuple(slice(0, size) for size in node.shape)))


def revision(node: Node) -> str | None:
    """The revision of the first chunk of an array in the source's grid."""
    assert isinstance(node, Array)
    return node.revision(tuple(slice(0, min(chunk, size)) for chunk, size in zip(node.chunks or node.shape, node.shape, strict=True)))


def get(app: Any, path: str, **headers: str) -> Answer:
    """A GET of a path, with headers."""
    return ask(app, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def corrupted(path: Path, statement: str) -> None:
    """Execute a statement in an SQLite file, as another program would."""
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()


def loop_of(catalog: Written) -> asyncio.AbstractEventLoop:
    """The loop in which Tiled's server runs, and the engine of its catalog."""
    portal = catalog.client.context.http_client.portal
    loop: asyncio.AbstractEventLoop = portal.call(asyncio.get_running_loop)
    return loop
