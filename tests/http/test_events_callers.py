"""Callers of `identify` follow the tree that they see, until they may not see it any more."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from asgi import asked
from streaming import following
from tiled_zarr import Array, Group
from tiled_zarr.app import create_app
from tiled_zarr.http.live import events, poller
from tiled_zarr.http.middleware.callers import Caller
from tiled_zarr.http.protocol import keys, replies
from tiled_zarr.http.protocol.replies import Reply
from tiled_zarr.settings import Settings


def array(rows: int) -> Array:
    data = np.zeros((rows,))
    return Array(shape=data.shape, dtype=data.dtype, read=lambda region: data[region], revision=lambda: "r")


@pytest.mark.parametrize("is_eventful", [True, False], ids=["at the next event", "at the next heartbeat"])
def test_a_key_that_is_revoked_ends_the_stream(monkeypatch: pytest.MonkeyPatch, is_eventful: bool) -> None:
    monkeypatch.setattr(poller, "SHORTEST", 0.02)
    monkeypatch.setattr(events, "HEARTBEAT", 60.0 if is_eventful else 0.05)
    valid = {"ann", "bob"}
    trees: dict[str, dict[str, Any]] = {"ann": {"x": array(1)}, "bob": {"x": array(2)}}

    async def identify(scope: Any) -> Caller | Reply:
        name = keys.in_prefix(scope) or "none"
        return Caller(identity=name, root=lambda: Group(trees[name])) if name in valid else replies.UNAUTHORIZED

    async def told() -> None:
        app = create_app(Group({}), Settings(), identify=identify)
        async with following(app, "/k/ann/events/x") as ann, following(app, "/k/bob/events/x") as bob:
            for follower, rows in ((ann, 1), (bob, 2)):
                assert (await follower.start())[0] == 200
                assert (await follower.event()).data["shape"] == [rows]
            valid.discard("ann")
            trees["ann"]["x"] = trees["bob"]["x"] = array(3)
            with pytest.raises(EOFError):
                await ann.event()
            assert (await bob.event()).data["shape"] == [3]
        assert (await asked(app, "/k/ann/events/x")).status == 401

    asyncio.run(told())
