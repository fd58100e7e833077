"""The application for any ASGI server: `hypercorn tiled_zarr.app:app`.

It serves the demo tree, unless TILED_ZARR_TREE, TILED_ZARR_DIRECTORY or TILED_ZARR_CONFIG names
another.
"""

from __future__ import annotations

import gc
import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from . import logs
from .assembly import create_app
from .settings import SettingsError, environment
from .tree import plant

__all__ = ["Late", "app", "create_app", "from_environment", "settle"]

log = logging.getLogger(__name__)

OBJECTS_BETWEEN_LOOKS = 10_000
"""New objects between two runs of the garbage collector.

With Python's default of 700 it runs thousands of times while one large document is rendered.
Without uvloop each connection leaves 7 objects in a reference cycle of asyncio; 10,000 of them are
2 MB, 50,000 were 8 MB. A document of 100,000 nodes takes as long with either (3.1 s).
"""


class Late:
    """The application that the environment describes, made at its first use.

    So importing this module opens no data.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the application if there is none yet, then call it.

        If that fails, reports a failed startup (lifespan) or raises SettingsError.
        """
        refusal = self.make() if self.app is None else None
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": refusal})
        else:
            raise SettingsError(refusal)

    def make(self) -> str | None:
        """Make the application. Returns None, or the reason if it cannot be made."""
        try:
            self.app = from_environment()
        except SettingsError as error:
            return str(error)
        except Exception as error:
            log.exception("the tree cannot be made")
            return f"the tree cannot be made: {type(error).__name__}: {error}"
        return None


def from_environment() -> ASGIApp:
    """The application that the environment describes. Raises SettingsError if it is not valid."""
    settings = environment.from_environment().decided().require_access()
    if not logs.is_begun():
        logs.begin(settings.log_level, settings.log_format)
    if settings.tiled is not None:
        from .tiled.config import application as deployed

        behind = deployed(settings)
        settle()
        return behind
    tree = plant(settings)
    application = create_app(tree.root, settings, tree.tasks, tree.resources, tree.identify)
    settle()
    return application


def settle() -> None:
    """Freeze all present objects and run the garbage collector less often.

    A run of the collector delays all requests.

    The second `collect` has nothing to look at. It resets the number of old objects: Python makes a
    full collection only once new objects exceed a quarter of it. If the frozen objects were
    counted, garbage would first grow to a quarter of them.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS)


app = Late()
