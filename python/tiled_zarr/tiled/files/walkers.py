"""What walkers of Tiled mean here.

Tiled's own ones say how to treat numbered files. It asks those that are given first, and then
`group_image_sequences` and `one_node_per_item`. A walker of the user's own writes to a catalog, so
it needs one (registered.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from ...adapters.directory.sequences import Rule

ROOM = "tiled.client.register"
RULES: MappingProxyType[str, Rule] = MappingProxyType({f"{ROOM}:group_image_sequences": "tiled", f"{ROOM}:one_node_per_item": "none"})
"""What becomes of numbered files if a walker is the first one."""


def rule(walkers: Sequence[str]) -> Rule | None:
    """Which numbered files are one stack, by the first of the walkers.

    None if one of them is none of those in RULES.
    """
    return RULES[walkers[0]] if all(walker in RULES for walker in walkers) else None
