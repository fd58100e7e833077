"""docs/adapters.md and the package that it shows, tested and installed as its author would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snippets import ROOT

GUIDE = ROOT / "docs" / "adapters.md"
EXAMPLE = ROOT / "docs" / "example"
BLOCK = re.compile(r"^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READ = """
import sys, urllib.request
from pathlib import Path
import numpy as np
import tiled_zarr
from PIL import Image
from tiled_zarr_netpbm import Recording

movie = np.random.default_rng(1).integers(0, 60_000, (3, 256, 256), "<u2")
recording, folder = Recording(movie), Path(sys.argv[1])
with tiled_zarr.serve({"movie": recording}, public=True) as server:
    server["pictures"] = folder
    for version in (2, 3):
        root = server.zarr(zarr_format=version)
        assert sorted(root["pictures"]) == ["good"], sorted(root["pictures"])
        assert np.array_equal(root["pictures/good"][...], np.array(Image.open(folder / "good.pgm")))
        assert np.array_equal(root["movie"][...], movie)
        assert "bad" in root["pictures"].attrs["tiled_zarr"]["unavailable"]
    for key in ("v2/movie/2.0.0", "v3/movie/c/2/0/0"):
        assert urllib.request.urlopen(f"{server.url}/zarr/{key}").read() == recording.bodies[2], key
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which Python finds the package and its entry points, as after pip."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    folder = tmp_path_factory.mktemp("site")
    information = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = (f"{name} = {value}" for name, value in project["entry-points"]["tiled_zarr.adapters"].items())
    (information / "entry_points.txt").write_text("\n".join(["[tiled_zarr.adapters]", *lines, ""]))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [folder, EXAMPLE, ROOT / "python"]))}


def python(environment: dict[str, str], folder: Path, *arguments: str | Path) -> None:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_its_own_tests_pass(installed: dict[str, str], tmp_path: Path) -> None:
    python(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, EXAMPLE)


@pytest.mark.slow
def test_what_it_adapts_is_served(installed: dict[str, str], tmp_path: Path) -> None:
    Image.fromarray(np.arange(60 * 80, dtype="u2").reshape(60, 80) * 13).save(tmp_path / "good.pgm", "ppm")
    (tmp_path / "bad.pgm").write_bytes(b"")
    python(installed, tmp_path, "-W", "ignore", "-c", READ, tmp_path)


def test_the_guide_shows_the_package() -> None:
    """Each block is a part of a file of the package, word for word."""
    files = [path.read_text() for path in EXAMPLE.iterdir() if path.is_file()]
    blocks = BLOCK.findall(GUIDE.read_text())
    assert len(blocks) == 4
    assert [block for block in blocks if not any(block in text for text in files)] == []


def test_the_guide_names_what_is_public() -> None:
    import tiled_zarr
    import tiled_zarr.testing

    text = GUIDE.read_text() + (EXAMPLE / "tiled_zarr_netpbm.py").read_text()
    named = {"Snapshot", "FlatArray", "Dense", "Stored", "Sparse", "Group", "Table", "Array", "launch_nonce", "Resources"}
    assert named | {"Damaged", "TooLarge", "Unavailable"} <= {name for name in tiled_zarr.__all__ if re.search(rf"\b{name}\b", text)}
