"""Files as people reported them: we serve what a format's library reads, or name a reason."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import real_files
from clients import zoo
from live import Live, live
from real_values import difference


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Live]]:
    folder = tmp_path_factory.mktemp("zoo")
    zoo.write(folder)
    with live("directory", folder, "--public") as server:
        yield folder, server


@pytest.mark.parametrize("version", [2, 3])
def test_every_dataset_is_equal_or_named(served: tuple[Path, Live], version: int) -> None:
    folder, server = served
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = {path: (what, why) for path, what, why in real_files.report(folder, server.url, version)}
    assert {path: why for path, (what, why) in results.items() if what == "wrong"} == {}
    reasons = {path: why for path, (what, why) in results.items() if what == "named"}
    assert reasons.keys() == zoo.REASONS.keys()
    assert {path: why for path, why in reasons.items() if zoo.REASONS[path] not in why} == {}
    assert len(results) > 150


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([0.0]), np.array([-0.0])),
        (np.array([1], "i4"), np.array([1], "i8")),
        (np.array([1, 2]), np.array([1])),
        (np.array(["a", ""], object), np.array(["a", "b"], object)),
        (np.array([(1, 2)], "i4,i4"), np.array([(1, 3)], "i4,i4")),
    ],
    ids=["values", "signs of zero", "types", "shapes", "texts", "fields"],
)
def test_a_difference_is_seen(expected: np.ndarray, got: np.ndarray) -> None:
    assert difference(expected, got)
    assert difference(expected, expected) == difference(got, got) == ""
