"""Serve any tree of scientific data as Zarr v2 and v3 over HTTP, every chunk computed on demand."""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .nodes import Array, Damaged, Dense, Group, Node, Revision, Sparse, Stored, Table, TooLarge, Unavailable
from .version import __version__

if TYPE_CHECKING:
    from .adapters.common.flat import FlatArray
    from .adapters.common.snapshot import Snapshot
    from .baking import bake
    from .opening import open  # noqa: A004 - the public name, as gzip.open
    from .resources import Resources
    from .revisions import launch_nonce
    from .serving import serve
    from .stores import store

__all__ = [
    "Array",
    "Damaged",
    "Dense",
    "FlatArray",
    "Group",
    "Node",
    "Resources",
    "Revision",
    "Snapshot",
    "Sparse",
    "Stored",
    "Table",
    "TooLarge",
    "Unavailable",
    "__version__",
    "bake",
    "launch_nonce",
    "open",
    "serve",
    "store",
]


LATER = MappingProxyType(
    {
        "FlatArray": ".adapters.common.flat",
        "Resources": ".resources",
        "Snapshot": ".adapters.common.snapshot",
        "bake": ".baking",
        "launch_nonce": ".revisions",
        "open": ".opening",
        "serve": ".serving",
        "store": ".stores",
    }
)
"""What is imported at its first use, so that `import tiled_zarr` stays light."""


def __getattr__(name: str) -> Any:
    """What is imported at its first use."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(LATER[name], __name__), name)
    return found


def __dir__() -> list[str]:
    """The public names, also those that have not been imported yet."""
    return __all__
