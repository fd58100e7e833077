"""A tree in which children cannot be opened, each in a way of its own, beside one that can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clients.every_type import array, group
from tiled_zarr.nodes import Group, Node, Unavailable

REASON = "rows of different lengths"


class Children(Mapping[str, Node]):
    """Names first, nodes on demand."""

    def __getitem__(self, name: str) -> Node:
        if name == "good":
            return array([1, 2, 3])
        if name == "ragged":
            raise Unavailable(REASON)
        if name == "dangling":
            raise FileNotFoundError("the link's target is gone")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("good", "ragged", "dangling"))

    def __len__(self) -> int:
        return 3


def tree() -> Group:
    return group({"mixed": Group(children=Children(), revision=lambda: "1")})
