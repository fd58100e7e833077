"""Reads arrays with zarr-python 2, and prints what is wrong by path: `read_zarr2.py URL FOLDER`.

FOLDER holds the right values. It runs in its own environment, which has only numpy, fsspec and
zarr.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fsspec
import numpy as np
import zarr


def main(url: str, folder: Path) -> None:
    """Read each path of `paths.json` and compare it with the array of its number in `truth.npz`."""
    root = zarr.open_group(fsspec.get_mapper(f"{url}/zarr/v2"), mode="r")
    wrong = {}
    with np.load(folder / "truth.npz") as truth:
        for number, path in enumerate(json.loads((folder / "paths.json").read_text())):
            try:
                np.testing.assert_array_equal(np.asarray(root[path][...]), truth[str(number)])
            except Exception as error:  # noqa: BLE001 - whatever a reader raises belongs into the report
                wrong[path] = f"{type(error).__name__}: {error}"[:300]
    print(json.dumps(wrong))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
