"""Trees of many small arrays, for benchmarks of metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

PLACES = np.zeros(4, "f4")


def thousand() -> Mapping[str, Any]:
    """1000 nodes: the root, nine groups, 990 arrays."""
    return groups(9, 110)


def hundred_thousand() -> Mapping[str, Any]:
    """100000 nodes: the root, 271 groups, 99728 arrays."""
    return groups(271, 368)


def groups(count: int, arrays: int) -> dict[str, Any]:
    """A tree of `count` groups with `arrays` arrays each."""
    return {f"group{group:03}": {f"array{array:03}": PLACES for array in range(arrays)} for group in range(count)}


def paths(tree: Mapping[str, Any], key: str, base: str) -> list[str]:
    """The URL paths of the document `key` of every node, from the root down."""
    below = [path for name, child in tree.items() for path in under(child, key, f"{base}{name}/")]
    return [base + key, *below]


def under(node: Any, key: str, base: str) -> list[str]:
    """The same for one child."""
    return paths(node, key, base) if isinstance(node, Mapping) else [base + key]
