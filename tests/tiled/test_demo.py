"""Our server reads as Tiled's own client does, in an environment with Tiled.

Served are Tiled's demo tree and Tiled's adapters.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients import running, tiled_serving

PATHS = {
    *("", "scalars", "scalars/pi", "scalars/e_arr", "scalars/fsc", "scalars/fortytwo", "nested", "nested/images", "nested/cubes"),
    *(f"nested/images/{size}_image" for size in ("tiny", "small", "medium", "big")),
    *("nested/cubes/tiny_cube", "nested/cubes/tiny_hypercube", "nested/complex", "nested/sparse_image"),
    *("nested/awkward_array", "nested/ragged_array"),
    *("tables", "tables/short_table", "tables/long_table", "tables/wide_table", "structured_data", "structured_data/pets"),
    *(f"structured_data/xarray_dataset{name}" for name in ("", "/lat", "/lon", "/time", "/temperature", "/precipitation")),
    *("flat_array", "low_entropy", "high_entropy", "dynamic"),
}


@pytest.mark.timeout(400)
def test_the_demo_tree_through_the_command_line(tmp_path: Path) -> None:
    with tiled_serving.serving("tiled.examples.generated:tree", tmp_path) as server:
        report = json.loads(running.in_environment("tiled", running.HERE / "read_tiled.py", server.url).splitlines()[-1])
    for version in ("v2", "v3"):
        assert {path: entry["error"] for path, entry in report[version].items() if not entry["ok"]} == {}
        assert set(report[version]) == PATHS
