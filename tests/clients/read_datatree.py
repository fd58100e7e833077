"""Opens groups as trees in xarray: `read_datatree.py URL GROUP...`.

Prints JSON by `v2 group` and `v3 group`: what `named_axes` returns, or the error.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import xarray


def named_axes(tree: xarray.DataTree) -> dict[str, dict[str, list[str]]]:
    """Of each group with variables of its own the names of their axes."""
    datasets = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    names = {path: {str(name): list(map(str, one.dims)) for name, one in found.variables.items()} for path, found in datasets.items()}
    return {path: variables for path, variables in names.items() if variables}


def opened(url: str, version: int) -> Any:
    try:
        with xarray.open_datatree(url, engine="zarr", zarr_format=version) as tree:
            return named_axes(tree)
    except (ValueError, KeyError) as error:
        return str(error)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    base, *groups = sys.argv[1:]
    print(json.dumps({f"v{version} {group}": opened(f"{base}/zarr/v{version}/{group}", version) for version in (2, 3) for group in groups}))
