"""Objects of Tiled's client library as nodes: they are read over HTTP with the client's session.

A client has an address (`uri`) and a context with an `httpx` client, which signs in and renews its
tokens. We need nothing else of it.
"""

from __future__ import annotations

from typing import Any

from ...nodes import Node, Unavailable
from ...resources import Resources, default
from .address import address_of
from .children import Children
from .remote import Remote
from .trees import Tree
from .view import Trust, View


def adapt_client(client: Any, resources: Resources | None = None) -> Node:
    """The node of a client object: a container, an array or a table.

    Raises Unavailable for the result of a search, and for what has no form in Zarr.
    """
    if getattr(client, "_queries", None):
        raise Unavailable("the result of a search; serve the container that was searched")
    address = address_of(str(client.uri))
    view = View(Remote(address.api, client.context.http_client), {}, Trust(), resources or default())
    tree = Tree(view, address.path)
    if tree.look().family == "container":
        return tree.group
    return Children(view, address.path[:-1])[address.path[-1]]
