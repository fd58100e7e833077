"""What would take more memory than a request may have is refused with a reason.

Nothing of it is made before.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asgi import ask
from hanging import Asking, Hanging, plain
from tiled_zarr import Array, Group, Sparse, budgets, codecs
from tiled_zarr.budgets import Budget
from tiled_zarr.encoding import row_index
from tiled_zarr.grid import Grid
from tiled_zarr.hierarchy.recipes import recipe
from tiled_zarr.nodes import Dense, Node, Options

MIB = 2**20


def source(chunks: tuple[int, ...] | None, *, blocking: bool = True, unit: tuple[int, ...] | None = None) -> Array:
    """An array of 16 MiB."""

    def read(region: Any) -> np.ndarray[Any, Any]:
        return np.zeros(tuple(part.stop - part.start for part in region), "u1")

    options = Options(chunk_shape=(1024, 1024))
    return Array(shape=(4096, 4096), dtype=np.dtype("u1"), source=Dense(read, blocking=blocking, unit=unit), chunks=chunks, options=options)


CHUNK = (slice(1024, 2048), slice(0, 1024))
WEIGHTS: dict[str, tuple[Array, int]] = {
    "the source says nothing": (source(None), 0),
    "whole": (source((4096, 4096)), 16 * MIB),
    "rows": (source((1, 4096)), 4 * MIB),
    "the same": (source((1024, 1024)), MIB),
    "larger than the array": (source((5000, 5000)), 16 * MIB),
    "others": (source((700, 700)), 1400 * 1400),
    "another unit": (source((512, 512), unit=(4096, 4096)), 16 * MIB),
    "a unit of single items": (source((4096, 4096), unit=(1, 1)), MIB),
    "in memory": (source((4096, 4096), blocking=False), 0),
    "made in memory": (source((512, 512), blocking=False, unit=(4096, 4096)), 16 * MIB),
}


@pytest.mark.parametrize(("node", "nbytes"), WEIGHTS.values(), ids=WEIGHTS)
def test_the_boxes_that_a_source_decodes_are_counted(node: Array, nbytes: int) -> None:
    grid = Grid(node.shape, (512, 512))
    made = recipe(node, grid, codecs.parse("none"), "")
    assert made.weight(CHUNK) - made.nbytes == nbytes


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_chunk_out_of_a_box_that_is_too_large_is_refused(make: Callable[..., Any], method: str) -> None:
    app = make(Group(children={"large": source((4096, 4096)), "small": source((512, 512))}), in_flight=16 * MIB)
    refused = ask(app, "/zarr/v3/large/c/0/0", method)
    assert (refused.status, refused.headers["cache-control"]) == (413, "no-store")
    if method == "GET":
        assert refused.body == b"this takes 17 MiB of memory at once, and a request may take 12 MiB; raise the setting in_flight\n"
    assert ask(app, "/zarr/v3/small/c/0/0", method).status == 200
    assert ask(make(Group(children={"large": source((4096, 4096))}), in_flight=24 * MIB), "/zarr/v3/large/c/0/0", method).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_does_not_fit_now_waits_for_a_while(make: Callable[..., Any], method: str) -> None:
    hung = Hanging()
    app = make(Group(children={"hung": large_and_hanging(hung), "good": source((4096, 4096))}), in_flight=24 * MIB, queue_timeout=0.3)

    async def main() -> None:
        asking = Asking(app)
        first = asking.get("/zarr/v3/hung/c/0/0")
        await asking.until(lambda: hung.asked == 1)
        waited = await asking.get("/zarr/v3/good/c/0/0", method=method)
        assert (waited.status, waited.headers["retry-after"]) == (503, "5")
        if method == "GET":
            assert waited.body == b"other requests took all memory for 0.3 s; ask again later\n"
        hung.is_open.set()
        assert (await first).status == 200
        assert (await asking.get("/zarr/v3/good/c/0/0", method=method)).status == 200

    asyncio.run(main())


def large_and_hanging(hung: Hanging) -> Array:
    def read(region: Any) -> np.ndarray[Any, Any]:
        hung.wait()
        return np.zeros(tuple(part.stop - part.start for part in region), "u1")

    return Array(shape=(4096, 4096), dtype=np.dtype("u1"), read=read, chunks=(4096, 4096), options=Options(chunk_shape=(1024, 1024)))


def test_text_is_counted_once_it_is_known(make: Callable[..., Any]) -> None:
    """The length of strings is unknown until they are read: the event loop never encodes them."""
    threads: list[int] = []
    texts = np.array(["x" * MIB] * 4, object)

    def read(region: Any) -> np.ndarray[Any, Any]:
        threads.append(threading.get_ident())
        return texts[region]

    node = Array(shape=texts.shape, dtype=texts.dtype, read=read, blocking=False, revision=lambda: "r1")
    refused = ask(make(Group(children={"a": node}), in_flight=16 * MIB), "/zarr/v3/a/c/0")
    assert (refused.status, refused.body[:20]) == (413, b"this takes 17 MiB of")
    assert ask(make(Group(children={"a": node}), in_flight=32 * MIB), "/zarr/v3/a/c/0").status == 200
    assert threading.get_ident() not in threads
    wide = np.array(["\U0001f600" * MIB] * 2, object)
    app = make(Group(children={"a": Array(shape=(2,), dtype=wide.dtype, read=lambda region: wide[region])}), in_flight=32 * MIB)
    assert ask(app, "/zarr/v3/a/c/0").status == 413, "4 bytes a character"


class Many(Mapping[str, Node]):
    """As many children as one likes, with long names."""

    def __init__(self, number: int, length: int) -> None:
        self.number, self.length = number, length

    def __getitem__(self, name: str) -> Node:
        return plain()

    def __iter__(self) -> Any:
        return (f"{number:0{self.length}}" for number in range(self.number))

    def __len__(self) -> int:
        return self.number


LISTINGS = {
    "links": ("/zarr/v3/", {}),
    "JSON": ("/zarr/v2/", {"accept": "application/json"}),
    "page": ("/", {}),
    "home": ("/", {"accept": "application/json"}),
}


@pytest.mark.parametrize(("path", "headers"), LISTINGS.values(), ids=LISTINGS)
@pytest.mark.parametrize(("number", "length"), [(3000, 5), (200, 1000)], ids=["many", "long"])
def test_a_listing_is_whole_or_refused(make: Callable[..., Any], path: str, headers: dict[str, str], number: int, length: int) -> None:
    root = Group(children=Many(number, length))
    refused = ask(make(root, listing_bytes=100_000, consolidated_nodes=10), path, headers=headers)
    assert refused.status == 413
    assert b"ask for children by their names, or raise the setting listing_bytes" in refused.body
    whole = ask(make(root, listing_bytes=1_000_000, consolidated_nodes=10), path, headers=headers)
    assert whole.status == 200
    assert whole.body.count(b"0" * (length - 4)) >= number


def test_paths_are_bounded_before_any_walk(make: Callable[..., Any]) -> None:
    class Endless(Many):
        walked = 0

        def __getitem__(self, name: str) -> Node:
            Endless.walked += 1
            return Group(children=Endless(1, 1))

    app = make(Group(children=Endless(1, 1)))
    for path in (
        f"/zarr/v3/{'0/' * 600}zarr.json",
        f"/zarr/v3/{'0' * 9000}/zarr.json",
        f"/zarr/v3/zarr.json?{'x' * 9000}",
        f"/view/{'0/' * 600}",
    ):
        for method in ("GET", "HEAD"):
            answer = ask(app, path, method)
            assert answer.status == 414, path
    assert Endless.walked == 0
    assert ask(app, f"/zarr/v3/{'0/' * 300}zarr.json").status == 200
    assert Endless.walked >= 300


def test_consolidated_metadata_of_a_tree_without_an_end(make: Callable[..., Any]) -> None:
    """Paths alone grow with the square of the depth."""

    class Endless(Many):
        deepest = 0

        def __init__(self, depth: int) -> None:
            super().__init__(1, 1)
            self.depth = depth

        def __getitem__(self, name: str) -> Node:
            Endless.deepest = max(Endless.deepest, self.depth)
            return Group(children=Endless(self.depth + 1))

    app = make(Group(children=Endless(0)), consolidated_bytes=100_000)
    assert "consolidated_metadata" not in json.loads(ask(app, "/zarr/v3/zarr.json").body)
    assert Endless.deepest < 500


class Noted(Budget):
    """A budget that takes down what is asked of it."""

    def __init__(self) -> None:
        super().__init__(10**12, 1.0)
        self.taken: list[int] = []

    def take_free(self, nbytes: int) -> bool:
        self.taken.append(nbytes)
        return super().take_free(nbytes)


def taken(read: Callable[[], object]) -> list[int]:
    """What a function asks for in a thread that has a budget."""
    budget, errors = Noted(), []

    def work() -> None:
        budgets.lend(budget)
        try:
            read()
        except Exception as error:  # noqa: BLE001 - raised again
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    assert budget.free == budget.nbytes
    return budget.taken


def test_a_row_index_is_counted_while_it_is_built() -> None:
    coords, data = np.zeros((2, 1000), np.int64), np.ones(1000)
    node = Sparse(shape=(5, 5), dtype=data.dtype, entries=lambda: (coords, data), revision=lambda: "r1")
    assert taken(lambda: row_index.of(node)) == [2 * (coords.nbytes + data.nbytes)]
    assert taken(lambda: row_index.of(node)) == []


def test_files_that_are_decoded_whole_are_counted_while_they_are(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    from tiled_zarr.adapters.files.image import open_image
    from tiled_zarr.adapters.files.npy import open_npy

    pixels = np.arange(300, dtype="u1").reshape(10, 10, 3)
    image.fromarray(pixels).save(tmp_path / "a.png")
    np.savez_compressed(tmp_path / "a.npz", a=pixels)
    picture, member = open_image(tmp_path / "a.png"), open_npy(tmp_path / "a.npz").children["a"]  # type: ignore[union-attr] # a group
    region = (slice(0, 1), slice(0, 1), slice(0, 3))
    for node, nbytes in ((picture, 2 * pixels.nbytes), (member, pixels.nbytes)):
        assert isinstance(node, Array)
        assert taken(lambda node=node: node.read(region)) == [nbytes]
        assert taken(lambda node=node: node.read(region)) == [], "it is there"


def test_what_a_failed_read_had_in_memory_is_let_go(make: Callable[..., Any]) -> None:
    """The error refers to itself through the frames that it passed.

    So only the garbage collector would free its blocks.
    """
    blocks: list[weakref.ref[np.ndarray[Any, Any]]] = []

    def read(_: Any) -> np.ndarray[Any, Any]:
        block = np.zeros(MIB, "u1")
        blocks.append(weakref.ref(block))
        kept = None
        try:
            raise ValueError(f"{block.size} bytes are damaged")  # noqa: TRY301
        except ValueError as error:
            kept = error
        raise OSError("it is damaged") from kept

    app = make(Group(children={"a": Array(shape=(64,), dtype=np.dtype("u1"), read=read)}))
    gc.disable()
    try:
        assert ask(app, "/zarr/v3/a/c/0").status == 500
        assert [block() for block in blocks] == [None]
    finally:
        gc.enable()
