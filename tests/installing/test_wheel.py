"""A wheel carries the viewer, and the licences of all that others wrote in it."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from build_backend import viewer

from installing import glibc
from snippets import ROOT

# cargo compiles everything if there is nothing to copy
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

INFO = "tiled_zarr-0.1.0.dist-info"
CRATE = re.compile(r"^(\S+) v(\S+)")
C_LIBRARIES = {"lz4": "Yann Collet", "zstd": "Meta Platforms, Inc.", "libdeflate": "Eric Biggers"}
"""Authors of the C libraries that are inside crates, as their own licences name them."""


@pytest.fixture
def files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def crates(files: dict[str, bytes]) -> str:
    return files[f"{INFO}/licenses/third-party/rust.txt"].decode()


def test_it_carries_the_viewer(files: dict[str, bytes]) -> None:
    for name in viewer.FILES:
        assert files[f"tiled_zarr/http/static/viewer/{name}"]


def test_it_carries_the_contract_of_adapters(files: dict[str, bytes]) -> None:
    assert {f"tiled_zarr/testing/{name}.py" for name in ("__init__", "contract", "files", "readback")} <= set(files)


def test_its_metadata_name_the_licences(files: dict[str, bytes]) -> None:
    named = message_from_bytes(files[f"{INFO}/METADATA"]).get_all("License-File")
    held = {name.removeprefix(f"{INFO}/licenses/") for name in files if name.startswith(f"{INFO}/licenses/")}
    assert named
    assert set(named) == held
    assert held >= {"LICENSE", "third-party/npm.txt", "third-party/rust.txt"}


def test_every_crate_has_its_licence(crates: str) -> None:
    """Cargo itself says which crates there are; those of ours have the licence of the package."""
    command = ["cargo", "tree", "--package", "tiled-zarr-py", "--locked", "--edges", "normal", "--target", "all", "--prefix", "none"]
    lines = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    others = {" ".join(found.groups()) for line in lines if (found := CRATE.match(line)) and not line.startswith("tiled-zarr-")}
    listed, *texts = crates.split("\n" + "-" * 80 + "\n\n")
    with_text = {name for text in texts for name in text.partition("\n")[0].split(", ")}
    assert len(others) > 20
    assert {line.partition(" (")[0] for line in listed.splitlines()[2:]} == others
    assert with_text == others


@pytest.mark.parametrize("library", C_LIBRARIES)
def test_the_c_libraries_in_crates_have_theirs(crates: str, library: str) -> None:
    assert C_LIBRARIES[library] in crates
    assert "GNU GENERAL PUBLIC LICENSE\n" not in crates


def test_every_package_of_the_viewer_has_its_licence(files: dict[str, bytes]) -> None:
    text = files[f"{INFO}/licenses/third-party/npm.txt"].decode()
    named = set(re.findall(r"^(\S+) [\d.]+ \(", text, re.MULTILINE))
    direct = set(json.loads((ROOT / "viewer" / "package.json").read_text())["dependencies"])
    assert direct <= named


@pytest.mark.parametrize(
    ("name", "symbols", "said"),
    [
        ("x-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", b"GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_2.3.4\0", ""),
        ("x-manylinux_2_17_x86_64.whl", b"GLIBC_2.17\0GLIBC_2.34\0", "x-manylinux_2_17_x86_64.whl: needs glibc 2.34"),
        ("x-linux_x86_64.whl", b"GLIBC_2.17\0", "x-linux_x86_64.whl: its name promises no version of glibc"),
    ],
    ids=["keeps", "breaks", "says nothing"],
)
def test_the_glibc_that_a_name_promises(tmp_path: Path, name: str, symbols: bytes, said: str) -> None:
    """`make wheel` holds each wheel to it."""
    wheel = tmp_path / name
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiled_zarr/_native.abi3.so", b"\x7fELF\0" + symbols)
    assert glibc.fault(wheel) == said
