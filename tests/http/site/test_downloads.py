"""Files for download, read by numpy, pandas and Pillow."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from asgi import ask
from strategies import array_node
from tiled_zarr import Array, Group, Sparse, Table
from tiled_zarr.http.site import commas, downloads, files, planes, slices

RANDOM = np.random.default_rng(7)
CUBE = RANDOM.integers(0, 1000, (5, 7, 9)).astype("i4")

ARRAYS = {
    "cube": CUBE,
    "big endian": CUBE.astype(">u2"),
    "f2": RANDOM.normal(size=9).astype("f2"),
    "bool": CUBE > 500,
    "complex": CUBE.astype("c8") * 1j,
    "times": np.datetime64("2026-11-27", "ns") + np.arange(9),
    "spans": np.arange(9).astype("m8[s]"),
    "bytes": np.array([b"a", b"bcd"]),
    "text": np.array(["naïve", "x"]),
    "records": np.array([(1, 2.5, b"x"), (2, np.nan, b"y")], [("a", ">i2"), ("b", "f4"), ("c", "S3")]),
    "scalar": np.array(3.25),
    "empty": np.zeros((0, 3), "i2"),
}


def served(make: Callable[..., Any], **children: Any) -> Any:
    return make(
        Group(children={name: child if isinstance(child, Array | Group) else array_node(child) for name, child in children.items()})
    )


def loaded(app: Any, path: str) -> np.ndarray[Any, Any]:
    answer = ask(app, path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    found: np.ndarray[Any, Any] = np.load(io.BytesIO(answer.body), allow_pickle=False)
    return found


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_npy_is_exact(make: Callable[..., Any], array: np.ndarray[Any, Any]) -> None:
    found = loaded(served(make, a=array), "/download/a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


def test_npy_of_text_of_any_length(make: Callable[..., Any]) -> None:
    text = np.array(["a", "größer", ""], dtype=object)
    node = Array(shape=(3,), dtype=np.dtype(object), read=lambda region: text[region], blocking=False)
    np.testing.assert_array_equal(loaded(served(make, a=node), "/download/a.npy"), text.astype("U6"))


def test_npy_of_a_sparse_array_is_dense(make: Callable[..., Any]) -> None:
    coords, data = np.array([[1, 3], [0, 2]]), np.array([5.0, 6.0])
    dense = np.zeros((5, 4))
    dense[coords[0], coords[1]] = data
    node = Sparse((5, 4), np.dtype("f8"), lambda: (coords, data))
    app = served(make, a=node)
    np.testing.assert_array_equal(loaded(app, "/download/a.npy"), dense)
    np.testing.assert_array_equal(loaded(app, "/download/a.npy?slice=1:4:2,::3"), dense[1:4:2, ::3])


SLICES = {
    "0:2": np.s_[0:2],
    "3": np.s_[3],
    "-1,:,5": np.s_[-1, :, 5],
    "1:4:2, 1: ,:3": np.s_[1:4:2, 1:, :3],
    ":,::3": np.s_[:, ::3],
    "4:2": np.s_[4:2],
    "-3:-1": np.s_[-3:-1],
    ":99": np.s_[:99],
    "1,2,3": np.s_[1, 2, 3],
    "": np.s_[...],
}


@pytest.mark.parametrize(("text", "index"), SLICES.items())
def test_a_slice_is_numpys(make: Callable[..., Any], text: str, index: Any) -> None:
    found = loaded(served(make, cube=CUBE), f"/download/cube.npy?slice={text}")
    np.testing.assert_array_equal(found, CUBE[index])
    assert slices.parse(text, CUBE.shape).shape == CUBE[index].shape


NO_SLICES = ["0:1,0:1,0:1,0", "5", "-6", "a", "1:2:0", "::-1", "1:2:3:4", "0,,1", "...", "1e3", "٣", "9" * 30, "1 2"]


@pytest.mark.parametrize("text", NO_SLICES)
def test_what_is_no_slice_is_400(make: Callable[..., Any], text: str) -> None:
    app = served(make, cube=CUBE)
    for suffix in ("npy", "csv"):
        answer = ask(app, f"/download/cube.{suffix}?slice={quote(text)}")
        assert answer.status == 400
        assert len(answer.body) > 20


def test_the_last_suffix_is_the_format(make: Callable[..., Any]) -> None:
    app = served(make, **{"a": np.arange(3), "a.npy": np.arange(4), "b.csv": np.arange(5), "é ü": np.arange(6)})
    assert len(loaded(app, "/download/a.npy")) == 3
    assert len(loaded(app, "/download/a.npy.npy")) == 4
    assert ask(app, "/download/a.npy.csv").body == b"0\r\n1\r\n2\r\n3\r\n"
    assert ask(app, "/download/b.csv").status == 404
    assert len(loaded(app, "/download/b.csv.npy")) == 5
    answer = ask(app, "/download/%C3%A9%20%C3%BC.npy")
    assert answer.headers["content-disposition"] == "attachment; filename=\"_ _.npy\"; filename*=UTF-8''%C3%A9%20%C3%BC.npy"
    assert ask(app, "/download/a.npy").headers["content-disposition"] == 'attachment; filename="a.npy"'


@pytest.mark.parametrize("path", ["none.npy", "a.txt", "a", "group.npy", "group.csv", "group.png", "a.png", "", ".npy", ".csv"])
def test_what_there_is_not(make: Callable[..., Any], path: str) -> None:
    app = served(make, a=np.array(["x"]), group=Group(children={}))
    assert ask(app, f"/download/{path}").status == 404


CELLS = np.array([[0.1, 1e300, np.nan], [-0.0, 1 / 3, np.inf]])


def test_csv_of_an_array_has_no_header(make: Callable[..., Any]) -> None:
    app = served(make, a=CELLS, line=np.arange(4).astype("f4") / 3)
    answer = ask(app, "/download/a.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=absent"
    np.testing.assert_array_equal(pd.read_csv(io.BytesIO(answer.body), header=None, float_precision="round_trip"), CELLS)
    line = pd.read_csv(io.BytesIO(ask(app, "/download/line.csv?slice=1:").body), header=None, dtype="f4")
    np.testing.assert_array_equal(line[0], (np.arange(4).astype("f4") / 3)[1:])
    assert ask(app, "/download/a.csv?slice=1,2").body == b"inf\r\n"


TABLE = {
    "number": np.array([1, -(2**62), 3]),
    "float": np.array([0.1, np.nan, -1e-300]),
    "text": np.array(["plain", 'with, "quotes"', "two\nlines"], dtype=object),
    "day": np.array(["2026-11-27T01:02:03", "NaT", "1999-01-01"], "M8[s]"),
    "yes": np.array([True, False, True]),
}


def table() -> Group:
    return Table(
        {
            name: Array(shape=column.shape, dtype=column.dtype, read=lambda region, column=column: column[region], blocking=False)
            for name, column in TABLE.items()
        }
    )


@pytest.mark.parametrize(
    ("query", "rows"), [("", np.s_[:]), ("?slice=1:", np.s_[1:]), ("?slice=2", np.s_[2:3]), ("?slice=0:0", np.s_[0:0])]
)
def test_csv_of_a_table(make: Callable[..., Any], query: str, rows: slice) -> None:
    answer = ask(served(make, t=table()), f"/download/t.csv{query}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    found = pd.read_csv(io.BytesIO(answer.body), parse_dates=["day"], float_precision="round_trip")
    assert [*found] == [*TABLE]
    for name, column in TABLE.items():
        np.testing.assert_array_equal(found[name].to_numpy().astype(column.dtype), column[rows])


def test_csv_has_the_names_of_the_source(make: Callable[..., Any]) -> None:
    """Also those that a path spells in another way."""
    names = ["m/s", "x[1]", "100%", "__id", "a~b", "ü", 'a "b", c']
    answer = ask(served(make, t=Table({name: array_node(np.arange(2)) for name in names})), "/download/t.csv")
    assert [*pd.read_csv(io.BytesIO(answer.body))] == names


@pytest.mark.parametrize(("query", "rows"), [("?slice=2", [2]), ("?slice=-1", [3]), ("?slice=1:4:2", [1, 3])])
def test_csv_of_a_table_whose_columns_have_axes(make: Callable[..., Any], query: str, rows: list[int]) -> None:
    columns = {"a": np.arange(4), "b": np.arange(12).reshape(4, 3)}
    app = served(make, t=Table({name: array_node(column) for name, column in columns.items()}))
    lines = [f"{row},{' '.join(map(str, columns['b'][row]))}\r\n" for row in rows]
    assert ask(app, f"/download/t.csv{query}").body.decode() == "".join(["a,b\r\n", *lines])


def test_csv_of_spans_counted_in_tens(make: Callable[..., Any]) -> None:
    app = served(make, a=np.array([1, -3], "m8[10s]"))
    assert ask(app, "/download/a.csv").body == b"10 s\r\n-30 s\r\n"


def test_csv_of_a_table_at_the_root(make: Callable[..., Any]) -> None:
    answer = ask(make(table()), "/download/.csv")
    assert answer.status == 200
    assert len([*csv.reader(io.StringIO(answer.body.decode(), newline=""))]) == 4
    assert answer.headers["content-disposition"] == 'attachment; filename="data.csv"'


def test_csv_of_records_has_their_fields(make: Callable[..., Any]) -> None:
    inner = np.dtype([("x", "f4"), ("v", "i2", (2,))])
    records = np.array([(1, (0.1, [3, 4])), (2, (0.5, [5, 6]))], [("id", "i4"), ("in", inner)])
    assert commas.of_block(records) == b"id,in.x,in.v\r\n1,0.1,3 4\r\n2,0.5,5 6\r\n"
    flat = np.array([(1, 0.5), (2, 1.5)], [("a", "i4"), ("b", "f8")])
    answer = ask(served(make, a=flat), "/download/a.csv")
    assert answer.headers["content-type"].endswith("header=present")
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(answer.body), dtype={"a": "i4"}), pd.DataFrame(flat))


def test_csv_of_three_axes_needs_an_index(make: Callable[..., Any]) -> None:
    app = served(make, cube=CUBE)
    answer = ask(app, "/download/cube.csv")
    assert answer.status == 400
    assert b"?slice=0,:,:" in answer.body
    found = pd.read_csv(io.BytesIO(ask(app, "/download/cube.csv?slice=2").body), header=None)
    np.testing.assert_array_equal(found, CUBE[2])


def test_a_file_has_a_bound(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read of what is too large."""
    reads: list[Any] = []
    huge = Array(shape=(10**6, 10**6), dtype=np.dtype("f8"), read=reads.append)
    app = served(make, huge=huge, t=Table({"x": Array(shape=(10**9,), dtype=np.dtype("f8"), read=reads.append)}))
    for path in ("huge.npy", "huge.csv", "t.csv", "huge.npy?slice=:10"):
        answer = ask(app, f"/download/{path}")
        assert answer.status == 413, path
        assert b"?slice=0" in answer.body
    assert reads == []
    assert ask(app, "/download/huge.png?slice=:,:").status == 413
    page = ask(app, "/").body.decode()
    assert "download/" not in page
    monkeypatch.setattr(downloads, "MOST_BYTES", 100)
    app = served(make, a=np.arange(26, dtype="f4"))
    assert ask(app, "/download/a.npy").status == 413
    assert ask(app, "/download/a.npy?slice=:25").status == 200


def test_long_text_has_a_bound(make: Callable[..., Any]) -> None:
    text = np.array(["a", "b" * 1_000_000] * 20, dtype=object)
    node = Array(shape=(40,), dtype=np.dtype(object), read=lambda region: text[region], blocking=False)
    answer = ask(served(make, a=node), "/download/a.npy")
    assert answer.status == 413
    assert b"1,000,000 characters" in answer.body


def test_memory_is_of_the_budget(make: Callable[..., Any]) -> None:
    answer = ask(make(Group(children={"a": array_node(np.zeros(4_000_000))}), in_flight=16 * 2**20), "/download/a.npy")
    assert answer.status == 413
    assert b"raise the setting in_flight" in answer.body


def test_the_links_on_pages_are_within_the_bounds(make: Callable[..., Any]) -> None:
    page = ask(served(make, a=np.arange(3), cube=CUBE, t=table(), image=np.zeros((300, 300), "u1")), "/").body.decode()
    for link in ("a.npy", "a.csv", "cube.npy", "t.csv", "image.npy", "image.csv", "image.png"):
        assert f'href="./download/{link}" download' in page
    for link in ("cube.csv", "t.npy", "a.png"):
        assert f"download/{link}" not in page


def test_tags_ranges_and_head(make: Callable[..., Any]) -> None:
    revision = ["r1"]
    data = np.arange(100.0)
    node = Array(shape=(100,), dtype=np.dtype("f8"), read=lambda region: data[region], revision=lambda: revision[0])
    app = served(make, a=node)
    first = ask(app, "/download/a.npy?slice=:10")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    assert ask(app, "/download/a.npy?slice=:10", headers={"if-none-match": etag}).status == 304
    others = {ask(app, f"/download/a.{rest}").headers["etag"] for rest in ("npy", "csv", "npy?slice=:11", "csv?slice=:10")}
    assert len(others | {etag}) == 5
    head = ask(app, "/download/a.npy?slice=:10", "HEAD")
    assert (head.status, head.headers, head.body) == (200, first.headers, b"")
    part = ask(app, "/download/a.npy?slice=:10", headers={"range": "bytes=0-5"})
    assert (part.status, part.body) == (206, b"\x93NUMPY")
    revision[0] = "r2"
    data += 1
    changed = ask(app, "/download/a.npy?slice=:10", headers={"if-none-match": etag})
    assert changed.status == 200
    np.testing.assert_array_equal(np.load(io.BytesIO(changed.body)), np.arange(1.0, 11.0))


def test_never_two_generations_in_one_file(make: Callable[..., Any]) -> None:
    """The table changes between two columns: both are read again; if it never rests, it is 503."""
    state = {"now": 0, "changes": 1}

    def column(name: str) -> Array:
        def read(region: Any) -> Any:
            values = np.full(3, state["now"])
            if name == "x" and state["changes"]:
                state["changes"] -= 1
                state["now"] += 1
            return values

        return Array(shape=(3,), dtype=np.dtype("i8"), read=read, revision=lambda: f"r{state['now'] if name == 'y' else 0}")

    app = served(make, t=Table({"x": column("x"), "y": column("y")}))
    assert ask(app, "/download/t.csv").body == b"x,y\r\n1,1\r\n1,1\r\n1,1\r\n"
    state["changes"] = 10
    answer = ask(app, "/download/t.csv")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_a_failure_is_no_absence(make: Callable[..., Any]) -> None:
    def failing(region: Any) -> Any:
        raise ValueError("a broken block")

    app = served(make, a=Array(shape=(3,), dtype=np.dtype("f8"), read=failing))
    for suffix in ("npy", "csv"):
        answer = ask(app, f"/download/a.{suffix}")
        assert answer.status == 500
        assert b"a broken block" in answer.body


def picture(app: Any, path: str) -> np.ndarray[Any, Any]:
    answer = ask(app, path)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.body)) as image:
        return np.asarray(image.convert("RGB"))


def grey(app: Any, path: str, plane: np.ndarray[Any, Any], channel: int = 0) -> np.ndarray[Any, Any]:
    """The plane as the viewer shades it: by the window and the colour of its channel."""
    attributes = json.loads(ask(app, f"/ome-zarr/0.4/{path}/.zattrs").body)
    window = attributes["omero"]["channels"][channel]["window"]
    colour = np.frombuffer(bytes.fromhex(attributes["omero"]["channels"][channel]["color"]), "u1") / 255
    shades = np.clip((plane.astype("f8") - window["start"]) / (window["end"] - window["start"]), 0, 1)
    return shades[..., None] * colour * 255


IMAGE = RANDOM.integers(0, 60_000, (600, 500)).astype("u2")


@pytest.mark.parametrize(("query", "index"), [("", np.s_[:]), ("?slice=100:400,20:30", np.s_[100:400, 20:30]), ("?slice=7:8", np.s_[7:8])])
def test_png_of_an_image(make: Callable[..., Any], query: str, index: Any) -> None:
    app = served(make, image=IMAGE)
    np.testing.assert_allclose(picture(app, f"/download/image.png{query}"), grey(app, "image", IMAGE[index]), atol=0.51)


def test_png_of_a_plane_of_a_stack(make: Callable[..., Any]) -> None:
    stack = RANDOM.integers(0, 255, (6, 300, 280)).astype("u1")
    app = served(make, stack=array_node(stack, dimension_names=("z", "y", "x")))
    np.testing.assert_allclose(picture(app, "/download/stack.png"), grey(app, "stack", stack[3]), atol=0.51)
    np.testing.assert_allclose(picture(app, "/download/stack.png?slice=5"), grey(app, "stack", stack[5]), atol=0.51)
    for wrong in ("0:2", "6", ":,:,::2", "0,3"):
        assert ask(app, f"/download/stack.png?slice={wrong}").status == 400, wrong


def test_png_of_colours_is_that_of_the_viewer(make: Callable[..., Any]) -> None:
    photo = RANDOM.integers(0, 255, (300, 280, 3)).astype("u1")
    app = served(make, photo=photo)
    axes = [axis["name"] for axis in json.loads(ask(app, "/ome-zarr/0.4/photo/.zattrs").body)["multiscales"][0]["axes"]]
    assert axes == ["c", "y", "x"]
    np.testing.assert_allclose(picture(app, "/download/photo.png"), photo, atol=1)
    np.testing.assert_allclose(picture(app, "/download/photo.png?slice=1"), photo * np.array([0, 1, 0]), atol=1)


def ome(stack: np.ndarray[Any, Any], *active: bool) -> Group:
    """An OME-Zarr image of 8 bits that says which of its channels are active."""
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    scale = [{"type": "scale", "scale": [1, 1, 1]}]
    multiscale = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    window = {"start": 0, "end": 255, "min": 0, "max": 255}
    colours = ("FF0000", "00FF00", "0000FF")
    channels = [{"active": one, "color": colour, "window": window} for one, colour in zip(active, colours, strict=True)]
    return Group(children={"0": array_node(stack)}, attributes={"multiscales": [multiscale], "omero": {"channels": channels}})


def test_png_of_channels_that_are_not_active(make: Callable[..., Any]) -> None:
    photo = RANDOM.integers(0, 255, (3, 30, 28)).astype("u1")
    seen = np.moveaxis(photo, 0, -1)
    app = served(make, some=ome(photo, True, False, False), none=ome(photo, False, False, False))
    np.testing.assert_allclose(picture(app, "/download/some.png"), seen * np.array([1, 0, 0]), atol=1)
    np.testing.assert_allclose(picture(app, "/download/some.png?slice=1:3"), seen * np.array([0, 1, 1]), atol=1)
    for path in ("/download/none.png", "/thumbnail/none.png"):
        np.testing.assert_allclose(picture(app, path), seen, atol=1)
    answer = ask(app, "/download/some.png?slice=2:2")
    assert (answer.status, answer.body) == (400, b"the slice has no channel: give the axis c an index, or :\n")


def test_a_picture_has_a_bound(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "MOST_PIXELS", 1000)
    app = served(make, image=IMAGE)
    assert ask(app, "/download/image.png").status == 413
    assert ask(app, "/download/image.png?slice=:25,:40").status == 200


def test_bounds_are_those_of_the_documentation() -> None:
    assert (files.MOST_BYTES, files.MOST_CELLS, files.MOST_PIXELS) == (64 * 2**20, 10**6, 2**22)
