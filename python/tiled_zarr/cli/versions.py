"""What `tiled-zarr --version` prints: our version, the native module's, and those of libraries."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from .. import _native
from ..version import __version__

LIBRARIES = (
    "numpy",
    "hypercorn",
    "uvicorn",
    "granian",
    "h5py",
    "tifffile",
    "imagecodecs",
    "pillow",
    "pandas",
    "pyarrow",
    "zarr",
    "xarray",
    "dask",
    "sparse",
    "tiled",
)


def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the versions and end, if the option was given."""
    if wanted and not ctx.resilient_parsing:
        click.echo("\n".join(lines()))
        ctx.exit()


def lines() -> list[str]:
    """One line for the program, one for the native module, one for the libraries found, one for those missing."""
    found = {name: known for name in LIBRARIES if (known := version_of(name)) is not None}
    missing = [name for name in LIBRARIES if name not in found]
    return [
        f"tiled-zarr, version {__version__} (Python {platform.python_version()}, {platform.machine()})",
        f"native module {_native.__version__}: codecs {', '.join(codecs())}",
        "found: " + ", ".join(f"{name} {known}" for name, known in found.items()),
        *(["not installed: " + ", ".join(missing)] if missing else []),
    ]


def codecs() -> list[str]:
    """The codecs that the native module can make."""
    return [name for name in ("blosc", "zstd", "gzip", "zlib", "lz4", "none") if makes(name)]


def makes(name: Any) -> bool:
    """True if the native module has a codec of this name."""
    try:
        _native.Codec(name)
    except ValueError:
        return False
    return True


def version_of(name: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
