"""The page of each path."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...caches.cost import Cache
from ...hierarchy.keyspace import KeySpace
from ..protocol import requests
from ..protocol.caching import Caching
from ..protocol.replies import Reply
from ..protocol.requests import Request
from .assets import PREFIX, Assets
from .browse import Browser
from .explore import ExplorePage
from .origins import Find
from .thumbnails import Thumbnails
from .viewer import ViewerPage


def answers(
    formats: Mapping[str, KeySpace], cache: Cache[bytes], caching: Caching, origin: Find, *, public: bool
) -> dict[str, Callable[[Request], Reply]]:
    """Functions from request to reply, which may block, by Starlette's path patterns.

    `formats` has the key space of each prefix; `caching` says how long thumbnails may be kept.
    `origin` finds the array behind an image.
    """
    browser = Browser(formats)
    assets = Assets(public=public)
    viewer = ViewerPage(formats, browser, assets, origin)
    thumbnails = Thumbnails(formats.get("ome-zarr/0.4"), cache, caching)
    return {
        "/": browser.home,
        "/view/{path:path}": viewer.reply,
        "/explore/{path:path}": ExplorePage(viewer).reply,
        "/thumbnail/{path:path}.png": thumbnails.reply,
        "/@{token}/thumbnail/{path:path}.png": thumbnails.reply,
        f"/{PREFIX}{{name}}": lambda request: assets.reply(request, requests.path_of(request.scope).rpartition("/")[2]),
    }
