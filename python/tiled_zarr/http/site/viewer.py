"""`/view/<node>`: the viewer for images, a page for all other nodes."""

from __future__ import annotations

from collections.abc import Mapping

from ...hierarchy import names
from ...hierarchy.keyspace import KeySpace
from ...nodes import Node
from ..protocol import codings, replies, requests
from ..protocol.replies import NOT_FOUND, Reply
from ..protocol.requests import Request
from . import addresses, coordinates, origins, templates
from .assets import Assets
from .browse import Browser, trail

PREFIX = "/view/"
SOURCES = ("ome-zarr/0.5", "ome-zarr/0.4")
"""The prefixes under which the viewer looks for an image, in this order."""
PLANE = "~plane=ROWSCOLUMNS"
"""The profile of images on other axes; the viewer puts their letters in place of the words."""

HEADERS = templates.headers("script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:")
NOT_BUILT = replies.text(
    501,
    "The viewer page is not part of this installation: it was made from source without Node. Install Node 18 or newer with npm "
    "(Debian: apt-get install nodejs npm), install tiled-zarr again in its source folder (pip install --force-reinstall --no-deps .; "
    "in a checkout that make has built: make viewer) and start the server again. A released wheel or source archive brings the viewer.",
)


class ViewerPage:
    """Answers requests for the page of any node."""

    def __init__(self, formats: Mapping[str, KeySpace], browser: Browser, assets: Assets, origin: origins.Find) -> None:
        self.keys = formats["zarr/v2"]
        self.sources = [prefix for prefix in SOURCES if prefix in formats]
        self.browser = browser
        self.assets = assets
        self.origin = origin

    def reply(self, request: Request) -> Reply:
        """The viewer or the page of a node; 404 if there is no such node. Blocks."""
        path = requests.path_of(request.scope).removeprefix(PREFIX).rstrip("/")
        node = self.node(path)
        if node is None:
            return NOT_FOUND
        image = self.browser.describer.image_group(path)
        return self.browser.page(request, path, node) if image is None else self.viewer(request, path, self.origin(node, image))

    def node(self, path: str) -> Node | None:
        """The node at `path`, spelled as in its URL; None if there is none."""
        return self.browser.node(path)

    def viewer(self, request: Request, path: str, origin: origins.Origin | None) -> Reply:
        """The page that shows an image; 501 if the viewer is not built."""
        here, token = addresses.of(request.scope), self.browser.describer.token
        files = self.assets.links("viewer", here)
        if not files:
            return NOT_BUILT
        spelled = dict(zip(SOURCES, (names.path_in_v3(path), path), strict=True))
        body = templates.html(
            "viewer.html",
            name=path.rpartition("/")[2],
            trail=trail(path)[:-1],
            sources=" ".join(here.bare_link(f"{prefix}/{spelled[prefix]}", token(prefix, spelled[prefix])) for prefix in self.sources),
            turned=" ".join(here.bare_link(f"{prefix}/{PLANE}/{spelled[prefix]}") for prefix in self.sources),
            values="" if origin is None else here.bare_link(origins.link(origin, path)),
            letters="" if origin is None else origin.axes,
            coordinates=self.coordinates(here, path, origin),
            events=here.bare_link(f"events/{path}"),
            addresses=here,
            **files,
        )
        return codings.of_content(request, HEADERS, body, self.keys.resources.documents)

    def coordinates(self, here: addresses.Addresses, path: str, origin: origins.Origin | None) -> str:
        """The links of the axes' coordinates as `LETTER=LINK`, with spaces between."""
        found = {} if origin is None else coordinates.links(self.node, path, origin)
        return " ".join(f"{letter}={here.bare_link(link)}" for letter, link in found.items())
