"""Who sends a request, and which tree they see."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from math import inf
from typing import Any

from fastapi import FastAPI
from starlette.types import Scope

from ...caches.recent import Recent
from ...http.middleware.callers import Caller
from ...http.protocol import replies
from ...http.protocol.replies import Reply
from ...nodes import Group
from ...resources import Resources
from ...tree import as_group
from .asking import Asker
from .bases import base_of
from .loops import Home
from .members import Decided, Shown, View
from .rights import METADATA, Right, Rights, Who
from .withheld import forbidden, unauthenticated

MOST_STATES = 16
"""Trees that are kept, at most: one for each state of a session, if the root tree takes it."""
ALONE = "data"
"""The name of a root tree that is no container, such as an array."""
FORBIDDEN = replies.text(403, "you may not read this tree: neither the scopes of your key nor the access policy let you")


class Trees:
    """The trees of the callers of a Tiled server, `app`."""

    def __init__(self, app: FastAPI, resources: Resources) -> None:
        self.app = app
        self.resources = resources
        self.asker = Asker(app, self.caller)
        self.home = Home()
        self._bases: Recent[str, Group] = Recent(MOST_STATES)

    async def identify(self, scope: Scope) -> Caller | Reply:
        """Who sends a request, with the tree that they see; a reply if they may see nothing."""
        self.home.loop = asyncio.get_running_loop()
        return await self.asker.identify(scope)

    async def caller(self, who: Who) -> Caller | Reply:
        """The caller whom Tiled has named. Raises what Tiled raises."""
        policy = self.app.state.access_policy
        adapter, state = self.root_tree(who)
        rights = Rights(who, policy)
        right = Right.HIDDEN if METADATA not in who.scopes else await rights.of(adapter)
        if right is Right.HIDDEN:
            return FORBIDDEN if who.is_signed_in else replies.UNAUTHORIZED
        whole = self._bases.peek(state)
        if whole is None:
            whole = await asyncio.to_thread(self._bases.get, state, partial(self.base, adapter))
        return Caller(
            identity=(state, right, who.is_signed_in if policy is None else who.identity),
            root=partial(self.root, rights, right, adapter, whole),
            is_public=not who.is_signed_in,
            is_signed_in=who.is_signed_in,
            sees_all=policy is None,
        )

    def root_tree(self, who: Who) -> tuple[Any, str]:
        """Tiled's root tree for the session of a caller, and the text of what it depends on."""
        adapter = self.app.state.root_tree
        if not (who.state and hasattr(adapter, "with_session_state")):
            return adapter, ""
        return adapter.with_session_state(who.state), json.dumps(who.state, sort_keys=True, default=repr)

    def base(self, adapter: Any) -> Group:
        """The whole tree of an adapter. Blocks."""
        return as_group(base_of(adapter, self.home, self.resources), ALONE)

    def root(self, rights: Rights, right: Right, adapter: Any, whole: Group) -> Group:
        """What a caller sees of the whole tree."""
        refuse = forbidden if rights.who.is_signed_in else unauthenticated
        view, shown = View(rights, self.home, self.resources, refuse), Shown()
        root = shown.of(view, whole, Decided(inf, right, adapter, shown))
        assert isinstance(root, Group)
        return root
