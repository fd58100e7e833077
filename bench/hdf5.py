"""Chunks of an HDF5 file a second, compared with a simple server that uses h5py and numcodecs.

    python bench/hdf5.py [--quick] [--servers uvicorn hypercorn granian] [--rounds 7]
        [--seconds 2] [--connections 16]

The file has a stack of the camera image in chunks of 512 x 512, compressed with gzip level 4, once
without and once with the shuffle filter. Our server sends it as Blosc lz4, and as zlib, which is
what the dataset without shuffle already holds in Zarr v2; its cache is off. The other server
encodes both. It prints one line per comparison and appends it to bench/record/hdf5.csv.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import _effort
import _hdf5
from _contest import contest
from _report import Comparison, report
from _servers import Program, asgi, ours

SERVERS = ("uvicorn", "hypercorn", "granian")
OURS, OURS_ZLIB = "ours", "ours, zlib"
H5PY, H5PY_ZLIB = "h5py + numcodecs", "h5py + numcodecs, zlib"
COMPARISONS = {
    "gzip": [Comparison(OURS, H5PY, 3), Comparison(OURS_ZLIB, H5PY, 10), Comparison(OURS_ZLIB, H5PY_ZLIB)],
    "shuffled": [Comparison(OURS, H5PY, 3)],
}
"""The comparisons of each dataset.

A gzip chunk without shuffle is a Zarr v2 chunk of zlib byte for byte; one with shuffle is not.
"""


def programs(server: str, dataset: str) -> list[Program]:
    """The programs in the comparisons of a dataset."""
    folder = _hdf5.folder()
    source = {"source": ("directory", folder), "source_nbytes": (folder / "camera.h5").stat().st_size}
    our_paths = _hdf5.TILES.paths(f"/zarr/v2/camera/{dataset}/", ".")
    paths = _hdf5.TILES.paths(f"/{dataset}/", ".")
    known = [
        ours(OURS, server, our_paths, cache_size=0, codec="blosc:lz4:5", **source),
        asgi(H5PY, "_hdf5:app", server, paths, env={"BENCH_CODEC": "blosc"}),
        replace(ours(OURS_ZLIB, server, our_paths, cache_size=0, codec=f"zlib:{_hdf5.LEVEL}", **source), decode=zlib.decompress),
        replace(asgi(H5PY_ZLIB, "_hdf5:app", server, paths, env={"BENCH_CODEC": "zlib"}), decode=zlib.decompress),
    ]
    named = {name for comparison in COMPARISONS[dataset] for name in (comparison.ours, comparison.theirs)}
    return [program for program in known if program.name in named]


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS)
    options = parser.parse_args()
    for server in options.servers or (SERVERS[:1] if options.quick else SERVERS):
        for dataset, comparisons in COMPARISONS.items():
            results = contest(programs(server, dataset), _hdf5.TILES, _effort.effort(options))
            report("hdf5", f"{server}, HDF5 {dataset}", _hdf5.TILES, results, comparisons, server, "h5py", "numcodecs")


if __name__ == "__main__":
    main()
