"""The viewer without a pointer: every control is reached with Tab and used with keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from browser import kinds
from browser.driving import Action, press, show
from live import Live

MOST_STOPS = 60
FOCUS = (
    "(() => { const at = document.activeElement; const style = getComputedStyle(at);"
    " const { left, top, right, bottom } = at.getBoundingClientRect();"
    " const own = at.getAttribute('aria-label') || at.title || at.labels?.[0]?.textContent || at.textContent;"
    " const name = at === document.body ? 'the end' : own;"
    " const isInside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;"
    " return JSON.stringify([name.trim(), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, isInside]) })()"
)
"""What has the focus: its name, whether that is visible, and whether it lies on the page."""
READY: Action = ("until", "document.getElementById('viewer').dataset.state === 'ready'")
PLOTTED: Action = ("until", "document.querySelector('#profile[data-state=read]') !== null")


def at(text: str) -> Action:
    """Wait until what has the focus has this name, or one that begins so."""
    return ("until", f"JSON.parse({FOCUS})[0].startsWith({json.dumps(text)})")


def tab_to(name: str) -> list[Action]:
    """Press Tab until what has the focus has this name, or one that begins so."""
    return [("tab", name), at(name)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_tab_goes_round_all_controls(server: Live, tmp_path: Path, key: str, scheme: str) -> None:
    """Nothing holds the focus, and each stop is visible. On the way back they are the same in reverse."""
    actions = [PLOTTED, *[action for _ in range(MOST_STOPS) for action in (*press(key), ("value", FOCUS))]]
    address = f"{server.url}/view/stack#line=5,5,100,70"
    stops = [json.loads(said) for said in show(address, tmp_path / "page.png", actions=actions, scheme=scheme).said]
    names = [name for name, _, _ in stops]
    once = names[: names.index("the end")]
    assert names[len(once) + 1 :][: len(once)] == once[: MOST_STOPS - len(once) - 1]
    assert [stop for stop in stops[: len(once)] if not (stop[1] and stop[2])] == []
    assert (once if key == "Tab" else once[::-1]) == [
        "stack",
        "stack",
        "tiled-zarr",
        "z",
        "Play z",
        *[
            f"{name}{channel}{end}"
            for channel in range(3)
            for name, end in (
                ("channel ", ""),
                ("Colour of channel ", ""),
                ("channel ", ": what is drawn black"),
                ("channel ", ": what is drawn in full colour"),
                ("channel ", ": lower limit"),
                ("channel ", ": upper limit"),
            )
        ],
        "Scale",
        "Limits at",
        "More colours",
        "Show the whole image (0)",
        "Set the contrast of every shown channel from what it holds here (A)",
        "Plane",
        "Planes a second",
        "loop",
        "Follow",
        "Draw a line, and plot the values along it (L)",
        "Show or hide the rulers (R)",
        "Fill the screen, or leave it (F)",
        "Save a picture as PNG (S)",
        "Copy a link to what is shown (K)",
        "List the keys (?)",
        "Licences",
        "Cursor on the image: arrow keys move it",
        "Copy the values as a table",
        "Remove the line (L)",
    ]


def test_a_line_is_drawn_from_its_button(server: Live, tmp_path: Path) -> None:
    """Enter puts the cursor on the image, arrows move it, `l` ends the line, and its button takes it away."""
    actions = [
        *tab_to("Draw a line"),
        *press("Enter"),
        at("Cursor on the image"),
        *press(*["Shift+ArrowRight"] * 2, "l"),
        PLOTTED,
        ("read", "#profile figcaption"),
        ("address",),
        *tab_to("Copy the values"),
        *press("]"),
        ("until", "document.querySelector('.axis output').value === '3 / 3'"),
        PLOTTED,
        ("value", f"JSON.parse({FOCUS})[0]"),
        *tab_to("Remove the line"),
        *press("Enter"),
        at("stack"),
        ("address",),
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    assert shown.console == []
    assert shown.said[0].startswith("21 values of level 0")
    assert "line=75,45,95,45" in shown.said[1]
    assert shown.said[2] == "Copy the values as a table"
    assert "line=" not in shown.said[3]


def test_limits_are_set_with_keys(server: Live, tmp_path: Path) -> None:
    """Percentiles one after the other with arrows, as numpy has them; then a slider, then a field."""
    limits = "[...document.querySelectorAll('.limits input')].map((field) => field.value).join(' ')"
    measured = ("pause", 300)
    actions = [
        *tab_to("Limits at"),
        *[action for _ in range(3) for action in (*press("ArrowDown"), measured, ("value", limits))],
        *[
            ("shift tab", "intensity: upper limit"),
            *press("Control+a"),
            *[("press", digit) for digit in "50"],
            *press("Enter"),
            ("value", limits),
        ],
        *[("shift tab", "intensity: what is drawn black"), *press("End"), ("value", limits)],
        *press("Home"),
        ("value", limits),
    ]
    said = show(f"{server.url}/view/u2", tmp_path / "page.png", actions=actions).said
    values = kinds.VALUES["u2"]
    for text, shares in zip(said[:3], ((0.1, 99.9), (1, 99), (0, 100)), strict=True):
        np.testing.assert_allclose([float(number) for number in text.split()], np.percentile(values, shares), rtol=1e-6)
    assert said[3].split() == [str(values.min()), "50"] or float(said[3].split()[1]) == 50
    lower, upper = (float(number) for number in said[4].split())
    assert lower == values.max()
    assert upper > lower
    assert float(said[5].split()[0]) == min(values.min(), float(said[3].split()[0]))


def test_no_limit_is_beyond_the_floats_of_the_shader(server: Live, tmp_path: Path) -> None:
    """What was typed is forgotten once the limits are measured again: all values are counted, as numpy counts them."""
    limits = "[...document.querySelectorAll('.limits input')].map((field) => field.value).join(' ')"
    upper = [("tab", "intensity: upper limit"), *press("Control+a")]
    typed = [
        action
        for text in ("1e308", "-1e308")
        for action in (*upper, *[("press", key) for key in text], *press("Enter", "Shift+Tab"), ("value", limits))
    ]
    counts = ("value", "document.querySelector('.histogram').dataset.counts")
    actions = [*typed, ("address",), ("set", "Limits at", "full"), ("pause", 500), ("value", limits), counts]
    *before, address, full, counted = show(f"{server.url}/view/u2", tmp_path / "page.png", actions=actions).said
    values = kinds.VALUES["u2"]
    for text in before:
        low, high = np.float32(text.split())
        assert np.isfinite(high - low)
        assert high > low
    assert "Infinity" not in address
    assert [float(number) for number in full.split()] == [values.min(), values.max()]
    expected, _ = np.histogram(values, 64, (values.min(), values.max()))
    assert [int(count) for count in counted.split(" ")] == expected.tolist()


def test_a_plane_is_chosen_with_keys(server: Live, tmp_path: Path) -> None:
    """The page is loaded again, and the menu still has the focus: the next arrow goes on."""
    actions = [
        *tab_to("Plane"),
        *[
            action
            for axis in ("y", "x")
            for action in (*press("ArrowDown"), ("until", f"document.querySelector('.axis span')?.textContent === '{axis}'"), at("Plane"))
        ],
        READY,
        ("address",),
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    assert urlsplit(shown.said[0]).fragment == "plane=zy"


def test_buttons_work_with_enter_and_space(server: Live, tmp_path: Path) -> None:
    """Play, rulers, full screen, follow and the list of keys, which gives the focus back."""
    playing = "document.querySelector('.axis button').title"
    actions = [
        *[*tab_to("Play z"), *press("Enter"), ("until", f"{playing} === 'Stop z'"), *press(" "), ("until", f"{playing} === 'Play z'")],
        *[
            *tab_to("Follow"),
            *press(" "),
            ("until", "['live', 'open'].includes(document.getElementById('follow').dataset.state)"),
            *press(" "),
        ],
        ("until", "document.getElementById('follow').dataset.state === 'off'"),
        *[*tab_to("Show or hide"), *press("Enter"), ("until", "document.querySelector('#rulers text') === null")],
        *[*tab_to("Fill the screen"), *press("Enter"), ("until", "document.fullscreenElement !== null")],
        *[*press("f"), ("until", "document.fullscreenElement === null")],
        *[*tab_to("List the keys"), *press("Enter"), ("until", "document.getElementById('keys').open"), *press("Tab", "Tab", "Escape")],
        *[("until", "!document.getElementById('keys').open"), at("List the keys"), ("address",)],
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    assert shown.console == []
    assert re.search("rulers=off", shown.said[-1])


def test_a_picture_is_saved_with_a_key(server: Live, tmp_path: Path) -> None:
    shown = show(
        f"{server.url}/view/stack", tmp_path / "page.png", actions=[*tab_to("Save a picture"), ("saved by", "Enter"), ("saved by", "s")]
    )
    assert shown.said[0] == shown.said[2] == "stack.png"
