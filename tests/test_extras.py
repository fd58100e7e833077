"""A message about a missing package holds a pip command that works before a release too."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tiled_zarr import extras

ROOT = Path(__file__).parents[1]
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
PACKAGES = {re.split(r"[^\w.-]", requirement)[0] for extra in set(EXTRAS) - {"all"} for requirement in EXTRAS[extra]}
LOADING = """
import json, sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))
from pathlib import Path
from tiled_zarr.adapters import file_adapter, suffixes
from tiled_zarr.nodes import Damaged

said = {}
for suffix in suffixes():
    try:
        file_adapter(Path(f"x{suffix}"))
    except Damaged as error:
        said[suffix] = str(error)
print(json.dumps(said))
"""
"""Loads the adapter of each suffix where some packages are missing, and prints the refusals."""


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"all"}))
def test_the_command_names_what_the_project_declares(extra: str) -> None:
    assert shlex.split(extras.command(extra)) == ["pip", "install", *EXTRAS[extra]]
    assert "tiled-zarr" not in extras.command(extra)


@pytest.mark.parametrize(
    ("module", "extra"),
    [("pyarrow", "tables"), ("pyarrow.parquet", "tables"), ("zarr.abc", "remote"), ("sparse", "sparse"), ("h5py", "hdf5")],
)
def test_the_cure_is_the_smallest_extra_with_the_package(module: str, extra: str) -> None:
    assert extras.cure(module) == f"; {extras.command(extra)}"


@pytest.mark.parametrize("module", ["no_such_package", "", None, "all"])
def test_what_no_extra_has_gets_no_command(module: str | None) -> None:
    assert extras.cure(module) == ""


def test_each_adapter_of_a_suffix_names_what_it_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING, *PACKAGES], check=True, capture_output=True, text=True, timeout=60)
    said = json.loads(done.stdout)
    assert {suffix for suffix in said if suffix in {".csv", ".parquet"}} == {".csv", ".parquet"}
    for suffix, text in said.items():
        assert text.endswith(f"; {extras.command('tables')}"), suffix


def test_no_message_asks_for_an_extra_of_ours() -> None:
    """`pip install 'tiled-zarr[...]'` fails as long as no index has tiled-zarr."""
    found = [
        f"{path.name}: {node.value}"
        for path in (ROOT / "python" / "tiled_zarr").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and "pip install 'tiled-zarr[" in str(node.value) and path.name != "extras.py"
    ]
    assert found == []
