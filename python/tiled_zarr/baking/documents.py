"""The metadata documents of a store: those of the key space, with shards and levels as baked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..attributes import OURS
from ..hierarchy import v2
from ..hierarchy.places import Place
from ..storage.shards import sharded
from .plan import LABELS, Plan

BAKED = "baked"
"""The attribute under ours that says what a store, or an array of it, was made from."""
Document = dict[str, Any]


def documents(plan: Plan, baked: Document, origins: Mapping[str, Document]) -> Iterator[tuple[str, bytes]]:
    """The documents by key, the root's last, so that nobody opens a store that is not whole.

    `baked` says in the root's attributes what the store was made from, `origins` in those of other
    arrays, by path.
    """
    said = {**origins, "": baked}
    found = {path: document for place in plan.places for path, document in of(plan, place, said)}
    if plan.root.group is not None and len(plan.places) <= plan.keyspace.config.max_nodes:
        consolidate(plan, found)
    for key in sorted(found, key=lambda key: (-key.count("/"), not key.endswith(".zattrs"), key)):
        yield key, json.dumps(found[key], allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def of(plan: Plan, place: Place, said: Mapping[str, Document]) -> Iterator[tuple[str, Document]]:
    """The documents of one node by key."""
    for name in plan.format.documents(is_group=place.group is not None):
        body = plan.keyspace.rendered(place, name).body
        if body is None:
            continue
        document: Document = json.loads(body)
        document.pop("consolidated_metadata", None)
        path = plan.below(place)
        output = plan.outputs.get(path)
        if name == "zarr.json" and output is not None and output.is_sharded:
            document = sharded(document, output.chunk_shape, output.box)
        attributes = document if name == ".zattrs" else document.get("attributes")
        if attributes is not None:
            if place.group is not None and place.group.kind == "image":
                exact(attributes, [child.wire_name for child in plan.places if child.above is place])
            if path in plan.refused:
                leave_out(attributes, plan.refused[path], is_labels=plan.is_ome and place.name == LABELS)
            if path in said:
                attributes[OURS] = {**attributes.get(OURS, {}), BAKED: said[path]}
        yield f"{path}/{name}" if path else name, document


def leave_out(attributes: Document, refused: Mapping[str, str], *, is_labels: bool) -> None:
    """Name the children that the target does not take, and list none of them as a label of an image."""
    ours = attributes.get(OURS, {})
    attributes[OURS] = {**ours, "unavailable": {**ours.get("unavailable", {}), **refused}}
    for listing in [attributes, attributes.get("ome", {})] if is_labels else []:
        listing["labels"] = [name for name in listing["labels"] if name not in refused]


def exact(attributes: Document, levels: list[str]) -> None:
    """Say of a multiscale image that all its levels are exact, and name only those that are baked."""
    [multiscale] = attributes.get("ome", attributes)["multiscales"]
    multiscale["metadata"]["sampled"] = []
    multiscale["datasets"] = [dataset for dataset in multiscale["datasets"] if dataset["path"] in levels]


def consolidate(plan: Plan, found: dict[str, Document]) -> None:
    """Add what all nodes below say to the root: its own document in v3, `.zmetadata` in v2.

    Siblings are next to each other: zarr-python relies on it.
    """
    if plan.format is v2:
        found[v2.CONSOLIDATED] = {"zarr_consolidated_format": 1, "metadata": dict(found)}
        return
    members = {key.rpartition("/")[0]: document for key, document in found.items() if "/" in key}
    found["zarr.json"]["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": members}
