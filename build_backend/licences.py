"""Write the licences of the software by others that a wheel contains.

They go into the folder `third-party`, which `license-files` in pyproject.toml names, so they end up
in the wheel's metadata. The native module contains Rust crates, C libraries that these bring along,
and Rust's standard library; the viewer's bundle contains packages from npm.

https://packaging.python.org/en/latest/specifications/core-metadata/#license-file-multiple-use
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import viewer

ROOT = viewer.ROOT
FOLDER = ROOT / "third-party"
NPM = FOLDER / "npm.txt"
CRATES = FOLDER / "rust.txt"
LIBRARY = FOLDER / "rust-library.html"
MANIFEST = ROOT / "rust" / "py" / "Cargo.toml"
NAMES = ("LICEN[CS]E*", "COPYING*", "COPYRIGHT*", "NOTICE*")
PLACES = ("", "*/", "*/lib/")
"""Where a crate has its own licence, and that of the C library inside it."""
NOT_CHOSEN = "GNU GENERAL PUBLIC LICENSE"
"""How a text begins that we do not need: zstd offers the GPL beside BSD."""
RULE = "-" * 80


@dataclass(frozen=True)
class Crate:
    """A Rust crate in the native module, and its folder."""

    name: str
    version: str
    license: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def texts(self) -> Iterator[str]:
        """The texts of its licences."""
        paths = {path for place in PLACES for name in NAMES for path in self.folder.glob(place + name)}
        for path in sorted(path for path in paths if path.is_file()):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            if not text.startswith(NOT_CHOSEN):
                yield text


def write_npm() -> None:
    """Copy the licences of the packages in each page's bundle, which Vite has written beside it."""
    if viewer.is_whole():
        FOLDER.mkdir(exist_ok=True)
        texts = [(viewer.BUNDLE / f"{page}.txt").read_text(encoding="utf-8") for page in viewer.PAGES]
        NPM.write_text(f"\n{RULE}\n\n".join(texts), encoding="utf-8")
    else:
        NPM.unlink(missing_ok=True)


def write_crates() -> None:
    """Write the licences of the crates in the native module and of Rust's standard library."""
    environment = rust_environment()
    metadata = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", str(MANIFEST)]
    remove_crates()
    FOLDER.mkdir(exist_ok=True)
    CRATES.write_text(document(linked(json.loads(output(metadata, environment)))), encoding="utf-8")
    library = Path(output(["rustc", "--print", "sysroot"], environment).strip(), "share", "doc", "rust", "COPYRIGHT-library.html")
    if library.is_file():  # Rust from a distribution may have it in a package of its own
        shutil.copyfile(library, LIBRARY)


def remove_crates() -> None:
    """Remove what `write_crates` has written."""
    for file in (CRATES, LIBRARY):
        file.unlink(missing_ok=True)


def document(crates: list[Crate]) -> str:
    """All crates with the names of their licences, then each text once, below the crates that have it."""
    owners: dict[str, list[str]] = {}
    for crate in crates:
        for text in dict.fromkeys(crate.texts()):
            owners.setdefault(text, []).append(str(crate))
    listed = "\n".join(f"{crate} ({crate.license})" for crate in crates)
    texts = [f"{', '.join(names)}\n\n{text}\n" for text, names in owners.items()]
    return f"\n{RULE}\n\n".join([f"tiled_zarr._native contains these Rust crates, and C libraries in them:\n\n{listed}\n", *texts])


def linked(metadata: Mapping[str, Any]) -> list[Crate]:
    """The crates of others on which the native module depends, on any system, in the order of their names.

    Crates that are needed to build or to test are left out.
    """
    nodes = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    ahead, met = [metadata["resolve"]["root"]], set()
    while ahead:
        here = ahead.pop()
        if here not in met:
            met.add(here)
            ahead += [dep["pkg"] for dep in nodes[here] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
    packages = [package for package in metadata["packages"] if package["id"] in met - set(metadata["workspace_members"])]
    crates = [Crate(p["name"], p["version"], p["license"], Path(p["manifest_path"]).parent) for p in packages]
    return sorted(crates, key=lambda crate: (crate.name, crate.version))


def rust_environment() -> dict[str, str] | None:
    """The environment with cargo on PATH; None if it is there already. As in maturin's own hooks."""
    if shutil.which("cargo"):
        return None
    from puccinialin import setup_rust

    return {**os.environ, **setup_rust()}


def output(command: list[str], environment: dict[str, str] | None) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=environment, cwd=ROOT).stdout
