"""/metrics has the sums of all workers, also of those that have died."""

from __future__ import annotations

import os
import re
import signal
import urllib.error
import urllib.request

import pytest

from .conftest import Workers, until

ASKED = 20


def not_found(url: str) -> int:
    """How many requests the server says it has answered with 404."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        found = re.search(r'^tiled_zarr_requests_total\{method="GET",status="404"\} (\d+)$', answer.read().decode(), re.MULTILINE)
    return 0 if found is None else int(found[1])


def test_each_worker_answers_for_all(workers: Workers) -> None:
    with workers.serving("hypercorn") as server:
        for _ in range(ASKED):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{server.url}/nothing", timeout=60)
        until(lambda: not_found(server.url) == ASKED)
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(server.workers()) - {before[0]}) == 2)
        assert [not_found(server.url) for _ in range(10)] == [ASKED] * 10
