"""The cache that servers share, behind applications: what they ask it for, and what never goes there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from asgi import Answer, ask
from redis_server import redis_server
from tiled_zarr import Array, Group
from tiled_zarr.adapters.registry import open_file
from tiled_zarr.app import create_app
from tiled_zarr.caches.folder import Folder
from tiled_zarr.caches.shared import Shared
from tiled_zarr.nodes import Forbidden, Options
from tiled_zarr.revisions import LAUNCH, launch_nonce
from tiled_zarr.settings import Settings, SettingsError, environment

EDGE, SLOW = 64, 0.03
PATH = "/zarr/v3/x/c/1/2"
VALUES = np.arange((4 * EDGE) ** 2, dtype="<u4").reshape(4 * EDGE, 4 * EDGE)
KEYS = {"v2": "/zarr/v2/x/1.2", "v3": PATH}


class Source:
    """An array whose chunks take SLOW seconds each; it counts its reads."""

    def __init__(self, values: np.ndarray[Any, Any] = VALUES) -> None:
        self.values = values
        self.reads = 0
        self.seconds = SLOW
        self.revision: str | None = "r1"

    def read(self, region: Any) -> np.ndarray[Any, Any]:
        self.reads += 1
        time.sleep(self.seconds)
        return self.values[region]

    def root(self, **options: Any) -> Group:
        chunk = Options(**{"chunk_shape": (EDGE, EDGE)} | options)
        node = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=self.read, revision=lambda: self.revision, blocking=True, options=chunk)
        return Group({"x": node})


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def make(folder: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Applications that share a folder, each with caches of its own."""
    monkeypatch.setenv(LAUNCH, launch_nonce())

    def made(root: Group | None = None, **settings: Any) -> Any:
        given = {"public": True, "cache": f"folder://{folder}", "codec": "none"} | settings
        return create_app(root or source.root(), Settings(**given))

    yield made
    launch_nonce.cache_clear()


def bodies(folder: Path) -> list[Path]:
    return list(folder.rglob("*.chunk"))


@pytest.mark.parametrize("kind", ["folder", "redis"])
def test_a_chunk_is_made_by_one_server_and_sent_by_all(
    make: Callable[..., Any], source: Source, tmp_path: Path, kind: str, folder: Path
) -> None:
    with redis_server(tmp_path) as server:
        address = server.address if kind == "redis" else f"folder://{folder}"
        first, second = (ask(make(cache=address), PATH) for _ in range(2))
    assert (second.status, second.body, second.headers) == (200, first.body, first.headers)
    assert second.body == np.ascontiguousarray(VALUES[EDGE : 2 * EDGE, 2 * EDGE : 3 * EDGE]).tobytes()
    assert source.reads == 1


def test_other_requests_find_it_too(make: Callable[..., Any], source: Source) -> None:
    whole = ask(make(), PATH)
    assert ask(make(), PATH, headers={"range": "bytes=4-7"}).body == whole.body[4:8]
    assert ask(make(), PATH, "HEAD").headers == whole.headers
    assert ask(make(), "/zarr/v3/x/c/1/", "PROPFIND", {"depth": "1"}).status == 207
    assert source.reads == 4, "a PROPFIND makes the other three chunks of the row"


def test_a_chunk_goes_into_the_memory_of_who_finds_it(make: Callable[..., Any], source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(make(), PATH)
    app = make()
    first = ask(app, PATH)
    monkeypatch.setattr(Folder, "get", lambda *_: pytest.fail("it is in memory"))
    assert ask(app, PATH).body == first.body


OTHERS = {
    "revision": ({}, {}, "r2"),
    "codec of the server": ({}, {"codec": "zlib"}, "r1"),
    "codec of the node": ({"codec": "zlib"}, {}, "r1"),
    "chunks": ({"chunk_shape": (EDGE, 2 * EDGE)}, {}, "r1"),
    "servers": ({}, {"instance": "run7"}, "r1"),
}


def test_replicas_of_another_name_share_nothing(make: Callable[..., Any], source: Source) -> None:
    for instance in ("run7", "run8"):
        assert ask(make(instance=instance), PATH).status == 200
    assert source.reads == 2


@pytest.mark.parametrize("other", OTHERS)
def test_other_bytes_have_another_name(make: Callable[..., Any], source: Source, other: str) -> None:
    options, settings, revision = OTHERS[other]
    ask(make(), PATH)
    source.revision = revision
    path = "/zarr/v3/x/c/1/1" if other == "chunks" else PATH
    assert ask(make(source.root(**options), **settings), path).status == 200
    assert source.reads == 2


def test_the_formats_share_nothing(make: Callable[..., Any], source: Source) -> None:
    for key in KEYS.values():
        assert ask(make(), key).status == 200
    assert source.reads == 2


def test_replicas_share_what_copies_of_a_file_hold(make: Callable[..., Any], folder: Path) -> None:
    """Their revisions differ by inode and time of status, which tags of replicas leave out."""
    source = Source()
    for revision in ("3-17e<1802-a1>", "3-17e<1902-b2>"):
        source.revision = revision
        assert ask(make(source.root(), instance="run7"), PATH).status == 200
    assert source.reads == 1
    source.revision = "3-17f<1902-b2>"
    ask(make(source.root(), instance="run7"), PATH)
    assert source.reads == 2


def test_what_is_quick_next_to_a_hit_does_not_go_there(
    make: Callable[..., Any], source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiled_zarr.caches.shared.FIRST_COST", 100 * SLOW)
    assert ask(make(), PATH).status == 200
    assert bodies(folder) == []


def test_chunks_without_a_revision_do_not_go_there(make: Callable[..., Any], source: Source, folder: Path) -> None:
    source.revision = None
    for _ in range(2):
        assert ask(make(), PATH).status == 200
    assert source.reads == 2
    assert bodies(folder) == []


PIXELS = np.arange(2**20, dtype="u4").reshape(1024, 1024).astype("u1")


def pictured() -> Source:
    """A source that is an image with two levels."""
    return Source(PIXELS)


def image(source: Source) -> Group:
    chunks = Options(chunk_shape=(512, 512))
    node = Array(shape=PIXELS.shape, dtype=PIXELS.dtype, read=source.read, revision=lambda: "r1", blocking=True, options=chunks)
    return Group({"x": node})


def test_levels_of_images_are_shared(make: Callable[..., Any]) -> None:
    source = pictured()
    first = ask(make(image(source)), "/ome-zarr/0.5/x/1/c/0/0")
    reads = source.reads
    second = ask(make(image(source)), "/ome-zarr/0.5/x/1/c/0/0")
    assert (second.status, second.body, second.headers) == (200, first.body, first.headers)
    sums = PIXELS.astype("u4").reshape(512, 2, 512, 2).sum(axis=(1, 3))
    assert second.body == ((sums + 2) // 4).astype("u1").tobytes()
    assert source.reads == reads > 0


def test_samples_are_not_shared(make: Callable[..., Any], folder: Path) -> None:
    """They have no revision, and exact pixels will take their place."""
    app = make(image(pictured()), tile_budget=1, levels_background=False)
    assert ask(app, "/ome-zarr/0.5/x/1/c/0/0").status == 200
    assert bodies(folder) == []


@pytest.fixture
def never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shared, "get", lambda *_: pytest.fail("the shared cache was asked"))


@pytest.mark.usefixtures("never_asked")
def test_stored_chunks_are_not_asked_for(make: Callable[..., Any], tmp_path: Path) -> None:
    compressor = zarr.codecs.ZstdCodec(level=1)
    zarr.create_array(tmp_path / "x.zarr", data=VALUES, chunks=(2 * EDGE, 2 * EDGE), compressors=compressor)
    node = open_file(tmp_path / "x.zarr")
    answer = ask(make(Group({"x": node}), codec=None), "/zarr/v3/x/c/1/0")
    assert answer.body == (tmp_path / "x.zarr/c/1/0").read_bytes()


@pytest.mark.usefixtures("never_asked")
@pytest.mark.parametrize("has_pool", [True, False])
def test_arrays_in_memory_are_not_asked_for(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, has_pool: bool) -> None:
    """Also if a Python thread encodes them, as on Windows."""
    if not has_pool:
        monkeypatch.setattr("tiled_zarr.http.work.native.native_pool", lambda _: None)
    node = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=lambda region: VALUES[region], revision=lambda: "r1", blocking=False)
    assert ask(make(Group({"x": node})), "/zarr/v3/x/c/0/0").status == 200


@pytest.mark.usefixtures("never_asked")
def test_who_may_not_read_never_comes_there(make: Callable[..., Any], source: Source) -> None:
    assert ask(make(public=False, api_key="secret"), PATH).status == 401

    def refuse() -> str:
        raise Forbidden("not yours")

    node = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=source.read, revision=refuse, blocking=True)
    assert ask(make(Group({"x": node})), "/zarr/v3/x/c/0/0").status == 403


BROKEN: dict[str, Callable[[Path], None]] = {
    "a file in the way": lambda folder: folder.write_text("no folder"),
    "a link to nowhere": lambda folder: folder.symlink_to("/nowhere/at/all"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_folder_costs_speed_alone(
    make: Callable[..., Any], source: Source, folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    BROKEN[kind](folder)
    app = make()
    answers: list[Answer] = [ask(app, f"/zarr/v3/x/c/{row}/0") for row in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    assert source.reads == 4
    assert len([record for record in caplog.records if "the cache that servers share" in record.getMessage()]) == 1


def test_no_redis_costs_speed_alone(make: Callable[..., Any], source: Source, caplog: pytest.LogCaptureFixture) -> None:
    app = make(cache="redis://127.0.0.1:1/0")
    assert [ask(app, f"/zarr/v3/x/c/{row}/0").status for row in range(4)] == [200] * 4
    assert len([record for record in caplog.records if "the cache that servers share" in record.getMessage()]) == 1


def metrics(app: Any) -> dict[str, float]:
    lines = ask(app, "/metrics").body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_metrics_tell_of_each_tier_and_tree(make: Callable[..., Any], source: Source, folder: Path) -> None:
    first, second = make(), make()
    body = ask(first, PATH).body
    for _ in range(2):
        ask(second, PATH)
    made, found = metrics(first), metrics(second)
    tiers = {
        "memory": {"hits": 1, "misses": 1, "waits": 0},
        "folder": {"hits": 1, "misses": 0, "stores": 0, "errors": 0, "waits": 0, "read_bytes": len(body), "written_bytes": 0},
    }
    assert {(tier, name): found[f'tiled_zarr_tier_{name}_total{{tier="{tier}"}}'] for tier, row in tiers.items() for name in row} == {
        (tier, name): value for tier, row in tiers.items() for name, value in row.items()
    }
    assert 0 < found['tiled_zarr_tier_hit_seconds_total{tier="folder"}'] < SLOW
    assert (made['tiled_zarr_tier_stores_total{tier="folder"}'], made['tiled_zarr_tier_written_bytes_total{tier="folder"}']) == (
        1,
        len(body),
    )
    assert made['tiled_zarr_tier_make_seconds_total{tier="folder"}'] >= SLOW
    assert made['tiled_zarr_source_requests_total{source="/"}'] == found['tiled_zarr_source_requests_total{source="/"}'] == 1
    assert made['tiled_zarr_source_read_seconds_total{source="/"}'] >= SLOW > found['tiled_zarr_source_read_seconds_total{source="/"}']


ADDRESSES = {
    "folder:///var/cache/x": "folder:///var/cache/x",
    "/var/cache/x": "folder:///var/cache/x",
    "valkey://a:6379/1": "redis://a:6379/1",
    "valkeys://a:6379/1": "rediss://a:6379/1",
    "rediss://:pass@a/0": "rediss://:pass@a/0",
    "unix:///run/redis.sock": "unix:///run/redis.sock",
}


@pytest.mark.parametrize(("given", "address"), ADDRESSES.items())
def test_addresses(given: str, address: str) -> None:
    assert environment.from_environment({"TILED_ZARR_CACHE": given}).cache == address


@pytest.mark.parametrize("given", ["memcached://a", "redis://", "folder://", " "])
def test_wrong_addresses(given: str) -> None:
    with pytest.raises(SettingsError, match=r"^TILED_ZARR_CACHE: expected "):
        environment.from_environment({"TILED_ZARR_CACHE": given})


@pytest.mark.parametrize(
    ("address", "reason"), {"redis://a:port/0": "port", "redis://a?db=x": "db", "redis://a?colour=red": "colour"}.items()
)
def test_addresses_that_the_library_refuses(make: Callable[..., Any], address: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=f"(?i)^cache: .*{reason}"):
        make(cache=address)


def test_the_library_is_optional(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    monkeypatch.delitem(__import__("sys").modules, "tiled_zarr.caches.keyvalue", raising=False)
    with pytest.raises(SettingsError, match=r"^cache: .*: pip install 'redis"):
        make(cache="redis://127.0.0.1:1/0")
