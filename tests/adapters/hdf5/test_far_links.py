"""Links between HDF5 files in stores, and what else leads to other objects."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from adapters.hdf5.far import NOISE, ZSTD, Far, box, filled, of_noise, x_of
from adapters.hdf5.test_links import numbered as endless
from tiled_zarr.nodes import Array, Changed, Damaged
from tiled_zarr.resources import Resources
from tiled_zarr.testing.files import whole


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw files, which are made in the current folder, are made in one of the test."""
    monkeypatch.chdir(tmp_path)


REFUSED: dict[str, tuple[Callable[[h5py.File], Any], str]] = {}


def refused(name: str) -> Callable[[Callable[[h5py.File], Any]], Callable[[h5py.File], Any]]:
    def noted(fill: Callable[[h5py.File], Any]) -> Callable[[h5py.File], Any]:
        REFUSED[fill.__name__] = fill, name
        return fill

    return noted


def over(file: h5py.File, source: str, where: str) -> None:
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource(source, where, (4,))
    file.create_virtual_dataset("x", layout)


@refused("b.h5")
def virtual(file: h5py.File) -> None:
    file["y"] = np.arange(4, dtype="i4")  # what the library would read in place of the other file's
    over(file, "b.h5", "y")


@refused("part_%b.h5")
def numbered(file: h5py.File) -> None:
    endless(file, "x", "part_%b.h5")


@refused("b.bin")
def raw(file: h5py.File) -> None:
    file.create_dataset("x", (4,), "u1", external=[("b.bin", 0, 4)])


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.usefixtures("elsewhere")
def test_what_leads_to_other_files_is_refused(far: Far, resources: Resources, kind: str) -> None:
    fill, name = REFUSED[kind]
    far.objects["a.h5"] = filled(lambda file: (file.create_dataset("good", data=1), fill(file)))
    node = far.open("a.h5", resources)
    with pytest.raises(Damaged, match=f"'a.h5' names another file, '{name}', which is not read from a store"):
        node.children["x"]
    good = node.children["good"]
    assert isinstance(good, Array)
    assert good.read(()) == 1


LINKS = {
    "beside": ("b.h5", ""),
    "below": ("./deep/c.h5", ""),
    "missing": ("d.h5", "a link to the file 'd.h5', which is missing"),
    "above": ("../b.h5", "a link to the file 'b.h5' outside of the folder of 'a.h5', which is not followed"),
    "through below": ("deep/../../b.h5", "a link to the file 'b.h5' outside of the folder"),
    "absolute": ("/b.h5", "a link to the file 'b.h5' outside of the folder"),
}


@pytest.mark.parametrize(("file", "reason"), LINKS.values(), ids=LINKS)
def test_links_lead_to_objects_of_the_same_folder(far: Far, resources: Resources, file: str, reason: str) -> None:
    far.objects["data/a.h5"] = filled(lambda opened: opened.__setitem__("x", h5py.ExternalLink(file, "/x")))
    far.objects |= {"data/b.h5": of_noise(**ZSTD), "data/deep/c.h5": of_noise(), "b.h5": of_noise()}
    node = far.open("data/a.h5", resources)
    if reason:
        with pytest.raises(Damaged, match=re.escape(reason)):
            node.children["x"]
    else:
        np.testing.assert_array_equal(whole(x_of(node)), NOISE)


def test_a_linked_object_that_is_replaced_is_opened_again(far: Far, resources: Resources) -> None:
    far.objects["a.h5"] = filled(lambda opened: opened.__setitem__("x", h5py.ExternalLink("b.h5", "/x")))
    far.objects["b.h5"] = of_noise(**ZSTD)
    node = far.open("a.h5", resources)
    old = x_of(node)
    np.testing.assert_array_equal(old.read(box((0, 256), (0, 256))), NOISE[:256, :256])
    far.objects["b.h5"] = of_noise(NOISE[:512] + 1, **ZSTD)
    with pytest.raises(Changed):
        old.read(box((256, 512), (0, 256)))
    np.testing.assert_array_equal(whole(x_of(node)), NOISE[:512] + 1)
