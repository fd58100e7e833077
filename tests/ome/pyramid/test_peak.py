"""The memory of real servers that show images stored in large chunks, against their settings."""

from __future__ import annotations

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import pytest

from live import live
from tiled_zarr.resources import Sizes

pytestmark = pytest.mark.slow

MIB = 2**20
CHUNK = (8192, 4096)
"""64 MiB decoded."""
IN_FLIGHT, CACHES, BESIDES = 256 * MIB, 3 * 16 * MIB + Sizes().decoded, 100 * MIB
"""Bytes that may be decoded, that are kept (chunks of files too), and that all else takes."""
CLIENTS = 12
SECONDS = 120


def peak(session: int) -> int:
    """The most memory that the processes of a session have had, in bytes."""
    kilobytes = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            status = (folder / "status").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session:
            kilobytes += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return kilobytes * 1024


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
def test_images_in_large_chunks_stay_within_what_may_be_decoded(tmp_path: Path, server: str) -> None:
    with h5py.File(tmp_path / "image.h5", "w") as file:
        pixels = file.create_dataset("pixels", (4 * CHUNK[0], 4 * CHUNK[1]), "u2", chunks=CHUNK, compression="gzip", fillvalue=3)
        for row in range(4):
            for column in range(4):
                pixels[row * CHUNK[0], column * CHUNK[1]] = 1
    env = {
        "TILED_ZARR_DIRECTORY": str(tmp_path),
        "TILED_ZARR_PUBLIC": "1",
        "TILED_ZARR_IN_FLIGHT": str(IN_FLIGHT),
        **{f"TILED_ZARR_{name}": "16MiB" for name in ("CACHE_SIZE", "TILE_CACHE_SIZE", "LEVELS_SIZE")},
    }
    with live(env=env, server=server) as running:

        def status(path: str) -> int:
            try:
                with urllib.request.urlopen(f"{running.url}/ome-zarr/0.4/image/pixels/{path}", timeout=SECONDS) as reply:
                    reply.read()
                    found: int = reply.status
            except urllib.error.HTTPError as error:
                return error.code
            return found

        before = peak(running.pid)
        keys = [".zattrs", *(f"{level}/{place}/{place}" for level in (0, 1, 3, 5) for place in range(4) if place < 64 >> level + 1)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            assert set(clients.map(status, keys)) <= {200, 503}
        assert status(".zattrs") == status("0/40/20") == 200
        assert peak(running.pid) - before < IN_FLIGHT + CACHES + BESIDES
