"""The composition root: builds the ASGI application from the settings and the tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from starlette.types import ASGIApp

from . import baking, minmax, ome, sums
from .hierarchy import v2, v3
from .hierarchy.keyspace import KeySpace
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
from .http.profiles import Profiles
from .http.protocol import caching, replies
from .http.routes import Routes
from .http.s3.buckets import Buckets
from .http.site import errors
from .http.site.answers import answers
from .http.work.threads import Limits
from .http.work.work import Work
from .nodes import Group
from .resources import IN_FLIGHT, Resources
from .revisions import relaunch
from .settings import Settings, SettingsError
from .tree import Tasks, resources_of
from .views.frozen import Frozen
from .views.keyspaces import KeySpaces, Shown
from .views.profile import Profile
from .views.view import View, composed, same


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
    named = Hosts(by_key(root, parts) if identify is None else by_caller(identify, parts), settings.allowed_hosts, errors.shown)
    guarded = Cors(named, settings.allow_origins)
    wanted = tasks or Tasks()
    background = [*wanted.background, parts.metrics.keep_writing]

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        try:
            async with lifespan.run(startup=wanted.startup, background=background, shutdown=wanted.shutdown):
                yield
        finally:
            await parts.close()

    return lifespan.Lifespan(Counted(noted(guarded, settings), parts.metrics), running, parts.work.streams.end)


@dataclass(frozen=True, slots=True)
class Parts:
    """What requests for all trees of an application share, and what serves one tree with it."""

    settings: Settings
    resources: Resources
    work: Work
    pyramids: ome.Pyramids
    metrics: Metrics
    baked: baking.Stores | None

    @classmethod
    def of(cls, settings: Settings, resources: Resources) -> Parts:
        """New parts. Raises SettingsError if the folder for levels cannot be used."""
        threads, usual = threads_of(settings, resources)
        limits = Limits(read=settings.read_timeout, queue=settings.queue_timeout)
        work = Work(threads, resources, limits, usual, [mount.path for mount in settings.trees])
        pyramids = pyramids_of(settings, resources)
        metrics = Metrics(resources, work, pyramids.stores.planes.gauge, sums.of_environment())
        baked = None if settings.baked is None else baking.Stores(settings.baked, resources)
        return cls(settings, resources, work, pyramids, metrics, baked)

    def routes(self, root: Group, *, public: bool, refusal: Callable[[], Exception] | None = None) -> Routes:
        """The application of one tree; `refusal` is that of KeySpace."""
        config, cache, work = self.settings.keyspace, self.resources.chunks, self.work
        spaces = KeySpaces(root, config, self.resources, refusal=refusal)
        exact, pyramids = self.exact(root), ome.Pyramids(self.pyramids.stores)
        shown = prefixes(config, exact, pyramids)
        formats = {prefix: spaces.of(prefix, how) for prefix, how in shown.items()}
        plain, pinned = caching.plain(self.settings.max_age, public=public), caching.pinned(public=public)
        endpoints = {prefix: Endpoint(keys, cache, work, plain) for prefix, keys in formats.items()}
        frozen = {prefix: Endpoint(Frozen(keys), cache, work, pinned, replies.SUPERSEDED) for prefix, keys in formats.items()}
        pages = answers(formats, cache, plain, ome.origin, public=public, origins=self.settings.allow_origins)

        def keys(prefix: str, profile: Profile) -> KeySpace:
            how = shown[prefix] if profile.plane is None else prefixes(config, exact, pyramids, profile.plane)[prefix]
            return spaces.of(f"{prefix}/{profile.name}", replace(how, view=composed(how.view, profile.view)))

        profiles = Profiles(lambda *chosen: Endpoint(keys(*chosen), cache, work, plain))
        pinned_profiles = Profiles(lambda *chosen: Endpoint(Frozen(keys(*chosen)), cache, work, pinned, replies.SUPERSEDED))
        buckets = Buckets(endpoints, profiles, work)
        rest = others(pages, self.metrics, work, formats["zarr/v2"], formats["zarr/v3"])
        return Routes(endpoints, frozen, (profiles.of, pinned_profiles.of), buckets, rest)

    def exact(self, root: Group) -> View:
        """How `/zarr` shows the tree: as it is, read from the stores that were baked from it."""
        if self.baked is None:
            return same
        shown = baking.view(root, self.baked)
        return lambda _: shown

    async def close(self) -> None:
        """End all threads and helper processes."""
        await apart(self.pyramids.close)  # their last step may ask this loop, as catalogs of Tiled do
        self.work.shut_down()
        await apart(self.resources.close)


async def apart(close: Callable[[], None]) -> None:
    """Call `close`, which blocks, in a thread."""
    try:
        await asyncio.to_thread(close)
    except RuntimeError:  # a script has ended without a stop, and Python starts no more threads
        close()


def threads_of(settings: Settings, resources: Resources) -> tuple[int, int | None]:
    """How many threads read sources, and how many of them work at once, if not one per processor.

    Reading a store takes no processor, so IN_FLIGHT reads are under way at once if there is one.
    One source gets half of the threads that others leave (jobs.py): so twice as many are added,
    unless the setting is given.
    """
    if not len(resources.stores):
        return settings.threads, None
    is_given = settings.threads != Settings().threads
    return settings.threads + (0 if is_given else 2 * IN_FLIGHT), IN_FLIGHT


def by_key(root: Group, parts: Parts) -> ASGIApp:
    """The application of `root` for everyone, or for who has the API key."""
    public = parts.settings.public is True
    return Auth(parts.routes(root, public=public), parts.settings.api_key, public=public, shown=errors.shown)


def by_caller(identify: Identify, parts: Parts) -> ASGIApp:
    """The applications of the trees of all callers."""

    def make(caller: Caller) -> ASGIApp:
        return parts.routes(caller.root(), public=caller.is_public, refusal=caller.refusal)

    return Callers(identify, make, parts.routes(Group({}), public=False), shown=errors.shown)


def noted(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application with an access log and Server-Timing, if the settings ask for any of them."""
    is_logged = settings.log_level in {"info", "debug"}
    if not (is_logged or settings.slow_request or settings.server_timing):
        return app
    return Access(app, slow=settings.slow_request or inf, is_told=settings.server_timing)


def pyramids_of(settings: Settings, resources: Resources) -> ome.Pyramids:
    """The stores of image pyramids. Raises SettingsError if `levels_folder` cannot be used."""
    folder, budget, rate = settings.levels_folder, settings.tile_budget, settings.levels_rate
    try:
        baked = None if settings.baked is None else baking.Served(settings.baked, resources)
        in_background = settings.levels_background
        return ome.Pyramids.of(
            resources,
            folder=folder,
            budget=budget,
            rate=rate,
            in_background=in_background,
            baked=baked,
            codec=settings.codec,
            instance=settings.instance,
        )
    except OSError as error:
        name, folder = settings.spelling("levels_folder"), settings.levels_folder
        raise SettingsError(
            f"{name}: cannot keep files in {folder}: {error.strerror or error}; give a folder in which the server may write, "
            "or leave levels_folder out to keep levels in memory"
        ) from error


def prefixes(config: Config, exact: View, pyramids: ome.Pyramids, plane: str | None = None) -> dict[str, Shown]:
    """How the tree is shown below each path prefix: as Zarr v2 and v3, as OME-NGFF, as min/max levels.

    `plane` has the axes of the rows and the columns of images, if a client chooses them.
    """
    stores = pyramids.stores
    lines = minmax.Stores(tiles=stores.tiles, background=stores.background, memory=stores.memory, budget=stores.budget)
    images = partial(ome.view, pyramids=pyramids, plane=plane)
    return {
        "zarr/v2": Shown(v2, exact),
        "zarr/v3": Shown(v3, exact),
        "ome-zarr/0.4": Shown(v2, partial(images, version="0.4"), replace(config, separator="/")),
        "ome-zarr/0.5": Shown(v3, partial(images, version="0.5")),
        "minmax/v2": Shown(v2, partial(minmax.view, stores=lines)),
        "minmax/v3": Shown(v3, partial(minmax.view, stores=lines)),
    }
