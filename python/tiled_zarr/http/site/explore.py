"""`/explore/<node>`: the values of any node, as plots, as numbers, or as a table."""

from __future__ import annotations

from ...hierarchy import names
from ...nodes import Group
from ..protocol import codings, requests
from ..protocol.replies import NOT_FOUND, Reply
from ..protocol.requests import Request
from . import addresses, templates
from .viewer import HEADERS, NOT_BUILT, ViewerPage

PREFIX = "/explore/"


class ExplorePage:
    """Answers requests for the values of any node. `viewer` finds nodes and the files of pages."""

    def __init__(self, viewer: ViewerPage) -> None:
        self.viewer = viewer

    def reply(self, request: Request) -> Reply:
        """The page of a node; 404 if there is no such node, 501 if the page is not built. Blocks."""
        path = requests.path_of(request.scope).removeprefix(PREFIX).rstrip("/")
        node = self.viewer.node(path)
        if node is None:
            return NOT_FOUND
        here = addresses.of(request.scope)
        page = "table" if isinstance(node, Group) and node.kind == "table" else "explore"
        files = self.viewer.assets.links(page, here)
        if not files:
            return NOT_BUILT
        body = templates.html(
            "explore.html",
            page=page,
            path=path,
            path_in_v3=names.path_in_v3(path),
            name=path.rpartition("/")[2],
            events=here.bare_link(f"events/{path}"),
            addresses=here,
            **files,
        )
        return codings.of_content(request, HEADERS, body, self.viewer.keys.resources.documents)
