"""Whose syntax a configuration file has: ours, or that of Tiled's server.

Both have a list `trees`, so a name is not enough: the keys of the file and of its trees say it.
https://blueskyproject.io/tiled/reference/service-configuration.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, TypeAlias

from .declarations import SettingsError
from .spots import Spot
from .values import SETTINGS

TILED = frozenset(
    {
        "access_control",
        "allow_origins",
        "authentication",
        "catalog",
        "catalog_max_overflow",
        "catalog_pool_size",
        "create_mount_nodes_if_not_exist",
        "database",
        "exact_count_limit",
        "expose_raw_assets",
        "file_extensions",
        "media_types",
        "metrics",
        "object_cache",
        "reject_undeclared_specs",
        "response_bytesize_limit",
        "routers",
        "specs",
        "storage_max_overflow",
        "storage_pool_size",
        "streaming_cache",
        "uvicorn",
        "webhooks",
    }
)
"""The keys of Tiled's configuration besides `trees`; `object_cache` is one of older versions, which Tiled refuses."""
TILED_TREE = frozenset({"args", "path", "tree"})
"""The keys of an item of Tiled's `trees`."""
HINT = "nor is it Tiled's syntax, in which trees are [{path: /, tree: 'module:name'}], or catalog is {uri: ...}"
"""What an error adds if no key says whose syntax a file has."""
Syntax: TypeAlias = Literal["ours", "tiled"]


def syntax_of(document: Any, where: Spot, tree: Collection[str]) -> Syntax | None:
    """The syntax of a parsed file, None if no key says it; `tree` has the keys of an item of our `trees`.

    Raises SettingsError if some keys are only ours and others only Tiled's; it names them with
    their lines.
    """
    ours = list(keys_of(document, where, SETTINGS.keys() - TILED, {*tree} - TILED_TREE))
    theirs = list(keys_of(document, where, TILED - SETTINGS.keys(), TILED_TREE - {*tree}))
    if ours and theirs:
        raise SettingsError(
            f"{where.file} mixes two syntaxes: {listed(theirs)} {are(theirs)} Tiled's, {listed(ours)} {are(ours)} tiled-zarr's; "
            "keep one of them. With Tiled's, give tiled-zarr's settings as options (--codec) or variables (TILED_ZARR_CODEC)"
        )
    return "tiled" if theirs else "ours" if ours else None


def keys_of(document: Any, where: Spot, top: Collection[str], tree: Collection[str]) -> Iterator[Spot]:
    """Yield where a file has a key out of `top`, or an item of its `trees` one out of `tree`."""
    if not isinstance(document, dict):
        return
    yield from (where.at(name) for name in document if name in top)
    trees = document.get("trees")
    for number, item in enumerate(trees if isinstance(trees, list) else ()):
        if isinstance(item, dict):
            yield from (where.at("trees").item(number).at(name) for name in item if name in tree)


def listed(found: list[Spot]) -> str:
    """Keys with their lines."""
    return ", ".join(f"{spot.path} (line {spot.line})" for spot in found)


def are(found: list[Spot]) -> str:
    """The verb for one key or for several."""
    return "is" if len(found) == 1 else "are"
