"""The page of settings is written from their declarations."""

from __future__ import annotations

import re

import pytest

import tables
from tiled_zarr.resources import Sizes
from tiled_zarr.settings import Settings
from tiled_zarr.settings.files import OPTIONS, TABLES
from tiled_zarr.settings.values import POOLS, SETTINGS

DECLARED = {**SETTINGS, **OPTIONS, **TABLES}


def test_the_page_is_up_to_date() -> None:
    """`python docs/tables.py` writes it anew."""
    assert tables.PAGE.read_text(encoding="utf-8") == tables.page()


@pytest.mark.parametrize("name", DECLARED)
def test_every_setting_has_a_row(name: str) -> None:
    assert re.search(rf"^\| `{name}` \| .*{re.escape(DECLARED[name].text)} \|$", tables.page(), re.MULTILINE)


@pytest.mark.parametrize("name", DECLARED)
def test_texts_are_sentences_that_fit_into_a_table(name: str) -> None:
    text = DECLARED[name].text
    assert text[0].isupper()
    assert text.endswith(".")
    assert not set("|\n") & set(text + DECLARED[name].shown)


SIZES = {name: getattr(Sizes(), pool) for name, pool in POOLS.items()}
"""Bytes of the pools; in the settings their default is None, a part of the memory there is."""
TYPED = {name: setting for name, setting in SETTINGS.items() if re.fullmatch(r"[a-z0-9.]+(MiB)?", setting.shown)}


@pytest.mark.parametrize("name", sorted(TYPED.keys() - {"slow_request"}))
def test_a_default_in_words_is_the_default(name: str) -> None:
    assert TYPED[name].parse(TYPED[name].shown) == SIZES.get(name, getattr(Settings(), name))


def test_most_defaults_can_be_typed() -> None:
    """Otherwise the test above would say little."""
    assert len(TYPED) >= 25
