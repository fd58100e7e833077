"""What one caller may do with each node, by the access policy of a Tiled server.

We ask in the order in which Tiled's own routes do: at each level the policy filters the container
(`filter_for_access`), a child is looked up in what is left, and `allowed_scopes` says what the
caller may do with it. Without a policy the scopes of the credential alone decide.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tiled.access_control.access_policies import DummyAccessPolicy, ExternalPolicyDecisionPoint, TagBasedAccessPolicy
from tiled.adapters.mapping import MapAdapter
from tiled.catalog.adapter import CatalogNodeAdapter
from tiled.server.utils import filter_for_access

from ...caches.recent import Recent

KEPT = 5.0
"""Seconds for which an answer of Tiled or of its policy is used again: a key that is revoked, or a
right that is withdrawn, stops within them. Asking costs 2 to 5 ms of processor time."""
BY_TAGS = (DummyAccessPolicy, ExternalPolicyDecisionPoint, TagBasedAccessPolicy)
"""Tiled's own policies, which look at nothing of a node but its tags."""
MOST_TAGS = 4096
"""Sets of tags whose rights are kept for one caller, at most."""
METADATA, DATA = "read:metadata", "read:data"


class Right(IntEnum):
    """What a caller may do with a node: nothing, read its metadata, or read its data too."""

    HIDDEN = 0
    METADATA = 1
    DATA = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Who:
    """Who sends a request, as Tiled's dependencies tell: the arguments of its policies.

    `principal` is None for who has no name: anyone, or the holder of the single user's key. `tags`
    is not None if the API key is restricted to some. `state` is the state of the session.
    """

    principal: Any
    tags: frozenset[str] | None
    scopes: frozenset[str]
    state: Any
    is_signed_in: bool

    @property
    def identity(self) -> Hashable:
        """What policies may look at: callers for whom it is equal have equal rights."""
        principal = self.principal
        if principal is None:
            return None, self.tags, self.scopes, self.is_signed_in
        named = frozenset((identity.provider, identity.id) for identity in principal.identities)
        return principal.uuid, str(principal.type), named, getattr(principal, "access_token", None), self.tags, self.scopes


class Rights:
    """The rights of one caller. Coroutines run in the loop of Tiled's server."""

    def __init__(self, who: Who, policy: Any) -> None:
        self.who = who
        self.policy = policy
        self.by_tags = policy is None or isinstance(policy, BY_TAGS)
        """Whether rights depend on the tags of a node alone."""
        self._known: Recent[Hashable, tuple[float, Right]] = Recent(MOST_TAGS)

    def differ_below(self, container: Any) -> bool:
        """True if rights on what lies below a container may differ from that on the container.

        What is in a file has no tags of its own.
        """
        if self.policy is None or not self.by_tags:
            return self.policy is not None
        return not container.node.data_sources if isinstance(container, CatalogNodeAdapter) else isinstance(container, MapAdapter)

    def known(self, adapter: Any) -> Right | None:
        """The right on a node if it need not be asked for. Never blocks."""
        known = self._known.peek(getattr(adapter, "access_tags", None)) if self.by_tags else None
        return known[1] if known is not None and time.monotonic() < known[0] else None

    async def of(self, adapter: Any) -> Right:
        """The right on a node. Raises what the policy raises."""
        known = self.known(adapter)
        return await self._asked(adapter) if known is None else known

    async def filtered(self, adapter: Any) -> Any:
        """The container with what the caller may see. Raises what the policy raises."""
        who = self.who
        timings: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        return await filter_for_access(adapter, self.policy, who.principal, who.tags, who.scopes, [METADATA], timings)

    async def _asked(self, adapter: Any) -> Right:
        until, right = time.monotonic() + KEPT, right_of(await self._scopes(adapter), self.who.scopes)
        if self.by_tags:
            self._known.keep(getattr(adapter, "access_tags", None), (until, right))
        return right

    async def _scopes(self, adapter: Any) -> Any:
        who = self.who
        return who.scopes if self.policy is None else await self.policy.allowed_scopes(adapter, who.principal, who.tags, who.scopes)


def right_of(allowed: Any, scopes: frozenset[str]) -> Right:
    """The right on a node whose policy allows some scopes, with a credential of other scopes.

    >>> right_of({"read:metadata", "read:data"}, frozenset({"read:metadata"}))
    <Right.METADATA: 1>
    """
    if METADATA not in allowed or METADATA not in scopes:
        return Right.HIDDEN
    return Right.DATA if DATA in allowed and DATA in scopes else Right.METADATA
