"""Sources that do not answer until they are let go, and what an application says of its threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from asgi import Answer, asked, scope_of
from tiled_zarr import Array, Group
from tiled_zarr.nodes import Node, Options

WAIT = 20
"""Seconds after which a test has failed."""


class Hanging:
    """A source that hangs at any question until `is_open` is set; `asked` counts them."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.asked = 0

    def wait(self) -> None:
        self.asked += 1
        assert self.is_open.wait(5 * WAIT)

    def array(self, *, revision: str | None = None) -> Array:
        """An array of 100 chunks whose reads hang."""

        def read(region: Any) -> np.ndarray[Any, Any]:
            self.wait()
            return np.ones(tuple(part.stop - part.start for part in region), "<i4")

        options = Options(chunk_shape=(1,))
        return Array(shape=(100,), dtype=np.dtype("<i4"), read=read, revision=lambda: revision, options=options)

    def group(self) -> Group:
        """A group that hangs when its children are listed."""
        return Group(children=Children({"a": plain()}, listing=self), blocking=True)


class Children(Mapping[str, Node]):
    """Children of which some hang when they are opened, or all when they are listed."""

    def __init__(self, nodes: Mapping[str, Node], opening: Mapping[str, Hanging] | None = None, listing: Hanging | None = None) -> None:
        self.nodes = nodes
        self.opening = opening or {}
        self.listing = listing

    def __getitem__(self, name: str) -> Node:
        if name in self.opening:
            self.opening[name].wait()
        return self.nodes[name]

    def __iter__(self) -> Iterator[str]:
        if self.listing is not None:
            self.listing.wait()
        return iter(self.nodes)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def plain(value: int = 7, shape: tuple[int, ...] = (4,)) -> Array:
    """An array that blocks for no time."""
    data = np.full(shape, value, "<i4")
    return Array(shape=shape, dtype=data.dtype, read=lambda region: data[region], revision=lambda: "r1")


def folder(children: Mapping[str, Node]) -> Group:
    """A group as folders are: of sources that are looked up on a disk."""
    return Group(children=children, blocking=True, kind="folder")


class Asking:
    """Requests to an application in the running loop, each of which can be taken back."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def get(self, path: str, method: str = "GET", **headers: str) -> asyncio.Task[Answer]:
        return asyncio.ensure_future(asyncio.wait_for(asked(self.app, path, method, headers), WAIT))

    async def metric(self, name: str) -> float:
        lines = (await self.get("/metrics")).body.decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"tiled_zarr_{name}")).rpartition(" ")[2])

    async def threads(self, state: str, pool: str = "sources") -> float:
        return await self.metric(f'threads{{pool="{pool}",state="{state}"}}')

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Wait for something that nobody tells."""
        for _ in range(100 * WAIT):
            found = is_so()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it does not become so")


class Leaving:
    """A client that goes away when it is told to."""

    def __init__(self, app: Any, path: str) -> None:
        self._leaves = asyncio.Event()
        self.task = asyncio.ensure_future(app(scope_of(path), self._receive, self._send))

    def leave(self) -> None:
        self._leaves.set()

    async def _receive(self) -> dict[str, Any]:
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        raise AssertionError(message)
