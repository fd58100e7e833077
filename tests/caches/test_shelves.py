"""The contract of shelves, over a folder and a Redis server, and what each has of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socketserver
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from disks import small_disk
from redis_server import RedisServer, redis_server
from tiled_zarr.caches import folder as folders
from tiled_zarr.caches import keyvalue
from tiled_zarr.caches.folder import DRAFT, HEAD, Folder
from tiled_zarr.caches.keyvalue import HELD, LIFE, PREFIX, KeyValue
from tiled_zarr.caches.shared import Failed, Shelf

NAME, OTHER = "a3" + 38 * "0", "a3" + 38 * "1"
MOST = 1_000_000
LONG = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(params=["folder", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Shelf]]:
    """A function that makes a shelf in one place, as another process would."""
    made: list[Shelf] = []

    def another() -> Shelf:
        made.append(Folder(tmp_path / "new" / "cache", MOST) if request.param == "folder" else KeyValue(server.address))
        return made[-1]

    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("server")
        server.client().flushall()
    yield another
    for shelf in made:
        shelf.close()


@pytest.fixture
def shelf(make: Callable[[], Shelf]) -> Shelf:
    return make()


@contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """The port of a service that answers all that it is sent with the same bytes."""

    class Same(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while self.request.recv(4096):
                    self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Same) as service:
        service.daemon_threads = True
        service.block_on_close = False
        Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
        yield service.server_address[1]
        service.shutdown()


def put(shelf: Shelf, name: str, body: bytes) -> None:
    hold = shelf.hold(name)
    assert hold is not None
    hold.put(body)


@pytest.mark.parametrize("body", [b"", b"body", bytes(70_000), os.urandom(300_000)], ids=len)
def test_what_was_put_comes_back(make: Callable[[], Shelf], body: bytes) -> None:
    put(make(), NAME, body)
    assert make().get(NAME) == body
    assert make().get(OTHER) is None


def test_one_alone_makes_a_body(make: Callable[[], Shelf]) -> None:
    one, other = make(), make()
    hold = one.hold(NAME)
    assert hold is not None
    assert one.hold(NAME) is other.hold(NAME) is None
    another = other.hold(OTHER)
    assert another is not None
    another.leave()
    assert one.get(NAME) is None
    hold.leave()
    put(other, NAME, b"body")
    again = one.hold(NAME)
    assert again is not None, "a body that is there can be made again"
    assert one.get(NAME) == b"body"
    again.leave()
    assert one.get(NAME) == b"body"


def hold_for_ever(make: Callable[[], Shelf], ready: Any) -> None:
    assert make().hold(NAME) is not None
    ready.set()
    time.sleep(2 * LONG)


def test_a_dead_holder_delays_nobody_for_long(make: Callable[[], Shelf], shelf: Shelf) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=hold_for_ever, args=(make, ready), daemon=True)
    process.start()
    assert ready.wait(LONG)
    assert shelf.hold(NAME) is None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(LONG)
    end = time.monotonic() + (0 if shelf.kind == "folder" else LIFE + 2)
    hold = shelf.hold(NAME)
    while hold is None and time.monotonic() < end:
        time.sleep(0.05)
        hold = shelf.hold(NAME)
    assert hold is not None
    hold.put(b"body")
    assert shelf.get(NAME) == b"body"


class TestFolder:
    @pytest.fixture
    def shelf(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path / "cache", MOST)

    def files(self, shelf: Folder) -> list[Path]:
        return sorted(path for path in shelf.path.rglob("*.*") if path.name != folders.TRIM)

    @pytest.mark.parametrize(
        "damage", {"cut": lambda data: data[:-1], "zeros": lambda data: bytes(len(data)), "empty": lambda _: b""}.values()
    )
    def test_a_damaged_file_is_no_body(self, shelf: Folder, damage: Callable[[bytes], bytes]) -> None:
        put(shelf, NAME, b"some body")
        [path] = self.files(shelf)
        path.write_bytes(damage(path.read_bytes()))
        assert shelf.get(NAME) is None
        assert not path.exists()

    def test_only_the_owner_reads_it(self, shelf: Folder) -> None:
        put(shelf, NAME, b"body")
        assert {path.stat().st_mode & 0o077 for path in (shelf.path, *shelf.path.rglob("*"))} == {0}

    def test_the_bound_holds_and_what_was_used_longest_ago_goes(self, shelf: Folder) -> None:
        size = MOST // 100
        for number in range(300):
            name = f"{number % 7:02x}{number:038x}"
            put(shelf, name, bytes(size - HEAD))
            path = shelf.path / name[:2] / f"{name}.chunk"
            os.utime(path, (number, number))
            if number >= 10:
                assert shelf.get(f"{5:02x}{5:038x}") is not None, "its use was noted, though it is the oldest"
        kept = self.files(shelf)
        assert MOST * (1 - 2 / folders.PART) <= sum(path.stat().st_size for path in kept) <= MOST * (1 + 1 / folders.PART)
        numbers = sorted(int(path.stem[-8:], 16) for path in kept)
        assert numbers == [5, *range(300 - len(kept) + 1, 300)]

    @pytest.mark.parametrize("where", ["lost+found", "00"])
    def test_what_is_not_ours_is_left_alone(self, shelf: Folder, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
        foreign = shelf.path / where / "big.chunk"
        foreign.parent.mkdir(parents=True)
        foreign.write_bytes(bytes(2 * MOST))
        scan = os.scandir

        def forbidden(path: Any) -> Any:
            """As a user who may not read `lost+found`, which root may."""
            if os.fspath(path) == str(foreign.parent):
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return scan(path)

        monkeypatch.setattr(folders.os, "scandir", forbidden)
        for name in NAME, OTHER:
            put(shelf, name, bytes(MOST * 2 // 3))
        shelf.trim()
        assert shelf.get(NAME) is None
        assert shelf.get(OTHER) is not None
        assert foreign.exists()

    def test_what_cannot_be_removed_holds_up_nothing(self, shelf: Folder) -> None:
        folder = shelf.path / "a3" / "old.chunk"
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
        for name in NAME, OTHER:
            put(shelf, name, bytes(MOST * 2 // 3))
        shelf.trim()
        assert shelf.get(NAME) is None
        assert shelf.get(OTHER) is not None

    def test_a_trim_that_another_has_kept_us_from_is_made_up_for(self, shelf: Folder) -> None:
        put(shelf, NAME, bytes(MOST * 2 // 3))
        descriptor = os.open(shelf.path / folders.TRIM, os.O_RDWR)
        assert folders.locked(descriptor)
        put(shelf, OTHER, bytes(MOST * 2 // 3))
        assert len(self.files(shelf)) == 2
        os.close(descriptor)
        put(shelf, "b4" + 38 * "0", b"small")
        assert sum(path.stat().st_size for path in self.files(shelf)) <= MOST

    def test_a_body_larger_than_the_bound_is_not_kept(self, tmp_path: Path) -> None:
        shelf = Folder(tmp_path, 100)
        put(shelf, NAME, bytes(200))
        assert shelf.get(NAME) is None
        assert self.files(shelf) == []

    def test_old_drafts_go_unless_they_are_made(self, shelf: Folder) -> None:
        kept = shelf.hold(OTHER)
        assert kept is not None
        left = shelf.path / "a3" / f"{NAME}{DRAFT}"
        left.write_bytes(b"of a process that died")
        for path in left.parent.iterdir():
            os.utime(path, (0, 0))
        shelf.trim()
        assert [path.name for path in self.files(shelf)] == [f"{OTHER}{DRAFT}"]
        kept.put(b"body")
        assert shelf.get(OTHER) == b"body"

    def test_a_draft_that_is_finished_before_we_lock_it_is_opened_again(self, shelf: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        lock, finished = folders.locked, []

        def late(descriptor: int) -> bool:
            if not finished:
                finished.append(f"{shelf.path}/a3/{NAME}")
                Path(f"{finished[0]}{DRAFT}").rename(f"{finished[0]}.chunk")
            return lock(descriptor)

        monkeypatch.setattr(folders, "locked", late)
        hold = shelf.hold(NAME)
        assert hold is not None
        assert Path(f"{finished[0]}.chunk").read_bytes() == b"", "it is not ours any more"
        hold.put(b"body")
        assert shelf.get(NAME) == b"body"

    def test_a_file_in_the_way_is_a_failure(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("no folder")
        shelf = Folder(tmp_path / "cache", MOST)
        for ask in (shelf.get, shelf.hold):
            with pytest.raises(Failed, match="Not a directory"):
                ask(NAME)

    def test_a_full_disk_is_a_failure_and_leaves_nothing(self, shelf: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        hold = shelf.hold(NAME)
        assert hold is not None

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(folders.os, "write", full)
        with pytest.raises(Failed, match="No space left"):
            hold.put(b"body")
        monkeypatch.undo()
        assert self.files(shelf) == []
        put(shelf, NAME, b"body")

    def test_a_disk_without_room_is_still_read(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 2**20) as disk:
            shelf = Folder(disk / "cache", 2**30)
            put(shelf, NAME, b"body")
            hold = shelf.hold(OTHER)
            assert hold is not None
            with pytest.raises(Failed, match="No space left"):
                hold.put(bytes(2**21))
            assert shelf.get(NAME) == b"body"
            assert shelf.get(OTHER) is None
            put(shelf, OTHER, b"small")


class TestKeyValue:
    @pytest.fixture
    def shelf(self, server: RedisServer) -> Iterator[KeyValue]:
        server.client().flushall()
        made = KeyValue(server.address)
        yield made
        made.close()

    def test_a_hold_is_renewed_while_the_body_is_made(self, shelf: KeyValue, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keyvalue, "LIFE", 1.5)
        hold = shelf.hold(NAME)
        assert hold is not None
        client, renewals, last = server.client(), 0, 1500
        while renewals < 3:
            left = client.pttl(f"{PREFIX}{NAME}{HELD}")
            assert 0 < left <= 1500
            renewals += left > last
            last = left
            time.sleep(0.02)
        hold.leave()
        assert not client.exists(f"{PREFIX}{NAME}{HELD}")

    def test_a_hold_of_a_thread_that_never_comes_back_ends(self, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keyvalue, "LIFE", 0.3)
        shelf = KeyValue(server.address, patience=0.5)
        assert shelf.hold(OTHER) is not None
        end = time.monotonic() + LONG
        while server.client().exists(f"{PREFIX}{OTHER}{HELD}"):
            assert time.monotonic() < end
            time.sleep(0.05)
        shelf.close()

    def test_bodies_have_a_time_to_live(self, shelf: KeyValue, server: RedisServer) -> None:
        put(shelf, NAME, b"body")
        assert 0 < server.client().ttl(PREFIX + NAME) <= keyvalue.KEEP

    def test_a_full_server_is_a_failure(self, shelf: KeyValue, server: RedisServer) -> None:
        client = server.client()
        hold = shelf.hold(NAME)
        assert hold is not None
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(Failed, match="maxmemory"):
                hold.put(b"body")
        finally:
            client.config_set("maxmemory", "0")
        put(shelf, NAME, b"body")

    @pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b":5\r\n", b"+OK\r\n", b"$5\r\nhello\r\n", b"*1\r\n:5\r\n"])
    def test_another_service_is_a_failure(self, reply: bytes) -> None:
        with answering(reply) as port:
            shelf = KeyValue(f"redis://127.0.0.1:{port}")
            with pytest.raises(Failed):
                shelf.get(NAME)
            shelf.close()

    def test_bodies_that_do_not_come_as_bytes_are_a_failure(self, shelf: KeyValue, server: RedisServer) -> None:
        put(shelf, NAME, b"body")
        put(shelf, OTHER, b"\xff")
        other = KeyValue(f"{server.address}?decode_responses=True")
        for name in NAME, OTHER:
            with pytest.raises(Failed):
                other.get(name)
        other.close()

    def test_a_name_of_no_host_is_a_failure(self) -> None:
        with pytest.raises(Failed, match="label"):
            KeyValue(f"redis://{'a' * 70}.example").get(NAME)

    def test_no_server_is_a_failure(self, shelf: KeyValue, tmp_path: Path) -> None:
        with redis_server(tmp_path) as other:
            lost = KeyValue(other.address)
            assert lost.get(NAME) is None
            other.stop()
            for ask in (lost.get, lost.hold):
                with pytest.raises(Failed, match="ConnectionError"):
                    ask(NAME)
            other.start()
            put(lost, NAME, b"body")
            other.process.send_signal(signal.SIGSTOP)
            try:
                with pytest.raises(Failed, match="Timeout"):
                    lost.get(NAME)
            finally:
                other.process.send_signal(signal.SIGCONT)
            assert lost.get(NAME) == b"body"
            lost.close()
