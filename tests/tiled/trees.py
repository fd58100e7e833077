"""Trees and authenticators that a configuration of Tiled names."""

from __future__ import annotations

from typing import Any

import numpy as np
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.dataframe import TableAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.authenticators import DictionaryAuthenticator
from tiled.server.protocols import UserSessionState

IMAGE = np.random.default_rng(3).integers(0, 60_000, (300, 300), dtype="u2")
SMALL = np.arange(12.0).reshape(3, 4)


def tree() -> MapAdapter[Any]:
    table = TableAdapter.from_dict({"x": np.arange(5.0)})
    entries = {"image": ArrayAdapter.from_array(IMAGE), "folder": MapAdapter({"small": ArrayAdapter.from_array(SMALL)}), "table": table}
    return MapAdapter(entries, metadata={"said": "of the root"})


class Stateful(MapAdapter[Any]):
    """Another tree for each session."""

    def with_session_state(self, state: dict[str, Any]) -> MapAdapter[Any]:
        return MapAdapter({state["name"]: ArrayAdapter.from_array(SMALL)})


class Naming(DictionaryAuthenticator):
    """Lets everyone in, and gives each session a name."""

    async def authenticate(self, username: str, password: str) -> UserSessionState:
        return UserSessionState(username, {"name": f"of_{username}"})
