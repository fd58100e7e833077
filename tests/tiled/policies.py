"""An access policy for trees in memory, and a tree of nodes for two callers, told apart by names and values."""

from __future__ import annotations

from typing import Any

import numpy as np
from tiled.access_control.access_policies import ALL_ACCESS
from tiled.access_control.protocols import AccessPolicy
from tiled.access_control.scopes import ALL_SCOPES
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.queries import Contains

USERS = ("alice", "bob")
VALUES = {"alice": 11111, "bob": 22222, "both": 3333}
"""What all elements of an array of someone's are."""


class ByReaders(AccessPolicy):
    """The metadata of a node say who may see it (`readers`) and who may read its data (`data`)."""

    def name(self, principal: Any) -> str:
        return next((identity.id for identity in principal.identities), "") if principal is not None else ""

    async def init_node(self, *_: Any) -> Any:
        raise NotImplementedError

    async def allowed_scopes(self, node: Any, principal: Any, authn_access_tags: Any, authn_scopes: Any) -> Any:
        said, name = node.metadata(), self.name(principal)
        if name == "admin":
            return ALL_SCOPES
        allowed = {"read:metadata"} if name in said.get("readers", ()) else set()
        return allowed | ({"read:data"} if allowed and name in said.get("data", said["readers"]) else set())

    async def filters(self, node: Any, principal: Any, authn_access_tags: Any, authn_scopes: Any, scopes: Any) -> Any:
        name = self.name(principal)
        return ALL_ACCESS if name == "admin" else [Contains("readers", name)]


def array(whose: str, **metadata: Any) -> ArrayAdapter:
    """An image of one value, whose metadata name it."""
    data = np.full((300, 300), VALUES[whose], "u2")
    readers = list(USERS) if whose == "both" else [whose]
    return ArrayAdapter.from_array(data, metadata={"readers": readers, "said": f"of_{whose}", **metadata})


def container(whose: str, **entries: Any) -> MapAdapter[Any]:
    readers = list(USERS) if whose == "both" else [whose]
    return MapAdapter(entries, metadata={"readers": readers, "said": f"of_{whose}"})


def tree() -> MapAdapter[Any]:
    """Nodes of each user, of both, and one that bob sees but may not read."""
    alices = {"alice_1": array("alice"), "alice_2": array("alice")}
    bobs = {"bob_1": array("bob")}
    return container(
        "both",
        **alices,
        **bobs,
        both_1=array("both"),
        folder_both=container("both", **alices, **bobs, both_2=array("both")),
        folder_alice=container("alice", **alices),
        folder_bob=container("bob", **bobs),
        alice_shown=array("alice", readers=list(USERS), data=["alice"], said="of both"),
    )
