"""Nothing bad in a node or a mapping reaches its neighbours.

The documents above stay valid JSON, and name it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asgi import Answer, asked
from hostile_sources import Torn, hostile, names
from strategies import array_node
from tiled_zarr import Group, tojson
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings

GOOD = np.arange(6, dtype="<u2").reshape(2, 3)
JSON = {"accept": "application/json"}
DOCUMENTS = [
    *(f"/zarr/v2/{path}{name}" for path in ("", "group/") for name in (".zgroup", ".zattrs", ".zmetadata")),
    *(f"/zarr/v3/{path}zarr.json" for path in ("", "group/")),
    *(f"/ome-zarr/{path}" for path in ("0.4/.zattrs", "0.4/group/.zattrs", "0.5/zarr.json", "0.5/group/zarr.json")),
]
LISTINGS = [f"/{prefix}/{path}" for prefix in ("zarr/v2", "zarr/v3", "ome-zarr/0.4", "ome-zarr/0.5") for path in ("", "group/")]
PAGES = ["/", "/view/", "/view/group"]
BESIDE = [f"/zarr/{key}" for key in ("v2/good/.zarray", "v2/good/.zattrs", "v3/group/good/zarr.json", "v2/good/0.0", "v3/group/good/c/0/0")]
BOUNDS = {"MOST_VALUES": 2000, "MOST_TRIED": 4000, "MOST_TEXT": 100_000}
"""Bounds of attributes, lowered so that endless ones are found soon.

The program's own bounds have their own tests.
"""
LONGEST_REASON = 300


def tree(name: Any, bad: Any) -> Group:
    """A root and a group in it, each with a good array and the bad thing."""
    good = array_node(GOOD, attributes={"unit": "mm"})
    inner = Group(children=Torn({"good": good, name: bad}), revision=lambda: "r")
    return Group(children=Torn({"good": good, "group": inner, name: bad}), attributes={"root": True})


def kept(make: Callable[[], Any]) -> Callable[[], Any]:
    """A function that makes its node once, as sources do that remember what they opened."""
    return cache(make)


class Client:
    """Asks an application that is running."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def get(self, path: str, headers: Any = ()) -> Answer:
        """The answer, which is no failure."""
        answer = await asked(self.app, path, headers=headers)
        assert answer.status == 200, (path, answer.body[:300])
        return answer

    async def json(self, path: str, headers: Any = ()) -> Any:
        """A body as real JSON: UTF-8, no bare NaN."""

        def refuse(constant: str) -> None:
            raise AssertionError(constant)

        return json.loads((await self.get(path, headers)).body.decode("utf-8"), parse_constant=refuse)

    async def beside(self) -> list[bytes]:
        """What stands beside the bad thing."""
        return [(await self.get(path)).body for path in BESIDE]

    async def above(self) -> None:
        """All that stands above the bad thing."""
        for path in DOCUMENTS:
            await self.json(path)
        for path in LISTINGS:
            await self.json(path, JSON)
            await self.get(path)
        for path in PAGES:
            (await self.get(path)).body.decode("utf-8")


def with_client(root: Group, use: Callable[[Client], Any]) -> Any:
    """What `use` returns of an application that serves the tree."""

    async def run() -> Any:
        app = create_app(root, Settings(public=True))
        async with app.running():  # type: ignore[attr-defined] # a Lifespan
            return await use(Client(app))

    return asyncio.run(run())


EXPECTED = with_client(tree("other", array_node(GOOD)), Client.beside)


async def see(client: Client) -> tuple[set[str], dict[str, str], set[str]]:
    """The names in the root's listing and in its consolidated metadata; what is unavailable."""
    listing = await client.json("/zarr/v3/", JSON)
    root = await client.json("/zarr/v3/zarr.json")
    reasons = root["attributes"].get("tiled_zarr", {}).get("unavailable", {})
    assert listing["unavailable"] == reasons
    return (
        {child["name"] for child in listing["children"]},
        reasons,
        {path.partition("/")[0] for path in root["consolidated_metadata"]["metadata"]},
    )


@given(name=names, bad=hostile, is_kept=st.booleans())
def test_whatever_a_child_says_its_neighbours_are_served(name: Any, bad: Any, is_kept: bool) -> None:
    async def check(client: Client) -> None:
        for _ in range(2):  # what was found out by the first look is known to the second
            await client.above()
            assert await client.beside() == EXPECTED
        listed, reasons, consolidated = await see(client)
        assert consolidated == listed
        assert name in ("good", "group") or len(listed - {"good", "group"}) + len(reasons) == 1
        for why in reasons.values():
            assert 0 < len(why) <= LONGEST_REASON
            assert not re.search(r"0x[0-9a-f]{6}|\n|secret", why)
        for wire in listed:
            await client.json(f"/zarr/v3/{quote(wire)}/zarr.json")

    with patch.multiple(tojson, **BOUNDS):
        with_client(tree(name, kept(bad) if is_kept and callable(bad) else bad), check)
