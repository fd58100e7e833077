"""The guard of every file that we open: only regular files, only inside the served folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from tiled_zarr.adapters.common import fences
from tiled_zarr.adapters.common.fences import Fence, around, dangles
from tiled_zarr.nodes import Damaged

pytestmark = pytest.mark.timeout(30)
"""Whatever waits for a FIFO's writer waits for ever."""
CONTENT, SECRET = b"content", b"a secret"


@pytest.fixture(params=["by descriptor", "by name"])
def fence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Fence:
    """A fence, where the system tells the path of an open file and where it does not."""
    served = tmp_path / "served"
    (served / "sub").mkdir(parents=True)
    (served / "file").write_bytes(CONTENT)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    if request.param == "by name":
        monkeypatch.setattr(fences, "_real_path", lambda _: "")
        monkeypatch.setattr(fences, "pin", lambda _: None)
    return Fence.of(served)


def descriptors() -> set[str]:
    """Of the files that are open in this process, by number."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def linked(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


ALLOWED = {
    "file": lambda path: path.write_bytes(CONTENT),
    "link": linked("file"),
    "link_up_and_down": linked("../served/sub/../file"),
    "link_to_a_link": lambda path: [path.with_name("other").symlink_to("file"), path.symlink_to("other")],
}


@pytest.mark.parametrize("make", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_opened(fence: Fence, make: Callable[[Path], object]) -> None:
    path = Path(fence.folder, "x")
    make(path)
    fence.check(path)
    assert fence.read(path) == CONTENT
    with fence.opened(path) as file:
        assert file.readall() == CONTENT
    with fence.pinned(path) as pinned:
        assert Path(pinned).read_bytes() == CONTENT


def bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "out": (linked("../outside/secret"), "a link out of the folder"),
    "out_by_a_folder": (lambda path: [path.symlink_to("over/secret"), path.with_name("over").symlink_to("../outside")], "a link out of"),
    "out_by_a_folder_like_ours": (
        lambda path: [Path(f"{path.parent}-not").mkdir(), Path(f"{path.parent}-not", "x").touch(), path.symlink_to("../served-not/x")],
        "a link out of the folder",
    ),
    "device": (linked("/dev/null"), "a link out of the folder"),
    "pipe": (os.mkfifo, "a named pipe"),
    "link_to_a_pipe": (lambda path: [os.mkfifo(path.with_name("pipe")), path.symlink_to("pipe")], "a named pipe"),
    "socket": (bind, "a socket"),
    "folder": (Path.mkdir, "a folder where a file is expected"),
    "dangling": (linked("nowhere"), "a link that leads nowhere"),
    "dangling_by_a_folder": (lambda path: path.symlink_to("sub/gone/file"), "a link that leads nowhere"),
    "circle": (linked("x"), "links that lead in a circle"),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(fence: Fence, make: Callable[[Path], object], reason: str) -> None:
    path = Path(fence.folder, "x")
    make(path)
    before = descriptors()
    for way in (fence.check, fence.read, fence.opened, lambda path: fence.pinned(path).__enter__()):
        with pytest.raises(Damaged, match=f"^'x': {reason}"):
            way(path)
    assert descriptors() == before


def test_what_is_missing_is_no_failure(fence: Fence) -> None:
    for name in ("x", "sub/x", "sub/a/b/c"):
        with pytest.raises(FileNotFoundError):
            fence.check(Path(fence.folder, name))
        assert not dangles(Path(fence.folder, name))


def test_a_folder_on_the_way_that_dangles(fence: Fence) -> None:
    Path(fence.folder, "c").symlink_to("unmounted")
    with pytest.raises(Damaged, match="leads nowhere"):
        fence.check(Path(fence.folder, "c", "0", "0"))


SWAPPED = ("out", "out_by_a_folder", "device", "pipe", "link_to_a_pipe", "folder")


@pytest.mark.parametrize("name", SWAPPED)
def test_what_takes_the_place_of_a_file_after_the_first_look(fence: Fence, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The first look sees a regular file; what is opened is something else."""
    path = Path(fence.folder, "x")
    make, reason = REFUSED[name]
    make(path)
    looked = Path(fence.folder, "file").stat()
    monkeypatch.setattr(fences, "_status", lambda _: looked)
    before = descriptors()
    with pytest.raises(Damaged, match=reason):
        fence.check(path)
    assert descriptors() == before


def test_a_link_that_is_swapped_back_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name the path is inside again; the open file is not."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(CONTENT)
    (tmp_path / "secret").write_bytes(SECRET)
    path = tmp_path / "served" / "x"
    path.symlink_to("../secret")

    def back(descriptor: int) -> str:
        path.unlink()
        path.symlink_to("file")
        return ""

    monkeypatch.setattr(fences, "_real_path", back)
    with pytest.raises(Damaged, match="out of the folder"):
        Fence.of(tmp_path / "served").check(path)


def test_a_pinned_file_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    (tmp_path / "other").write_bytes(SECRET)
    with Fence.of(tmp_path).pinned(path) as pinned:
        (tmp_path / "other").rename(path)
        assert Path(pinned).read_bytes() == CONTENT
    assert not Path(pinned).exists()


ERRORS: dict[str, Callable[[str], Exception]] = {
    "text": lambda path: OSError(f"cannot read {path}"),
    "number and text": lambda path: OSError(5, f"cannot read {path}"),
    "file name": lambda path: OSError(5, "broken", path),
    "other": lambda path: ValueError(path, 7),
    "key": KeyError,
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_errors_of_libraries_say_the_name_of_the_file(fence: Fence, error: Callable[[str], Exception]) -> None:
    """In the place of the path that they were given, which tells nothing; all else stays."""
    with pytest.raises(type(error(""))) as caught, fence.pinned(Path(fence.folder, "file")) as pinned:
        raise error(pinned)
    assert str(caught.value) == str(error("file"))


def test_folders(fence: Fence, tmp_path: Path) -> None:
    Path(fence.folder, "link").symlink_to("sub")
    Path(fence.folder, "over").symlink_to(tmp_path / "outside")
    for name in ("sub", "link", ""):
        with fence.listed(Path(fence.folder, name)) as descriptor:
            names = {entry.name for entry in os.scandir(descriptor)}
            assert names == {path.name for path in Path(fence.folder, name).iterdir()}
    with pytest.raises(Damaged, match="'over': a link out of the folder"), fence.listed(Path(fence.folder, "over")):
        pass
    with pytest.raises(NotADirectoryError), fence.listed(Path(fence.folder, "file")):
        pass


def test_the_root_of_the_system_holds_everything() -> None:
    assert Fence.of("/").holds("/etc/passwd")
    assert Fence.of("/").holds("/")


def test_the_fence_in_force_is_that_of_the_thread(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").touch()
    (tmp_path / "link").symlink_to("sub/file")
    seen: list[Fence] = []
    with Fence.of(tmp_path).in_force():
        assert around(tmp_path / "sub" / "file").folder == os.path.realpath(tmp_path)
        thread = Thread(target=lambda: seen.append(around(tmp_path / "sub" / "file")))
        thread.start()
        thread.join()
    alone = Fence.of(tmp_path / "sub")
    assert seen == [alone]
    assert around(tmp_path / "sub") == around(tmp_path / "sub" / "file") == around(tmp_path / "link") == alone


UNSEEN = {
    "there": linked("../outside/secret"),
    "a folder": linked("../outside"),
    "nothing": linked("../outside/nothing"),
    "nothing below nothing": linked("../gone/nothing"),
    "below a file": linked("../outside/secret/x"),
    "a link that leads nowhere": lambda path: [(path.parents[1] / "outside" / "l").symlink_to("no"), path.symlink_to("../outside/l")],
    "a fifo": lambda path: [os.mkfifo(path.parent.parent / "outside" / "fifo"), path.symlink_to("../outside/fifo")],
}


@pytest.mark.parametrize("make", UNSEEN.values(), ids=UNSEEN.keys())
def test_whether_anything_lies_outside_is_not_revealed(fence: Fence, make: Callable[[Path], object]) -> None:
    path = Path(fence.folder, "x")
    make(path)
    with pytest.raises(Damaged, match=rf"^'x': {fences.OUTSIDE}$"):
        fence.check(path)


def test_whether_a_folder_outside_has_a_file_is_not_revealed(fence: Fence) -> None:
    Path(fence.folder, "x").symlink_to("../outside")
    for name in ("secret", "nothing"):
        with pytest.raises(Damaged, match=rf"^'{name}': {fences.OUTSIDE}$"):
            fence.check(Path(fence.folder, "x", name))
