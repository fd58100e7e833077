"""A Tiled server as a tree: for each caller the one that Tiled shows them, or one for all.

If the proxy has a key of its own, all callers see what that key sees, and who they are is for our
own key to say, as for any tree. Otherwise callers show Tiled their own credentials.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...nodes import Group
from ...resources import Resources
from .address import address_of
from .callers import APIKEY, Callers
from .remote import Path, Remote, pooled
from .trees import Tree
from .view import Trust, View

LEAST_LOOK = 1.0
"""Seconds for which a look is good, at least: a document looks at many nodes one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A tree for all callers, or `identify`, which tells the tree of each."""

    root: Group
    identify: Callers | None
    shutdown_tasks: Sequence[Callable[[], Awaitable[None]]]


def reached(url: str, read_timeout: float, queue_timeout: float) -> tuple[Remote, Path]:
    """The Tiled server at an address, and the path of the node to serve. Blocks: it asks the server.

    Times are in seconds. Raises ValueError if the address is wrong, and ConnectionError or TooSlow
    if the server cannot be reached.
    """
    address = address_of(url)
    remote = Remote(address.api, pooled(read_timeout, queue_timeout))
    with closing_on_failure(remote):
        check(remote, url)
    return remote, address.path


def proxy(remote: Remote, path: Path, key: str | None, trust: Trust, resources: Resources) -> Proxy:
    """The tree from the node at `path` down. `key` is the proxy's own, if it has one; then it blocks.

    Raises Forbidden or Damaged if Tiled does not show the node to who has the key.
    """
    trusted = replace(trust, look=max(trust.look, LEAST_LOOK))

    def plant(headers: dict[str, str], tag: str) -> Tree:
        return Tree(View(remote, headers, trusted, resources, tag), path)

    callers = None if key else Callers(plant, trusted.look)
    with closing_on_failure(remote):
        root = plant({"authorization": f"{APIKEY} {key}"}, "").group if key else Group({})
    return Proxy(root=root, identify=callers, shutdown_tasks=(partial(closed, remote, callers),))


@contextmanager
def closing_on_failure(remote: Remote) -> Iterator[None]:
    """Close the connections to a server if what is entered raises."""
    try:
        yield
    except BaseException:
        remote.close()
        raise


async def closed(remote: Remote, callers: Callers | None) -> None:
    """Close what a proxy has open."""
    if callers is not None:
        callers.close()
    remote.close()


def check(remote: Remote, url: str) -> None:
    """Raise ValueError unless there is a Tiled server at an address, with what to do about it."""
    response = remote.get("", (), (), {})
    if response.is_redirect:
        raise ValueError(f"{url} leads to {response.headers.get('location')}; give that address")
    try:
        about: Any = response.json()
    except ValueError:
        about = None
    if not (response.is_success and isinstance(about, dict) and "library_version" in about):
        raise ValueError(
            f"{url} is not the address of a Tiled server: {remote.api}/ answers {response.status_code}, and not as Tiled's API"
        )
