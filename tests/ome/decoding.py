"""Levels and documents of images, decoded by zarr-python from what an application has sent."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from asgi import ask

VERSIONS = {"0.4": "", "0.5": "c/"}


def level(app: Any, version: str, path: str, number: int) -> np.ndarray[Any, Any]:
    """The values of a level, which zarr-python decodes."""
    store, is_v2 = MemoryStore(), version == "0.4"
    base = f"/ome-zarr/{version}/{path}/{number}"
    name = ".zarray" if is_v2 else "zarr.json"
    body = ask(app, f"{base}/{name}").body
    document = json.loads(body)
    chunks = document["chunks"] if is_v2 else document["chunk_grid"]["configuration"]["chunk_shape"]
    counts = [-(-size // chunk) for size, chunk in zip(document["shape"], chunks, strict=True)]
    found = {name: body}
    for index in itertools.product(*map(range, counts)):
        key = VERSIONS[version] + "/".join(map(str, index))
        answer = ask(app, f"{base}/{key}")
        assert answer.status == 200
        found[key] = answer.body

    async def fill() -> None:
        for key, value in found.items():
            await store.set(key, default_buffer_prototype().buffer.from_bytes(value))

    asyncio.run(fill())
    return np.asarray(zarr.open_array(store, mode="r", zarr_format=2 if is_v2 else 3)[...])


def multiscale(app: Any, version: str, path: str) -> dict[str, Any]:
    document = json.loads(ask(app, f"/ome-zarr/{version}/{path}/{'.zattrs' if version == '0.4' else 'zarr.json'}").body)
    ome = document if version == "0.4" else document["attributes"]["ome"]
    found: dict[str, Any] = ome["multiscales"][0]
    return found
