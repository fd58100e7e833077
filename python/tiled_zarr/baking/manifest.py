"""The manifest: the first object of a store, which says what the store is made from, and how.

A run that goes on where another one ended must make the same bytes. So it compares what it would
write into the manifest with what is there. The manifest goes when the store is whole; then the
attributes of its root say what it was made from.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from ..storage.maker import maker
from ..storage.targets import Reader, Target
from .plan import Plan

KEY = ".tiled-zarr-bake.json"
"""The key of the manifest."""
SOURCE = "source"
BY = "tiled_zarr"
VERSION = "version"
NUMBER = 2
"""The version of the manifest, and of what documents say. In version 1 arrays said no origin."""
ORIGIN = "origin"
"""The name of an array's origin (origins.py)."""

Manifest = dict[str, Any]


class CannotBake(Exception):
    """The target holds something else, or the source has changed; the text says what to do."""


def of(plan: Plan) -> Manifest:
    """The manifest of a plan, in the order in which differences are told. Looks at each source."""
    origins = plan.origins()
    return {
        BY: maker(),
        VERSION: NUMBER,
        "format": "ome-zarr" if plan.is_ome else "zarr",
        "zarr_format": plan.choice.zarr_format,
        "levels": plan.choice.levels,
        SOURCE: plan.revision(),
        "arrays": {
            path: {
                "shape": list(output.shape),
                "dtype": str(output.recipe.wire),
                "chunks": list(output.chunk_shape),
                "box": list(output.box),
                "codec": str(output.recipe.codec),
                **({ORIGIN: origins[path]} if origins.get(path) else {}),
            }
            for path, output in plan.outputs.items()
        },
    }


def baked(manifest: Manifest) -> dict[str, Any]:
    """What the root's attributes say of a store: its source, its maker, a digest of the manifest.

    Of a store that is one array they also say its origin.
    """
    digest = blake2b(json.dumps(manifest, sort_keys=True).encode(), digest_size=16).hexdigest()
    return {SOURCE: manifest[SOURCE], BY: manifest[BY], VERSION: NUMBER, "manifest": digest, **origins(manifest).get("", {})}


def origins(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What the attributes of arrays say, by path: the origins of those that have one."""
    return {path: {ORIGIN: array[ORIGIN]} for path, array in manifest["arrays"].items() if ORIGIN in array}


def begin(target: Target, manifest: Manifest, where: str, *, resume: bool) -> bool:
    """Write the manifest, or compare it with the one there; True if the store is whole already.

    Raises CannotBake if the target holds something else, or was made from something else.
    """
    known = target.get(KEY)
    if known is not None:
        if not resume:
            raise CannotBake(f"{where} holds a store that is not finished: go on with --resume, or remove it")
        compare(json.loads(known), manifest, where)
        target.sweep()
        return False
    if is_whole(target, manifest, where, resume=resume):
        return True
    target.sweep()
    target.put(KEY, json.dumps(manifest, indent=1).encode())
    return False


def is_whole(target: Reader, manifest: Manifest, where: str, *, resume: bool) -> bool:
    """True if a target that holds something is the store of a manifest, False if it holds nothing.

    Raises CannotBake if it holds something else, or should be new.
    """
    if not target.is_empty():
        finished = said(target)
        if not resume or finished is None:
            raise CannotBake(f"{where} is not empty: give another target, or remove it")
        if finished != baked(manifest):
            raise CannotBake(f"{where} was made from another source, or with other options: remove it, or give another target")
        return True
    return False


def compare(known: Manifest, manifest: Manifest, where: str) -> None:
    """Raise CannotBake if two manifests differ, and name what differs."""
    if manifest[SOURCE] is None:
        raise CannotBake(f"the source cannot say whether it has changed since {where} was begun: remove {where}, and bake anew")
    for name, value in manifest.items():
        was = known.get(name)
        if was == value:
            continue
        if name == SOURCE:
            raise CannotBake(f"the source has changed since {where} was begun: remove {where}, and bake anew")
        hint = difference(was, value) if isinstance(value, dict) else f"{was!r}, now {value!r}"
        raise CannotBake(f"{where} was begun with another {name} ({hint}): give the same options, or remove {where}")


def difference(was: Any, now: Manifest) -> str:
    """The first array that differs between two manifests."""
    for path in sorted({*was, *now}):
        one, other = was.get(path) or {}, now.get(path) or {}
        for name in other or one:
            if one.get(name) != other.get(name):
                return f"/{path}: {name} {one.get(name)}, now {other.get(name)}"
    return "other arrays"


def said(target: Reader) -> dict[str, Any] | None:
    """What the root of a store, or an array, says that it was made from; None if it says nothing."""
    for key in ("zarr.json", ".zattrs"):
        body = target.get(key)
        if body is not None:
            document = json.loads(body)
            attributes = document.get("attributes", {}) if key == "zarr.json" else document
            found: dict[str, Any] | None = attributes.get("tiled_zarr", {}).get("baked")
            return found
    return None
