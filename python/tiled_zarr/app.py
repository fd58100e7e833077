"""The composition root: builds the ASGI application from the settings and the tree.

`hypercorn tiled_zarr.app:app` serves the demo tree, unless TILED_ZARR_TREE, TILED_ZARR_DIRECTORY or
TILED_ZARR_CONFIG names another.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from starlette.types import ASGIApp, Receive, Scope, Send

from . import logs, ome
from .hierarchy import v2, v3
from .hierarchy.metadata import Config
from .http.endpoint import Endpoint
from .http.middleware import lifespan
from .http.middleware.access import Access
from .http.middleware.auth import Auth
from .http.middleware.callers import Caller, Callers, Identify
from .http.middleware.cors import Cors
from .http.middleware.hosts import Hosts
from .http.middleware.metrics import Counted, Metrics
from .http.others import others
from .http.protocol import caching, replies
from .http.routes import Routes
from .http.site.answers import answers
from .http.work.threads import Limits
from .http.work.work import Work
from .nodes import Group
from .resources import Resources
from .revisions import relaunch
from .settings import Settings, SettingsError, environment
from .tree import Tasks, plant, resources_of
from .views.frozen import Frozen
from .views.keyspaces import KeySpaces, Shown

log = logging.getLogger(__name__)

OBJECTS_BETWEEN_LOOKS = 10_000
"""New objects between two runs of the garbage collector.

With Python's default of 700 it runs thousands of times while one large document is rendered.
Without uvloop each connection leaves 7 objects in a reference cycle of asyncio; 10,000 of them are
2 MB, 50,000 were 8 MB. A document of 100,000 nodes takes as long with either (3.1 s).
"""


def create_app(
    root: Group,
    settings: Settings,
    tasks: Tasks | None = None,
    resources: Resources | None = None,
    identify: Identify | None = None,
) -> lifespan.Lifespan:
    """The application that serves `root`, whatever `settings.trees` says.

    `resources` are those with which the tree was made, if any; otherwise the application makes its
    own. It closes them at shutdown, so no other application may share them.

    With `identify`, each caller sees the tree that it gives them, nobody sees `root`, and the API
    key of the settings counts for nothing. Without it, raises SettingsError unless the settings are
    public or have a key. Raises SettingsError if the folder for levels cannot be used.
    """
    if identify is None:
        settings.require_access()
    if settings.instance is not None:
        relaunch(settings.instance)
    parts = Parts.of(settings, resources or resources_of(settings))
    named = Hosts(by_key(root, parts) if identify is None else by_caller(identify, parts), settings.allowed_hosts)
    guarded = Cors(named, settings.allow_origins)
    wanted = tasks or Tasks()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        try:
            async with lifespan.run(startup=wanted.startup, background=wanted.background, shutdown=wanted.shutdown):
                yield
        finally:
            parts.close()

    return lifespan.Lifespan(Counted(noted(guarded, settings), parts.metrics), running)


@dataclass(frozen=True, slots=True)
class Parts:
    """What requests for all trees of an application share, and what serves one tree with it."""

    settings: Settings
    resources: Resources
    work: Work
    pyramids: ome.Pyramids
    metrics: Metrics

    @classmethod
    def of(cls, settings: Settings, resources: Resources) -> Parts:
        """New parts. Raises SettingsError if the folder for levels cannot be used."""
        work = Work(settings.threads, resources, Limits(read=settings.read_timeout, queue=settings.queue_timeout))
        pyramids = pyramids_of(settings, resources)
        return cls(settings, resources, work, pyramids, Metrics(resources, work, pyramids.stores.planes.gauge))

    def routes(self, root: Group, *, public: bool, refusal: Callable[[], Exception] | None = None) -> Routes:
        """The application of one tree; `refusal` is that of KeySpace."""
        config, cache, work = self.settings.keyspace, self.resources.chunks, self.work
        spaces = KeySpaces(root, config, self.resources, refusal=refusal)
        formats = {prefix: spaces.of(prefix, how) for prefix, how in prefixes(config, ome.Pyramids(self.pyramids.stores)).items()}
        plain, pinned = caching.plain(self.settings.max_age, public=public), caching.pinned(public=public)
        endpoints = {prefix: Endpoint(keys, cache, work, plain) for prefix, keys in formats.items()}
        frozen = {prefix: Endpoint(Frozen(keys), cache, work, pinned, replies.SUPERSEDED) for prefix, keys in formats.items()}
        pages = answers(formats, cache, plain, public=public)
        return Routes(endpoints, frozen, others(pages, self.metrics, work, formats["zarr/v2"].source))

    def close(self) -> None:
        """End all threads and helper processes."""
        self.pyramids.close()
        self.work.shut_down()
        self.resources.close()


def by_key(root: Group, parts: Parts) -> ASGIApp:
    """The application of `root` for everyone, or for who has the API key."""
    public = parts.settings.public is True
    return Auth(parts.routes(root, public=public), parts.settings.api_key, public=public)


def by_caller(identify: Identify, parts: Parts) -> ASGIApp:
    """The applications of the trees of all callers."""

    def make(caller: Caller) -> ASGIApp:
        return parts.routes(caller.root(), public=caller.is_public, refusal=caller.refusal)

    return Callers(identify, make, parts.routes(Group({}), public=False))


def noted(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application with an access log and Server-Timing, if the settings ask for any of them."""
    is_logged = settings.log_level in {"info", "debug"}
    if not (is_logged or settings.slow_request or settings.server_timing):
        return app
    return Access(app, slow=settings.slow_request or inf, is_told=settings.server_timing)


def pyramids_of(settings: Settings, resources: Resources) -> ome.Pyramids:
    """The stores of image pyramids. Raises SettingsError if `levels_folder` cannot be used."""
    try:
        return ome.Pyramids.of(resources, folder=settings.levels_folder, budget=settings.tile_budget)
    except OSError as error:
        name, folder = settings.spelling("levels_folder"), settings.levels_folder
        raise SettingsError(
            f"{name}: cannot keep files in {folder}: {error.strerror or error}; give a folder in which the server may write, "
            "or leave levels_folder out to keep levels in memory"
        ) from error


def prefixes(config: Config, pyramids: ome.Pyramids) -> dict[str, Shown]:
    """How the tree is shown below each path prefix: as Zarr v2 and v3, as OME-NGFF 0.4 and 0.5."""
    return {
        "zarr/v2": Shown(v2),
        "zarr/v3": Shown(v3),
        "ome-zarr/0.4": Shown(v2, partial(ome.view, version="0.4", pyramids=pyramids), replace(config, separator="/")),
        "ome-zarr/0.5": Shown(v3, partial(ome.view, version="0.5", pyramids=pyramids)),
    }


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
