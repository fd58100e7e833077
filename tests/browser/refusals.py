"""A tree whose nodes fail in every way that a page can: the tests look at the pages of these errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiled_zarr import Array, Group
from tiled_zarr.faults import Forbidden, Unauthenticated, Unprocessable
from tiled_zarr.http.site import viewer
from tiled_zarr.nodes import TooLarge

WHYS = {
    401: Unauthenticated("a valid API key is needed"),
    403: Forbidden("the policy of this beamline lets only its users read 'proposal <17>'"),
    413: TooLarge("40,000,000 values as text, and a CSV file has at most 1,000,000: ask for some rows with ?slice=0:1000"),
    422: Unprocessable("the file has 99 rows, and its catalogue promises 100"),
    500: OSError(5, "Input/output error"),
    503: TimeoutError("the disk of scan <3> does not answer"),
}


class Failing(dict[str, Any]):
    """Children that nobody can list."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why

    def __len__(self) -> int:
        raise self.why


def tree() -> Group:
    """The tree; its server has no viewer."""
    viewer.ViewerPage.viewer = lambda *_: viewer.NOT_BUILT  # type: ignore[assignment, method-assign] - as if it were not built
    image = Array(shape=(300, 300), dtype=np.dtype("u1"), read=lambda region: np.zeros((300, 300), "u1")[region])
    return Group(children={f"fails with {status}": Group(children=Failing(why)) for status, why in WHYS.items()} | {"image": image})
