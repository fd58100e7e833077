"""The endpoints of the profiles that clients choose in the path (views/profile.py)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.types import Receive, Scope, Send

from ..caches.recent import Recent
from ..views.profile import ALLOWED, ALLOWED_OF_IMAGES, Profile, parse
from .endpoint import Endpoint
from .protocol import replies
from .routes import KeyEndpoint

MOST_KEPT = 32
"""Endpoints that are kept, at most; each may hold a key space and the replies to 8192 keys."""

PREFIXES = ("zarr/v2", "zarr/v3", "minmax/v2", "minmax/v3")
"""The path prefixes that may have profiles; the display view has types and chunks of its own."""


class Profiles:
    """The endpoints of profiles; `make` makes that of a path prefix and a profile.

    Clients can ask for any number of profiles, so only those asked for last are kept.
    """

    def __init__(self, make: Callable[[str, Profile], Endpoint]) -> None:
        self._make = make
        self._kept: Recent[tuple[str, str], Endpoint] = Recent(MOST_KEPT)

    def of(self, prefix: str, part: str) -> KeyEndpoint:
        """The endpoint of the profile that a part of a path spells; if it does not, one that says so."""
        try:
            return self.made(prefix, part)
        except ValueError as error:
            return refusing(str(error))

    def made(self, prefix: str, part: str) -> Endpoint:
        """The endpoint of a profile. Raises ValueError, which says what is allowed."""
        profile = parse(part)
        is_exact = prefix in PREFIXES
        if is_exact and profile.plane:
            raise ValueError(f"a plane is for images, not for {prefix}; a profile there has {ALLOWED}")
        if not is_exact and profile != Profile(plane=profile.plane):
            raise ValueError(f"such profiles are for {', '.join(PREFIXES)}; a profile of {prefix} has {ALLOWED_OF_IMAGES}")
        return self._kept.get((prefix, profile.name), partial(self._make, prefix, profile))


def refusing(why: str) -> KeyEndpoint:
    """An endpoint that answers 400 to every key."""
    reply = replies.text(400, why)

    async def answer(_: str, scope: Scope, __: Receive, send: Send) -> None:
        await reply.send(scope["method"], send)

    return answer
