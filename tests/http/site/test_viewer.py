from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.http.site import viewer


def held(values: np.ndarray[Any, Any], **hints: Any) -> Array:
    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=lambda region: values[region],
        attributes={"tiled_zarr": hints},
        revision=lambda: "r1",
        blocking=False,
    )


@pytest.fixture
def images(make: Callable[..., Any]) -> Any:
    """Images, and an array that is none.

    Red above blue in three bands, a label image, a thin one, and one without a number.
    """
    colours = np.zeros((3, 40, 30), np.uint8)
    colours[0, :20], colours[2, 20:] = 255, 255
    window = {"start": 0, "end": 255}
    bands = [{"label": name, "color": name, "window": window} for name in ("FF0000", "00FF00", "0000FF")]
    return make(
        Group(
            children={
                "colours": held(colours, axes="cyx", channels=bands),
                "labels": held(np.repeat(np.arange(4, dtype=np.int32), 256).reshape(32, 32), is_label=True),
                "thin": held(np.ones((2, 2000), np.float32)),
                "nothing": held(np.full((50, 50), np.nan)),
                "line": held(np.arange(5)),
            }
        )
    )


def thumbnail(app: Any, name: str) -> np.ndarray[Any, Any]:
    answer = ask(app, f"/thumbnail/{name}.png")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.body)) as image:
        return np.asarray(image)


def test_thumbnails_show_what_the_viewer_does(images: Any) -> None:
    colours = thumbnail(images, "colours")
    assert colours.shape == (40, 30, 3)
    assert (colours[5, 5].tolist(), colours[-5, 5].tolist()) == ([255, 0, 0], [0, 0, 255])
    labels = thumbnail(images, "labels").reshape(-1, 3)
    assert labels[0].tolist() == [0, 0, 0]
    assert len(np.unique(labels, axis=0)) == 4
    assert max(thumbnail(images, "thin").shape) <= 192
    assert thumbnail(images, "nothing").max() == 0


def test_thumbnails_are_kept_by_clients(images: Any) -> None:
    answer = ask(images, "/thumbnail/colours.png")
    assert answer.headers["cache-control"] == "no-cache"
    assert ask(images, "/thumbnail/colours.png", headers={"if-none-match": answer.headers["etag"]}).status == 304


def test_a_thumbnail_of_an_image_that_changes_is_for_later(make: Callable[..., Any]) -> None:
    revisions = count()
    changing = replace(held(np.ones((300, 300), np.uint8)), revision=lambda: str(next(revisions)), blocking=True)
    answer = ask(make(Group(children={"a": changing})), "/thumbnail/a.png")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert b"changed" in answer.body


@pytest.mark.parametrize("name", ["line", "none", "", "colours/0"])
def test_only_images_have_thumbnails(images: Any, name: str) -> None:
    assert ask(images, f"/thumbnail/{name}.png").status == 404


def test_images_open_in_the_viewer(images: Any) -> None:
    answer = ask(images, "/view/colours?api_key=")
    page = ask(images, "/view/colours").body.decode()
    assert answer.status == 401
    located = [ask(images, f"/ome-zarr/{key}").headers["content-location"] for key in ("0.5/colours/zarr.json", "0.4/colours/.zattrs")]
    sources = " ".join(f"../{location.lstrip('./').rpartition('/')[0]}" for location in located)
    assert re.fullmatch(r"\.\./@[0-9a-f]+/ome-zarr/0\.5/colours \.\./@[0-9a-f]+/ome-zarr/0\.4/colours", sources)
    assert f'data-sources="{sources}"' in page
    assert "unsafe" not in ask(images, "/view/colours").headers["content-security-policy"]
    assert "data-sources" not in ask(images, "/view/line").body.decode()


@pytest.mark.parametrize(
    ("dtype", "shape", "axes", "chunks"),
    [
        ("<f8", (300, 200), "yx", "64x64"),
        ("<u2", (5, 40, 3000), "zyx", "1x40x64"),
        ("<i8", (4, 5, 300, 200), None, "1x1x64x64"),
        ("u1", (300, 200, 3), "yxc", "64x64x3"),
        ("u1", (300, 200, 9), "yxc", "64x64x1"),
        ("<c16", (300, 200), "yx", "64x64x2"),
    ],
)
def test_the_page_names_the_exact_values_in_small_chunks(
    make: Callable[..., Any], dtype: str, shape: tuple[int, ...], axes: str | None, chunks: str
) -> None:
    values = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    app = make(Group(children={"a [1]": held(values, **({"axes": axes} if axes else {}))}))
    page = ask(app, "/view/a ~5b1~5d").body.decode()
    found = re.search(r'data-values="\.\./([^"]+)" data-axes="(\w+)"', page)
    assert found, page
    assert unquote(found[1]) == f"zarr/v3/~dtype=web,chunks={chunks}/a [1]"
    assert found[2] == (axes or "czyx")
    document = json.loads(ask(app, f"/{unquote(found[1])}/zarr.json").body)
    assert "x".join(map(str, document["chunk_grid"]["configuration"]["chunk_shape"])) == chunks


@pytest.mark.parametrize(
    "hints", [{"orientation": 6}, {"photometric": "palette", "palette": [[255, 0, 0]] * 256}, {"photometric": "miniswhite"}]
)
def test_a_picture_that_is_computed_has_no_exact_values(make: Callable[..., Any], hints: dict[str, Any]) -> None:
    """Its pixels are not those of the array: the viewer reads level 0 instead."""
    app = make(Group(children={"a": held(np.ones((300, 200), np.uint8), **hints)}))
    assert 'data-values=""' in ask(app, "/view/a").body.decode()


def test_a_viewer_that_is_not_built_says_so(images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer.ViewerPage, "viewer", lambda *_: viewer.NOT_BUILT)
    answer = ask(images, "/view/colours")
    assert answer.status == 501
    for what in (b"without Node", b"apt-get install nodejs npm", b"pip install --force-reinstall --no-deps .", b"make viewer"):
        assert what in answer.body
