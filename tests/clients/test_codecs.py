"""Clients find and decode the codec that is configured for a server, a tree or a node.

test_every_node checks, with the tree of every_codec, that every codec is read back equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import zarr

from clients import every_codec, running
from live import live

SPELLINGS = {
    "zstd:3": ({"id": "zstd", "level": 3}, "zstd"),
    "gzip:7": ({"id": "gzip", "level": 7}, "gzip"),
    "none": (None, "bytes"),
}
"""The compressor in v2 and the name of the last codec in v3."""
CONFIG = """
codec: gzip:7
public: true
trees:
  - path: /tree
    pyobject: clients.every_type:tree
    codec: none
    nodes:
      numbers/int32: {codec: zstd:3}
  - path: /server
    pyobject: clients.every_type:tree
"""


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_server_has_its_codec(spelling: str) -> None:
    with live(env={**running.environment("every_type"), "TILED_ZARR_CODEC": spelling}) as server:
        assert compressors(server.url, "numbers/int32") == SPELLINGS[spelling]
        for version in (2, 3):
            found = zarr.open_array(f"{server.url}/zarr/v{version}/numbers/int32", mode="r", zarr_format=version)
            np.testing.assert_array_equal(found[:], every_codec_truth())


@pytest.mark.parametrize(
    ("path", "spelling"), [("server/numbers/int32", "gzip:7"), ("tree/numbers/int8", "none"), ("tree/numbers/int32", "zstd:3")]
)
def test_a_node_has_the_nearest_codec(path: str, spelling: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text(CONFIG)
    env = {"TILED_ZARR_CONFIG": config, "PYTHONPATH": running.environment("every_type")["PYTHONPATH"]}
    with live(env=env) as server:
        assert compressors(server.url, path) == SPELLINGS[spelling]


def compressors(url: str, path: str) -> tuple[dict[str, Any] | None, str]:
    v2 = httpx.get(f"{url}/zarr/v2/{path}/.zarray").raise_for_status().json()["compressor"]
    v3 = httpx.get(f"{url}/zarr/v3/{path}/zarr.json").raise_for_status().json()["codecs"][-1]["name"]
    return ({key: v2[key] for key in ("id", "level")} if v2 else None), v3


def every_codec_truth() -> np.ndarray[Any, Any]:
    from clients.every_type import numbers

    return numbers("int32")


def test_every_codec_is_served() -> None:
    """The tree leaves out no compressor, and has the checksum over one of each kind."""
    from tiled_zarr.codecs import LEVELS, parse

    assert {parse(spelling).name for spelling in every_codec.CODECS} == set(LEVELS)
    assert {parse(spelling).cname for spelling in every_codec.BLOSC} == {"lz4", "lz4hc", "zlib", "zstd"}
