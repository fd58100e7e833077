"""The page of each path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...caches.cost import Cache
from ...hierarchy.keyspace import KeySpace
from ..protocol import requests
from ..protocol.caching import Caching
from ..protocol.replies import Reply
from ..protocol.requests import Request
from .assets import PREFIX, Assets
from .browse import Browser
from .downloads import Downloads
from .explore import ExplorePage
from .origins import Find
from .plots import Plots
from .thumbnails import Thumbnails
from .viewer import ViewerPage


def answers(  # noqa: PLR0913 - pages show parts of everything
    formats: Mapping[str, KeySpace], cache: Cache[bytes], caching: Caching, origin: Find, *, public: bool, origins: Iterable[str] = ()
) -> dict[str, Callable[[Request], Reply]]:
    """Functions from request to reply, which may block, by Starlette's path patterns.

    `formats` has the key space of each prefix; `caching` says how long thumbnails may be kept, `origins`
    which web pages may read. `origin` finds the array behind an image.
    """
    assets = Assets(public=public)
    browser = Browser(formats, origins, assets.pages)
    viewer = ViewerPage(formats, browser, assets, origin)
    thumbnails = Thumbnails(formats.get("ome-zarr/0.4"), cache, caching)
    plots = Plots(formats, cache, caching)
    downloads = Downloads(formats, caching)
    return {
        "/": browser.home,
        "/view/{path:path}": viewer.reply,
        "/explore/{path:path}": ExplorePage(viewer).reply,
        "/thumbnail/{path:path}.png": thumbnails.reply,
        "/@{token}/thumbnail/{path:path}.png": thumbnails.reply,
        "/thumbnail/{path:path}.svg": plots.reply,
        "/@{token}/thumbnail/{path:path}.svg": plots.reply,
        **{f"/download/{{path:path}}.{suffix}": downloads.reply for suffix in downloads.makers},
        f"/{PREFIX}{{name}}": lambda request: assets.reply(request, requests.path_of(request.scope).rpartition("/")[2]),
    }
