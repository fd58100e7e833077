"""What walkers of Tiled mean here.

A walker registers the files of a folder in a catalog, so one of the user's own has nothing to write
to here. Tiled's own ones say how to treat numbered files. It asks those that are given first, and
then `group_image_sequences` and `one_node_per_item`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from ...adapters.directory.sequences import Rule

ROOM = "tiled.client.register"
RULES: MappingProxyType[str, Rule] = MappingProxyType({f"{ROOM}:group_image_sequences": "tiled", f"{ROOM}:one_node_per_item": "none"})
"""What becomes of numbered files if a walker is the first one."""


def rule(walkers: Sequence[str]) -> Rule:
    """Which numbered files are one stack, by the first of the walkers.

    Raises ValueError if one of them is none of those in RULES.
    """
    for walker in walkers:
        if walker not in RULES:
            raise ValueError(
                f"{walker}: a walker writes to a catalog of Tiled, and here is none. Register the files with `tiled register` or "
                f"`tiled serve directory`, and serve the catalog; known here are {', '.join(RULES)}"
            )
    return RULES[walkers[0]]
