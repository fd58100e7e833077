"""An application over a good image and others, and what holds of it whatever the others are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from asgi import Answer, ask
from ome.twins import node_of
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Group, Node
from tiled_zarr.settings import Settings

GOOD = np.arange(40 * 50, dtype="u2").reshape(40, 50)
DOCUMENTS = {"0.4": ".zattrs", "0.5": "zarr.json"}


def served(children: dict[str, Node], **settings: Any) -> Callable[..., Answer]:
    """Ask an application over these children and a good image."""
    app = create_app(Group(children={"good": node_of(GOOD), **children}), Settings(public=True, **settings))
    return lambda path, **extra: ask(app, path, **extra)


def attributes(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    document = json.loads(answer.body)
    found: dict[str, Any] = document.get("attributes", document)
    return {**found, **found.get("ome", {})}


def assert_neighbours_are_well(get: Callable[..., Answer]) -> None:
    for path in (
        "/",
        "/view/",
        "/zarr/v3/zarr.json",
        "/ome-zarr/0.4/",
        "/ome-zarr/0.5/",
        "/ome-zarr/0.4/.zattrs",
        "/ome-zarr/0.5/zarr.json",
    ):
        assert get(path).status == 200, path
    for version, name in DOCUMENTS.items():
        assert "omero" in attributes(get(f"/ome-zarr/{version}/good/{name}"))
    assert get("/thumbnail/good.png").status == 200
    assert get("/ome-zarr/0.4/good/0/0/0").status == 200
