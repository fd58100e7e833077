"""Compares all data in folders of files, as we serve them, with what each file's own library reads.

    PYTHONPATH=python:tests python tests/real_files.py FOLDER...

For each folder and format it counts the datasets that are equal, *named* (the group gives a reason
in their place) or wrong, and prints each reason and each wrong dataset. The exit code is 1 if any
is wrong. Of arrays of more than 8 MiB, both ends and the middle are compared.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pandas
import zarr

from live import live
from real_sources import Found, found_in, is_served
from real_values import block, boxes, difference, of_column, reasons
from tiled_zarr.hierarchy import names

Way: TypeAlias = tuple[str, ...]
PATTERNS = {2: names.FORBIDDEN_V2, 3: names.FORBIDDEN}


class Served:
    """Nodes of a served folder by their paths in the source, each asked for once."""

    def __init__(self, url: str, version: int) -> None:
        self.forbidden = PATTERNS[version]
        # the documents of the whole tree open
        zarr.open_group(f"{url}/zarr/v{version}", mode="r", zarr_format=version)
        self.nodes: dict[Way, Any] = {(): zarr.open_group(f"{url}/zarr/v{version}", mode="r", zarr_format=version, use_consolidated=False)}

    def find(self, path: Way) -> Any:
        """The node at a path, or why there is none. Raises KeyError if there is neither."""
        if path not in self.nodes:
            above = self.find(path[:-1])
            self.nodes[path] = above if isinstance(above, str) else self.child(above, path[-1])
        return self.nodes[path]

    def child(self, above: zarr.Group, name: str) -> Any:
        why = reasons(above).get(name)
        return why or above[names.wire(name, self.forbidden)]

    def of_file(self, folder: Way, file: Path) -> Way:
        """The path of a file: by its stem, unless that would not tell it from others."""
        try:
            self.find((*folder, file.name))
        except KeyError:
            stem = file.name.removesuffix(".gz")
            return (*folder, stem.removesuffix(Path(stem).suffix).removesuffix(".ome"))
        return (*folder, file.name)

    def dialect(self, path: Way) -> dict[str, Any]:
        """How a text table is written, as its attributes say."""
        try:
            node = self.find(path)
        except KeyError:
            return {}
        dialect: dict[str, Any] = {} if isinstance(node, str) else dict(node.attrs).get("tiled_zarr", {}).get("csv", {})
        return dialect


def verdict(node: Any, truth: Found) -> tuple[str, str]:
    """What became of a dataset: equal, named (with the reason) or wrong (with what differs)."""
    if isinstance(node, str):
        return "named", node
    if truth is None:
        return "wrong", f"its own library reads nothing there, got {node}"
    if isinstance(truth, pandas.Series):
        why = of_column(truth, node[:])
        return ("wrong", why) if why else ("equal", "")
    for box in boxes(truth):
        if why := difference(block(truth, box), node if isinstance(node, zarr.Group) else block(node, box)):
            return "wrong", why
    return "equal", ""


def report(folder: Path, url: str, version: int) -> Iterator[tuple[str, str, str]]:
    """Dataset, and what became of it, in all files of a folder whose kind we serve."""
    served = Served(url, version)
    for file in sorted(path for path in folder.rglob("*") if is_served(path)):
        above = served.of_file(file.relative_to(folder).parent.parts, file)
        for inner, truth in found_in(file, served.dialect(above)):
            path = (*above, *inner)
            try:
                yield "/".join(path), *verdict(served.find(path), truth)
            except Exception as error:  # noqa: BLE001 - a reader that fails is what we look for
                yield "/".join(path), "wrong", f"{type(error).__name__}: {error}"


def main(folders: list[Path]) -> int:
    warnings.simplefilter("ignore")
    totals: Counter[str] = Counter()
    for folder in folders:
        with live("directory", folder, "--public") as server:
            for version in (2, 3):
                results = list(report(folder, server.url, version))
                for why, count in Counter(why for _, what, why in results if what == "named").most_common():
                    print(f"  {count} named v{version}: {why}"[:300])
                for path, why in ((path, why) for path, what, why in results if what == "wrong"):
                    print(f"  wrong v{version} {path}: {why}"[:400])
                counts = Counter(what for _, what, _ in results)
                totals += counts
                line = ", ".join(f"{counts[what]} {what}" for what in ("equal", "named", "wrong"))
                print(f"{folder.name} v{version}: {line}", flush=True)
    return 1 if totals["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
