"""Compares Tiled's demo tree, served by us, with what Tiled's own client reads.

    read_tiled.py URL

Tiled makes two columns with `random`, so both processes use the same seed. It prints {reader:
{path: ...}} as its last line.
"""

from __future__ import annotations

import functools
import json
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import zarr

from clients import compare
from clients.running import SEED

random.seed(SEED)

from tiled.client import Context, from_context  # noqa: E402 - after the seed
from tiled.examples.generated import tree  # noqa: E402
from tiled.server.app import build_app  # noqa: E402
from tiled.structures.core import StructureFamily  # noqa: E402

from tiled_zarr.attributes import OURS  # noqa: E402

DYNAMIC = "dynamic"
CHANGE_SECONDS = 30
NOT_ARRAYS = {"awkward", "ragged"}


def family(client: Any) -> str:
    return str(StructureFamily(client.structure_family).value)


def nodes(client: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and Tiled's client of every node, groups first."""
    yield path, client
    for name in client if family(client) == "container" else ():
        yield from nodes(client[name], f"{path}/{name}".lstrip("/"))


def counterpart(root: zarr.Group, path: str) -> Any:
    """What we serve at a path, or None."""
    return root.get(path) if path else root


def check(path: str, client: Any, ours: Any) -> None:
    """Raises Difference unless the two are equal."""
    if path == DYNAMIC:
        check_background_task(ours)
        return
    match family(client):
        case "container":
            check_unavailable(client, ours)
        case "table":
            check_table(client.read(), ours)
        case "sparse":
            compare.require_equal(client.read().todense(), ours[...])
        case "array":
            check_array(client, ours)
        case "awkward" | "ragged" if ours is not None:
            raise compare.Difference(f"it is shown as {ours}")


def check_unavailable(client: Any, ours: zarr.Group) -> None:
    """What cannot be shown is named in the group's attributes."""
    expected = {name for name in client if family(client[name]) in NOT_ARRAYS}
    got = set(ours.attrs.get(OURS, {}).get("unavailable", {}))
    if got != expected:
        raise compare.Difference(f"unavailable: expected {expected}, got {got}")


def check_table(frame: Any, ours: zarr.Group) -> None:
    columns = frame.reset_index()
    if set(columns) != set(ours.keys()):
        raise compare.Difference(f"columns: expected {sorted(columns)}, got {sorted(ours.keys())}")
    for name in columns:
        values = ours[name][...]
        compare.require_equal(columns[name].to_numpy().astype(values.dtype), values)


@functools.cache
def block(client: Any, box: compare.Box) -> np.ndarray[Any, Any]:
    """What Tiled's client reads, once for both formats."""
    region = tuple(slice(*bounds) for bounds in box)
    return np.asarray(client[region] if region else client.read())


def check_array(client: Any, ours: zarr.Array) -> None:
    size = int(np.prod(client.shape)) * client.dtype.itemsize
    for box in compare.regions(client.shape, ours.chunks, size):
        compare.require_equal(block(client, box), np.asarray(ours[tuple(slice(*bounds) for bounds in box)]))


def check_background_task(ours: zarr.Array) -> None:
    """Tiled's task counts up every 3 seconds; we read the value until it changes."""
    first, end = float(ours[0, 0]), time.monotonic() + CHANGE_SECONDS
    while time.monotonic() < end:
        block = ours[...]
        if block[0, 0] > first and (block == block[0, 0]).all():
            return
        time.sleep(0.5)
    raise compare.Difference(f"the value is still {first}")


def outcome(action: Callable[..., None], *arguments: Any) -> dict[str, Any]:
    try:
        action(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a client raises belongs into the report
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
    return {"ok": True}


def main(url: str) -> None:
    warnings.simplefilter("ignore")
    report = {}
    with Context.from_app(build_app(tree)) as context:
        client = from_context(context)
        roots = {f"v{version}": zarr.open_group(f"{url}/zarr/v{version}", mode="r", zarr_format=version) for version in (2, 3)}
        theirs = dict(nodes(client))
        for name, root in roots.items():
            report[name] = {path: outcome(check, path, node, counterpart(root, path)) for path, node in theirs.items()}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
