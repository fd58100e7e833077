"""Thumbnails of images that change, are damaged, or are no images."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asgi import ask
from tiled_zarr.nodes import Array, Changed, Group, Region

VALUES = np.arange(300 * 300, dtype="<u2").reshape(300, 300)
PATH = "/thumbnail/image.png"
FULL = {"tiled_zarr": {"channels": [{"window": [0, 149]}]}}


class Source:
    """An image; a read of all of it, as for a thumbnail, first does the test's next action."""

    def __init__(self, *actions: Callable[[], object]) -> None:
        self.actions = list(actions)
        self.generation = 1
        self.node = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=self.read, revision=lambda: str(self.generation))

    def read(self, region: Region) -> np.ndarray:
        if self.actions and region == (slice(0, 300), slice(0, 300)):
            self.actions.pop(0)()
        return VALUES[region]

    def change(self) -> None:
        """What a writer does while the file is read."""
        self.generation += 1

    def replaced(self) -> None:
        """What an adapter says of a file that is another one by now."""
        raise Changed("another file")


def raising(error: Exception) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


@pytest.fixture
def app_of(make: Callable[..., Any]) -> Callable[[Array], Any]:
    return lambda node: make(Group(children={"image": node}))


@pytest.mark.parametrize("kind", ["change", "replaced"])
@pytest.mark.parametrize("times", [1, 2, 50])
def test_an_image_that_changes_is_read_again_once_and_then_busy(app_of: Callable[[Array], Any], kind: str, times: int) -> None:
    source = Source()
    app = app_of(source.node)
    source.actions = [getattr(source, kind)] * times
    answer = ask(app, PATH)
    if times == 1:
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    else:
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert b"ask again" in answer.body
    source.actions = []
    assert ask(app, PATH).status == 200


@pytest.mark.parametrize(
    ("error", "status"), [(OSError("bad sector"), 500), (RuntimeError("bad filter"), 500), (TimeoutError("no answer"), 503)]
)
def test_a_damaged_image_says_why_and_the_pages_stay(app_of: Callable[[Array], Any], error: Exception, status: int) -> None:
    source = Source(*[raising(error)] * 50)
    app = app_of(source.node)
    answer = ask(app, PATH)
    assert answer.status == status
    assert str(error).encode() in answer.body
    head = ask(app, PATH, method="HEAD")
    assert (head.status, head.body, head.headers) == (status, b"", answer.headers)
    for page in ("/", "/view/", "/view/image"):
        assert ask(app, page).status == 200
    source.actions = []
    assert ask(app, PATH).status == 200


def test_head_equals_get(app_of: Callable[[Array], Any]) -> None:
    app = app_of(Source().node)
    head, answer = ask(app, PATH, method="HEAD"), ask(app, PATH)
    assert (head.status, head.body, head.headers) == (200, b"", answer.headers)
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("attributes", [{"multiscales": "x"}, {"multiscales": []}, {"multiscales": [{"axes": 5, "datasets": [{}]}]}])
def test_a_group_that_calls_itself_an_image_has_none(make: Callable[..., Any], attributes: dict[str, Any]) -> None:
    app = make(Group(children={"image": Group(children={"0": replace(Source().node)}, attributes=attributes)}))
    assert ask(app, PATH).status == 404
    assert ask(app, "/view/image").status == 200


def test_a_child_that_cannot_be_opened_leaves_the_page_of_its_group(make: Callable[..., Any]) -> None:
    """One chunk of 8.6 GB, which the page shows as the array that it is."""
    node = replace(Source().node, shape=(65_536, 65_536), chunks=(65_536, 65_536))
    app = make(Group(children={"image": node}))
    page = ask(app, "/")
    assert page.status == 200
    assert b"image" in page.body
    assert ask(app, "/view/image").status == 200
    assert ask(app, PATH).status == 413


def test_a_thumbnail_under_a_token_never_changes(make: Callable[..., Any]) -> None:
    source = Source()
    app = make(Group(children={"image": source.node}))
    page = ask(app, "/").body.decode()
    found = re.search(r'src="\./(@[0-9a-f]+/thumbnail/image\.png)"', page)
    assert found is not None
    frozen, plain = ask(app, f"/{found[1]}"), ask(app, PATH)
    assert (frozen.status, frozen.body, frozen.headers["etag"]) == (200, plain.body, plain.headers["etag"])
    assert frozen.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ask(app, f"/{found[1].replace('image', 'other')}").status == 410
    source.change()
    assert (ask(app, f"/{found[1]}").status, ask(app, PATH).status) == (410, 200)


def test_a_thumbnail_whose_image_changes_meanwhile_is_410_under_its_token(make: Callable[..., Any]) -> None:
    source = Source()
    app = make(Group(children={"image": source.node}))
    token = ask(app, "/ome-zarr/0.4/image/.zattrs").headers["content-location"].lstrip("./").partition("/")[0]
    source.actions.append(source.change)
    assert ask(app, f"/{token}{PATH}").status == 410


LINE = np.arange(150, dtype="f4")
THIN = {
    "a column": (LINE[:, None], np.repeat(LINE[:, None], 7, axis=1)),
    "a row": (LINE[None], np.repeat(LINE[None], 7, axis=0)),
    "three columns": (np.tile(LINE[:, None], 3), np.repeat(LINE[:, None], 9, axis=1)),
    "not thin": (np.tile(LINE[:60, None], 3), np.tile(LINE[:60, None], 3)),
}


@pytest.mark.parametrize(("values", "expected"), THIN.values(), ids=THIN)
def test_a_thin_image_is_wide_enough_to_see(app_of: Callable[[Array], Any], values: np.ndarray, expected: np.ndarray) -> None:
    """The edges differ by a factor of 20 at most, and no pixel changes."""
    node = Array(shape=values.shape, dtype=values.dtype, read=lambda region: values[region], attributes=FULL, revision=lambda: "1")
    answer = ask(app_of(node), PATH)
    with Image.open(io.BytesIO(answer.body)) as picture:
        pixels = np.asarray(picture.convert("L"))
    np.testing.assert_allclose(pixels, expected / LINE.max() * 255, atol=1)
