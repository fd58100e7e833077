"""What a folder can hold that is no good file.

It is left out and named with a reason, and harms nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from asgi import Answer, ask
from live import Live, live
from rights import close, for_good, unprivileged
from tiled_zarr.adapters.directory import open_directory

VALUES = np.arange(12, dtype="<i4")
SECONDS = 30
"""Deadline of every test here: what waits for a FIFO's writer waits for ever."""
pytestmark = [pytest.mark.slow, pytest.mark.unmeasured, pytest.mark.timeout(SECONDS)]


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def too_long(path: Path) -> None:
    path.symlink_to("x" * 300)


def into_a_closed_folder(path: Path) -> None:
    closed = path.with_name(f".closed for {path.name}")
    closed.mkdir()
    np.save(closed / "x.npy", VALUES)
    path.symlink_to(closed / "x.npy")
    close(closed)


def closed_folder(path: Path) -> None:
    path.mkdir()
    np.save(path / "x.npy", VALUES)
    close(path)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


KINDS: dict[str, Callable[[Path], None]] = {
    "loop": loop,
    "long": too_long,
    "into": into_a_closed_folder,
    "lost+found": closed_folder,
    "dangling": dangling,
    "loop.npy": loop,
    "long.npy": too_long,
    "into.npy": into_a_closed_folder,
    "dangling.npy": dangling,
}
"""By file name, links with and without a suffix of data.

The child has the part before the dot as its name.
"""
PLACES = ("", "sub")
TIMES = ("before", "after")


def filled(folder: Path) -> Path:
    """A folder that is served, with a good file in it and in a sub-folder."""
    served = folder / "served"
    (served / "sub").mkdir(parents=True)
    for place in PLACES:
        np.save(served / place / "good.npy", VALUES)
    return served


@pytest.mark.parametrize("when", TIMES)
@pytest.mark.parametrize("place", PLACES, ids=["root", "sub"])
@pytest.mark.parametrize("file", KINDS)
def test_it_is_left_out_and_named(tmp_path: Path, make: Callable[..., Any], file: str, place: str, when: str) -> None:
    served = filled(tmp_path)
    with unprivileged(tmp_path):
        if when == "before":
            KINDS[file](served / place / file)
        app = make(open_directory(served, on_file=lambda _: None), codec="none")
        check_good(app)
        if when == "after":
            KINDS[file](served / place / file)
        check_good(app)
        check_named(app, place, file.partition(".")[0], tmp_path)


def check_good(app: Any) -> None:
    """Every document, listing, page and chunk of the good things."""
    consolidated = json.loads(ok(app, "/zarr/v3/zarr.json").body)["consolidated_metadata"]["metadata"]
    assert {"good", "sub", "sub/good"} <= set(consolidated)
    assert {"good/.zarray", "sub/.zgroup", "sub/good/.zarray"} <= set(json.loads(ok(app, "/zarr/v2/.zmetadata").body)["metadata"])
    for prefix, place in product(("/zarr/v2/", "/zarr/v3/", "/ome-zarr/0.4/", "/ome-zarr/0.5/", "/view/"), PLACES):
        ok(app, f"{prefix}{place}")
    for path in ("/zarr/v2/good/0", "/zarr/v3/good/c/0", "/zarr/v2/sub/good/0", "/zarr/v3/sub/good/c/0"):
        assert ok(app, path).body == VALUES.tobytes()


def check_named(app: Any, place: str, name: str, folder: Path) -> None:
    """A bad child is named by its group, is in no listing, and its own keys are 5xx.

    The reason reveals nothing of the server's folders.
    """
    at = f"{place}/" if place else ""
    for document in (f"/zarr/v3/{at}zarr.json", f"/zarr/v2/{at}.zattrs"):
        content = json.loads(ok(app, document).body)
        reason = content.get("attributes", content)["tiled_zarr"]["unavailable"][name]
        assert reason
        assert str(folder) not in reason
    listing = json.loads(ok(app, f"/zarr/v3/{place}", headers={"accept": "application/json"}).body)
    assert [child["name"] for child in listing["children"]] == (["good"] if place else ["good", "sub"])
    for key in (f"/zarr/v3/{at}{name}/zarr.json", f"/zarr/v3/{at}{name}/c/0", f"/zarr/v2/{at}{name}/.zarray", f"/zarr/v2/{at}{name}/0"):
        assert ask(app, key).status >= 500, key


def ok(app: Any, path: str, **options: Any) -> Answer:
    answer = ask(app, path, **options)
    assert answer.status == 200, (path, answer.body)
    return answer


def test_a_folder_that_is_closed_later_and_opened_again(tmp_path: Path, make: Callable[..., Any]) -> None:
    served = filled(tmp_path)
    (served / "closing").mkdir()
    np.save(served / "closing" / "x.npy", VALUES)
    os.utime(served / "closing", (1, 1))
    with unprivileged(tmp_path):
        app = make(open_directory(served), codec="none")
        assert ok(app, "/zarr/v3/closing/x/c/0").body == VALUES.tobytes()
        for mode in (0, 0o444, 0o111):
            (served / "closing").chmod(mode)
            check_good(app)
            check_named_closed(app)
        (served / "closing").chmod(0o755)
        assert ok(app, "/zarr/v3/closing/x/c/0").body == VALUES.tobytes()
        assert "unavailable" not in json.loads(ok(app, "/zarr/v3/zarr.json").body)["attributes"].get("tiled_zarr", {})


def check_named_closed(app: Any) -> None:
    for key in ("closing/zarr.json", "closing/", "closing/x/zarr.json", "closing/x/c/0"):
        assert ask(app, f"/zarr/v3/{key}").status >= 500, key
    assert "closing" in json.loads(ok(app, "/zarr/v3/zarr.json").body)["attributes"]["tiled_zarr"]["unavailable"]


def test_what_is_repaired_is_served(tmp_path: Path, make: Callable[..., Any]) -> None:
    served = filled(tmp_path)
    loop(served / "bad.npy")
    app = make(open_directory(served), codec="none")
    check_named(app, "", "bad", tmp_path)
    (served / "bad.npy").unlink()
    np.save(served / "bad.npy", VALUES)
    assert ok(app, "/zarr/v3/bad/c/0").body == VALUES.tobytes()
    (served / "bad.npy").unlink()
    assert ask(app, "/zarr/v3/bad/c/0").status == 410
    assert "tiled_zarr" not in json.loads(ok(app, "/zarr/v3/zarr.json").body)["attributes"]


def test_an_array_whose_file_becomes_a_broken_link_is_no_zeros(tmp_path: Path, make: Callable[..., Any]) -> None:
    """A 404 would be read as zeros by who has the array open."""
    served = filled(tmp_path)
    app = make(open_directory(served))
    ok(app, "/zarr/v3/good/c/0")
    (served / "good.npy").unlink()
    dangling(served / "good.npy")
    assert ask(app, "/zarr/v3/good/c/0").status >= 500


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Path]]:
    """`serve directory` with every kind in both places, some of which come after the start."""
    folder = tmp_path_factory.mktemp("odd")
    with unprivileged(folder):
        pass  # or everything here is skipped
    served = filled(folder)
    for file, place in product(KINDS, PLACES):
        KINDS[file](served / place / f"before_{file}")
    os.mkfifo(served / "pipe.h5")
    with live("directory", served, "--public", preexec=for_good()) as server:
        for file, place in product(KINDS, PLACES):
            KINDS[file](served / place / f"after_{file}")
        yield server, served


@pytest.mark.parametrize("version", [2, 3])
def test_a_server_starts_and_zarr_python_reads_all_that_is_good(serving: tuple[Live, Path], version: int) -> None:
    server, _ = serving
    root = zarr.open_group(f"{server.url}/zarr/v{version}", mode="r", zarr_format=version)
    for place in PLACES:
        group = root[place] if place else root
        assert (group["good"][...] == VALUES).all()
        unavailable = set(group.attrs["tiled_zarr"]["unavailable"])
        expected = {f"{when}_{file}" for when, file in product(TIMES, KINDS)}
        assert unavailable == (expected if place else expected | {"pipe"})


def test_a_root_that_cannot_be_read_is_said_at_start(tmp_path: Path) -> None:
    served = filled(tmp_path)
    with unprivileged(tmp_path):
        pass
    close(served, 0o111)
    reason = r"the directory .*served cannot be served: Permission denied; let the user that runs the server read and search it"
    with (
        pytest.raises(RuntimeError, match=reason),
        live(env={"TILED_ZARR_DIRECTORY": served, "TILED_ZARR_PUBLIC": "1"}, preexec=for_good()),
    ):
        pass
