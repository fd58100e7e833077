"""The colours that our viewer draws, compared with numpy and the tables of colour maps.

Each pixel of the small images is a square on the page, and we look at the middle of each square.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from browser import shades
from browser.conftest import environment
from browser.driving import Action, Pixels, Shown, show
from browser.pictures import FREE, MARGIN, NO_DATA, VIEWER_EDGE, cut, fitted
from browser.shades import EDGE, Values
from live import Live, live
from ome import detectors

ROOT = Path(__file__).parents[3]
TABLES = json.loads((ROOT / "viewer" / "src" / "viewer" / "colormaps.json").read_text())
SQUARE = VIEWER_EDGE / EDGE
CLOSE = 2
"""Most difference of a drawn part of a colour, of 255: the shader rounds in 32 bits."""
COUNTS = "document.querySelector('.histogram').dataset.counts"
HEADING = "document.querySelector('.colorbar').getAttribute('aria-label')"


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.shades:tree", "TILED_ZARR_PUBLIC": "1"}) as running:
        yield running


def look(server: Live, folder: Path, name: str, state: str = "", *actions: Action) -> Shown:
    """The page of an image without rulers, in a state as its address has it."""
    shown = show(f"{server.url}/view/{name}#rulers=off&{state}", folder / "page.png", actions=actions)
    assert (shown.console, shown.missing()) == ([], set())
    return shown


def states(server: Live, folder: Path, name: str, fragments: Sequence[str]) -> Iterator[Pixels]:
    """The page of an image in several states, one after the other."""
    paths = [folder / f"{number}.png" for number in range(len(fragments))]
    look(server, folder, name, "", *[("state", f"rulers=off&{text}", str(path)) for text, path in zip(fragments, paths, strict=True)])
    for path in paths:
        with Image.open(path) as image:
            yield np.asarray(image.convert("RGB"))


def middles(pixels: Pixels) -> Pixels:
    """The colour in the middle of each square, as (row, column, colour)."""
    frame = cut(pixels, VIEWER_EDGE, VIEWER_EDGE)
    at = ((np.arange(EDGE) + 0.5) * SQUARE).astype(int)
    return frame[np.ix_(at, at)]


def table(name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(base64.b64decode(TABLES[name]), np.uint8).reshape(256, 3)


def mapped(shares: Values, name: str = "") -> Values:
    """Colours of shares from 0 to 1, as matplotlib finds them in a table; grey without a name."""
    if not name:
        return np.repeat(255 * shares[..., None], 3, axis=-1)
    return table(name)[np.clip((shares * 256).astype(int), 0, 255)].astype(int)


def is_drawn(pixels: Pixels, expected: Values) -> bool:
    """Whether the squares have these colours."""
    return bool(np.abs(middles(pixels).astype(float) - expected).max() <= CLOSE)


def shares_of(values: Values, low: float, high: float, scale: str = "linear", gamma: float = 1) -> Values:
    """Where values lie between limits, from 0 to 1, by numpy."""
    values = np.clip(values.astype("f8"), low, high)
    even = (values - low) / (high - low)
    match scale:
        case "sqrt":
            return np.asarray(np.sqrt(even))
        case "gamma":
            return np.asarray(even**gamma)
        case "log":
            return np.asarray(np.log(values / low) / np.log(high / low))
        case "symlog":
            bent = [np.sign(x) * np.log1p(np.abs(x) / (max(abs(low), abs(high)) / 1000)) for x in (values, low, high)]
            return np.asarray((bent[0] - bent[1]) / (bent[2] - bent[1]))
    return even


def test_a_map_whose_latitude_ascends_is_north_up(server: Live, tmp_path: Path) -> None:
    """The last row is drawn at the top, and -9999, which is the north-west, as no data."""
    values = np.flipud(shades.climate())
    expected = mapped(shares_of(values * 0.5, -50, 77.5))
    expected[values == -9999] = NO_DATA
    shown = look(server, tmp_path, "earth/t2m", "channels=0:ffffff:-50:77.5")
    assert is_drawn(shown.pixels, expected)
    assert (middles(shown.pixels)[: EDGE // 2, : EDGE // 2] == NO_DATA).all()


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_matplotlibs(name: str) -> None:
    mpl = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    expected = mpl.colormaps[name]((np.arange(256) + 0.5) / 256, bytes=True)[:, :3]
    np.testing.assert_array_equal(table(name), expected)


def test_colour_maps(server: Live, tmp_path: Path) -> None:
    """256 values, one for each colour: between limits half a value further out, each lies in the middle of its bin."""
    shares = shares_of(shades.ramp(), -100.5, 155.5)
    pages = states(server, tmp_path, "ramp", [f"channels=0:ffffff:-100.5:155.5&look=colormap:{name}" for name in TABLES])
    assert [name for name, page in zip(TABLES, pages, strict=True) if not is_drawn(page, mapped(shares, name))] == []


def test_a_reversed_map_of_integers(server: Live, tmp_path: Path) -> None:
    """Textures of integers have maps of their own kind. Beside the edge of a bin it may be the neighbour's colour."""
    shares = 1 - shares_of(shades.counts(), 0, 65025)
    for image in ("counts", "signed"):
        shown = look(server, tmp_path, image, "channels=0:ffffff:0:65025&look=colormap:viridis;isReversed:true")
        assert np.abs(middles(shown.pixels).astype(int) - mapped(shares, "viridis")).max() <= 4, image


SCALES = [
    ("linear", 1, -50, 100),
    ("sqrt", 1, -100, 155),
    ("gamma", 2.2, -100, 155),
    ("gamma", 0.4, -20, 155),
    ("symlog", 1, -100, 155),
    ("symlog", 1, -3, 50),
    ("log", 1, 1, 155),
    ("log", 1, 3, 155),
]
"""Scales with their exponent and limits."""


def test_scales(server: Live, tmp_path: Path) -> None:
    fragments = [f"channels=0:ffffff:{low}:{high}&look=scale:{scale};gamma:{gamma}" for scale, gamma, low, high in SCALES]
    expected = [mapped(shares_of(shades.ramp(), low, high, scale, gamma)) for scale, gamma, low, high in SCALES]
    pages = states(server, tmp_path, "ramp", fragments)
    assert [case for case, page, truth in zip(SCALES, pages, expected, strict=True) if not is_drawn(page, truth)] == []


@pytest.mark.parametrize(("image", "limits", "least"), [("counts", "0:65025", 1), ("ramp", "-100:155", 155 / 10_000)])
def test_a_logarithm_begins_above_zero(server: Live, tmp_path: Path, image: str, limits: str, least: float) -> None:
    """At 1 for integers, at a ten-thousandth of the upper limit for floats; all below is as dark as the limit."""
    shown = look(server, tmp_path, image, f"channels=0:ffffff:{limits}&look=scale:log")
    values = shades.counts() if image == "counts" else shades.ramp()
    assert is_drawn(shown.pixels, mapped(shares_of(values, least, values.max(), "log")))


def test_colours_beyond_the_limits_and_for_no_data(server: Live, tmp_path: Path) -> None:
    """Infinities lie beyond the limits, NaN is no data."""
    state = "channels=0:ffffff:0:100&look=colormap:magma;noData:00ff80;under:0000ff;over:ff8000"
    shown = look(server, tmp_path, "holed", state)
    values = shades.holed()
    expected = mapped(shares_of(np.nan_to_num(values), 0, 100), "magma")
    for where, colour in ((values < 0, (0, 0, 255)), (values > 100, (255, 128, 0)), (np.isnan(values), (0, 255, 128))):
        expected[where] = colour
    assert is_drawn(shown.pixels, expected)


def test_no_data_is_drawn_in_its_own_colour_at_first(server: Live, tmp_path: Path) -> None:
    frame = middles(look(server, tmp_path, "holed").pixels)
    assert (frame[: EDGE // 2, : EDGE // 2] == NO_DATA).all()
    assert np.ptp(frame[EDGE // 2 :], axis=-1).max() == 0


def test_an_image_of_nan_says_so(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "empty")
    assert (shown.pixels[100:150, 250:700] == NO_DATA).all()
    assert "No data here" in shown.text


def test_infinities_are_drawn_like_the_limits_between_pixels_too(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "infinite", "channels=0:ffffff:-1:1")
    frame = cut(shown.pixels, 600, 600)
    assert not (frame == NO_DATA).all(axis=-1).any()
    assert (frame[:, 310:].max(), frame[:, :290].min()) == (255, 0)


def test_numbers_too_large_for_32_bits_are_not_called_no_data(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "huge", "", ("trace", [(400, 360)]))
    assert "No data here" not in shown.text
    assert shown.said[0].endswith(" 1e300")
    assert not (shown.pixels == NO_DATA).all(axis=-1).any()


def test_the_words_for_no_data_let_the_pointer_through(server: Live, tmp_path: Path) -> None:
    """They lie on the middle of the image."""
    middle = "(({ left, top, width, height }) => document.elementFromPoint(left + width / 2, top + height / 2).id)"
    shown = look(server, tmp_path, "empty", "", ("value", f"{middle}(document.getElementById('nothing').getBoundingClientRect())"))
    assert shown.said != ["nothing"]


@pytest.mark.parametrize(("name", "is_column"), [("column", True), ("line", False)])
def test_a_line_of_pixels_is_visible(server: Live, tmp_path: Path, name: str, is_column: bool) -> None:
    """It is drawn 1 / 20 as wide as long."""
    shown = look(server, tmp_path, name).pixels
    across = shown[600, :1000] if is_column else shown[:, 900]
    length = VIEWER_EDGE if is_column else FREE * (1 - MARGIN)
    assert abs(np.count_nonzero(across.max(axis=-1)) - length / 20) <= 2


@pytest.mark.parametrize("name", ["photo", "planar"])
def test_a_photograph_is_the_files_pixels(server: Live, tmp_path: Path, name: str) -> None:
    """At twice the size, in the middle of the page: a pixel of the image is two by two of the page."""
    shown = look(server, tmp_path, name, "at=256,256,1")
    source = skimage.data.astronaut()[256 - 150 : 256 + 150, 256 - 150 : 256 + 150]
    found = cut(shown.pixels, 600, 600)[1::2, 1::2].astype(int)
    assert np.abs(found - source).max() <= CLOSE


def test_auto_contrast_keeps_the_balance_of_a_photograph(server: Live, tmp_path: Path) -> None:
    """All three channels get the same limits."""
    fields = "[...document.querySelectorAll('.limits input')].map((field) => field.value).join(' ')"
    shown = look(server, tmp_path, "photo", "", ("click", "Auto contrast"), ("pause", 300), ("value", fields))
    limits = shown.said[0].split()
    assert (len(limits), len(set(limits[::2])), len(set(limits[1::2]))) == (6, 1, 1)


def test_channels_have_the_colours_of_their_stains(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "stained")
    frame = cut(shown.pixels, VIEWER_EDGE, VIEWER_EDGE)
    assert [tuple(frame[345, column]) for column in (115, 345, 575)] == [(0, 0, 255), (0, 255, 0), (255, 0, 0)]


def label_colours(numbers: Values) -> Values:
    """The colours of labels: multiplying by an odd number near 2^32 / 1.618 spreads hues evenly."""
    once = (numbers.astype("u8") * 2654435769) % 2**32
    twice = (once * 2654435769) % 2**32
    hue, light = (once >> 8) / 2**24, 0.75 + 0.25 * (twice >> 8) / 2**24
    turned = (hue[..., None] + np.array((0, 2, 1)) / 3) % 1
    pure = np.clip(np.abs(turned * 6 - 3) - 1, 0, 1)
    return np.asarray(255 * (0.3 + 0.7 * pure) * light[..., None])


def test_labels_have_distinct_colours(server: Live, tmp_path: Path) -> None:
    numbers = shades.numbered()
    expected = np.where(numbers[..., None] == 0, 0, label_colours(numbers))
    shown = look(server, tmp_path, "numbered")
    assert is_drawn(shown.pixels, expected)
    lower = middles(shown.pixels)[EDGE // 2 :].reshape(-1, 3)
    assert len(np.unique(lower, axis=0)) == len(lower)


def test_labels_over_their_image(server: Live, tmp_path: Path) -> None:
    numbers, image = shades.numbered(), mapped(shares_of(shades.ramp(), -100, 155))
    opacities = (0.25, 1, 0, 0)
    looks = ("opacity:0.25", "opacity:1", "opacity:0", "labels:")
    pages = states(server, tmp_path, "cells", [f"channels=0:ffffff:-100:155&look={look}" for look in looks])
    for opacity, page in zip(opacities, pages, strict=True):
        alpha = np.where(numbers[..., None] == 0, 0, opacity)
        assert is_drawn(page, (1 - alpha) * image + alpha * label_colours(numbers)), opacity


def test_limits_can_be_typed(server: Live, tmp_path: Path) -> None:
    typed = [("set", "intensity: lower limit", "-20.25"), ("set", "intensity: upper limit", "1e2")]
    shown = look(server, tmp_path, "ramp", "", *typed, ("value", HEADING))
    assert is_drawn(shown.pixels, mapped(shares_of(shades.ramp(), -20.25, 100)))
    assert shown.said == ["Colours from -20.25 to 100 K, linear scale"]


def test_a_number_stays_while_it_is_typed(server: Live, tmp_path: Path) -> None:
    """All fields show the page's state anew when another one changes, as they do when values have been counted."""
    upper = "intensity: upper limit"
    field = f"document.querySelector('[aria-label=\"{upper}\"]').value"
    typed: list[Action] = [
        ("fill", upper, "1e2"),
        ("set", "Colour map", "viridis"),
        ("value", field),
        ("press", "Enter"),
        ("value", HEADING),
    ]
    shown = look(server, tmp_path, "ramp", "channels=0:ffffff:-20:50", *typed)
    assert shown.said == ["1e2", "Colours from -20 to 100 K, linear scale"]


def test_limits_at_percentiles(server: Live, tmp_path: Path) -> None:
    fields = "[...document.querySelectorAll('.limits input')].map((field) => field.value).join(' ')"
    chosen = {"0.1–99.9 %": (0.1, 99.9), "1–99 %": (1, 99), "full": (0, 100)}  # noqa: RUF001 - as the page spells it
    actions: list[Action] = [("set", "Limits at", name) if part == 0 else ("value", fields) for name in chosen for part in (0, 1)]
    shown = look(server, tmp_path, "counts", "channels=0:ffffff:5:6", *actions)
    expected = [np.percentile(shades.counts(), shares) for shares in chosen.values()]
    np.testing.assert_allclose([[float(field) for field in said.split()] for said in shown.said], expected, rtol=1e-6)


@pytest.mark.parametrize(("image", "scale"), [("ramp", "linear"), ("counts", "linear"), ("counts", "log"), ("holed", "linear")])
def test_the_histogram_counts_as_numpy(server: Live, tmp_path: Path, image: str, scale: str) -> None:
    low, high = (0.5, 65025.0) if image == "counts" else (-100.0, 155.0)
    shown = look(server, tmp_path, image, f"channels=0:ffffff:{low}:{high}&look=scale:{scale}", ("value", COUNTS))
    values = {"ramp": shades.ramp, "counts": shades.counts, "holed": shades.holed}[image]().astype("f8")
    least = float(np.nanmin(values[np.isfinite(values)]))
    edges = np.geomspace(1, high, 65) if scale == "log" else np.linspace(min(low, least), high, 65)
    expected, _ = np.histogram(values, edges)
    assert [int(count) for count in shown.said[0].split()] == expected.tolist()


def test_the_histogram_of_a_symlog_counts_the_least_value_too(server: Live, tmp_path: Path) -> None:
    """The logarithm of a limit and back is another float: -100 would be -99.99999999999997."""
    shown = look(server, tmp_path, "ramp", "channels=0:ffffff:-100:155&look=scale:symlog", ("value", COUNTS))
    values = shades.ramp().astype("f8").ravel()
    bent = np.sign(values) * np.log1p(np.abs(values) / 0.155)
    expected, _ = np.histogram(bent, 64)
    assert [int(count) for count in shown.said[0].split()] == expected.tolist()


@pytest.mark.parametrize(("image", "words"), [("ramp", "intensity from -49 to -49"), ("empty", "intensity without values")])
def test_a_line_is_told_with_its_extremes(server: Live, tmp_path: Path, image: str, words: str) -> None:
    """Both samples are `ramp()[3, 3]`; the plot has room around equal values, which are not its extremes."""
    told: list[Action] = [("read", "#profile[data-state=read] figcaption"), ("attribute", "#profile svg", "aria-label")]
    shown = look(server, tmp_path, image, "line=3,3,3,3", *told)
    assert shown.said[1].endswith(f": {words}")


def test_a_limit_follows_a_drag_in_the_histogram(server: Live, tmp_path: Path) -> None:
    """From the right end to the middle: the upper limit is then in the middle of the range.

    All pages have the panel at the same place.
    """
    box = "(({ left, top, width, height }) => [left, top, width, height])(document.querySelector('.histogram').getBoundingClientRect())"
    place = look(server, tmp_path, "ramp", "channels=0:ffffff:-100:155", ("value", box)).said[0]
    left, top, width, height = (float(number) for number in place.split(","))
    pull = ("pull", left + width - 2, top + height / 2, left + width / 2, top + height / 2)
    shown = look(server, tmp_path, "ramp", "channels=0:ffffff:-100:155", pull, ("value", HEADING))
    upper = float(shown.said[0].split()[4])
    assert abs(upper - 27.5) < 255 / width + 1


def test_gaps_of_a_detector_differ_from_zero_counts(server: Live, tmp_path: Path) -> None:
    """In log scale, at the level that fits the page and closer: the gap has the colour of no data, and no count has."""
    values = detectors.eiger("u4")
    close = np.array((640, 360)) - 4 * np.array((260, 200))
    for state, zoom, (left, top) in (("look=scale:log", *fitted(values.shape)), ("look=scale:log&at=260,200,2", 4, close)):
        shown = look(server, tmp_path, "eiger", state)
        rows, columns = (np.arange(200 - 60, 200 + 60), np.arange(260 - 60, 260 + 60))
        at_rows, at_columns = (((rows + 0.5) * zoom + top).astype(int), ((columns + 0.5) * zoom + left).astype(int))
        found = (shown.pixels[np.ix_(at_rows, at_columns)] == NO_DATA).all(axis=-1)
        gap = values[np.ix_(rows, columns)] == 2**32 - 1
        beside = gap.copy()
        for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            beside |= np.roll(gap, shift, axis)
        assert found[gap].all()
        assert not found[~beside].any()


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(101320, 101330, "101320 "), (0, 2**53, "0 "), (300, 300.1, "300 "), (-0.1, 0.1, "-0.1 ")]
)
def test_numbers_of_a_colour_bar_differ_and_do_not_overlap(server: Live, tmp_path: Path, low: float, high: float, expected: str) -> None:
    ticks = "[...document.querySelectorAll('.ticks span')]"
    boxes = f"{ticks}.map((tick) => tick.getBoundingClientRect()).map(({{ left, right }}) => `${{left}},${{right}}`).join(' ')"
    text = f"{ticks}.map((tick) => tick.textContent).join(' ')"
    place = f"{ticks}.map((tick) => parseFloat(tick.style.left) / 100).join(' ')"
    shown = look(server, tmp_path, "ramp", f"channels=0:ffffff:{low}:{high}", ("value", text), ("value", boxes), ("value", place))
    assert shown.said[0].startswith(expected)
    numbers = [float(number) for number in shown.said[0].removesuffix(" K").split()]
    shares = [float(share) for share in shown.said[2].split()]
    np.testing.assert_allclose(numbers, [low + share * (high - low) for share in shares], rtol=0, atol=(high - low) / 1000)
    edges = [float(edge) for box in shown.said[1].split() for edge in box.split(",")]
    assert len(numbers) > 1
    assert edges == sorted(edges)


def test_a_colour_bar_has_ticks_on_its_scale(server: Live, tmp_path: Path) -> None:
    """Powers of ten in a logarithm, at equal distances, with the unit after the last one."""
    places = "[...document.querySelectorAll('.ticks span')].map((tick) => `${tick.textContent}@${parseFloat(tick.style.left)}`).join(';')"
    said = look(server, tmp_path, "ramp", "channels=0:ffffff:0.1:100&look=scale:log", ("value", places)).said[0]
    ticks = [tick.split("@") for tick in said.split(";")]
    assert [text for text, _ in ticks] == ["0.1", "1", "10", "100 K"]
    np.testing.assert_allclose([float(place) for _, place in ticks], [0, 100 / 3, 200 / 3, 100], atol=1e-3)
