"""Serve any tree of scientific data as Zarr v2 and v3 over HTTP, every chunk computed on demand."""

from typing import TYPE_CHECKING, Any

from .nodes import Array, Group, Node, Sparse, Table, Unavailable
from .version import __version__

if TYPE_CHECKING:
    from .baking import bake
    from .opening import open  # noqa: A004 - the public name, as gzip.open
    from .serving import serve
    from .stores import store

__all__ = ["Array", "Group", "Node", "Sparse", "Table", "Unavailable", "__version__", "bake", "open", "serve", "store"]


def __getattr__(name: str) -> Any:
    """What is imported at its first use, so that `import tiled_zarr` stays light."""
    found: Any
    match name:
        case "bake":
            from .baking import bake as found
        case "open":
            from .opening import open as found
        case "serve":
            from .serving import serve as found
        case "store":
            from .stores import store as found
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, also those that have not been imported yet."""
    return __all__
