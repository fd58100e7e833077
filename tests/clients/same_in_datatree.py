"""Opens a served folder as one DataTree, and each of its sources by itself.

    same_in_datatree.py FOLDER URL FORMATS

It prints JSON, {source/group v2: what differs}, with an empty text if nothing does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import xarray

from clients.same_in_xarray import difference


def local(path: Path) -> xarray.DataTree:
    if path.suffix == ".nc":
        return xarray.open_datatree(path, engine="h5netcdf")
    return xarray.open_datatree(path, engine="zarr", consolidated=False, chunks=None)


def report(folder: Path, url: str, version: str) -> dict[str, str]:
    """What differs in each group of each source.

    Raises what xarray raises if the folder does not open as a whole.
    """
    with xarray.open_datatree(f"{url}/zarr/v{version}", engine="zarr", zarr_format=int(version), chunks=None) as served:
        paths = sorted(folder.iterdir())
        unexpected = sorted(set(served.children) ^ {path.stem for path in paths})
        found = {f"/ v{version}": f"sources: {unexpected} are in one alone" if unexpected else ""}
        for path in paths:
            found |= {f"{path.name}{group} v{version}": why for group, why in compared(local(path), served[path.stem])}
        return found


def compared(mine: xarray.DataTree, theirs: xarray.DataTree) -> list[tuple[str, str]]:
    groups = {node.path: node for node in mine.subtree}
    others = {node.path.removeprefix(theirs.path) or "/": node for node in theirs.subtree}
    if groups.keys() != others.keys():
        return [("/", f"groups: expected {sorted(groups)}, got {sorted(others)}")]
    return [(path, difference(node.to_dataset().load(), others[path].to_dataset().load())) for path, node in groups.items()]


if __name__ == "__main__":
    reasons = {key: why for version in sys.argv[3].split(",") for key, why in report(Path(sys.argv[1]), sys.argv[2], version).items()}
    print(json.dumps(reasons))
