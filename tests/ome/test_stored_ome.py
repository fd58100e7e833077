"""What a stored OME-Zarr contains besides its levels, in both versions of the view.

That is labels, positions of pixels, plates and wells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from asgi import ask
from ome.twins import image
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Group
from tiled_zarr.ome import documents, stored
from tiled_zarr.ome.image import NO_CHANNELS
from tiled_zarr.settings import Settings

DATA = np.random.default_rng(5).integers(0, 1000, (2, 300, 400)).astype("u2")
AXES = [{"name": "c", "type": "channel"}, *({"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx")]
COLOURS = [{"label-value": 1, "rgba": [255, 0, 0, 255]}]
SCALE = [1, 0.5, 0.5]
PLATE = {
    "name": "test",
    "rows": [{"name": "A"}],
    "columns": [{"name": "1"}],
    "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}],
    "acquisitions": [{"id": 0}],
}
WELL = {"images": [{"path": "0", "acquisition": 0}]}
FORMATS = {"0.4": 2, "0.5": 3}
DOCUMENTS = {"0.4": ".zattrs", "0.5": "zarr.json"}
TRANSFORMS = "coordinateTransformations"


def say(group: zarr.Group, said: Mapping[str, Any]) -> None:
    """Write OME's metadata where the version of a group's format has them."""
    group.attrs.update(said if group.metadata.zarr_format == 2 else {"ome": {"version": "0.5", **said}})


def write(group: zarr.Group, data: np.ndarray, *, levels: int = 2, extra: Mapping[str, Any] | None = None, **fields: Any) -> None:
    """A multiscale image, each level of which takes every second pixel of the one before."""
    axes = AXES[-data.ndim :]
    sets = []
    for level in range(levels):
        part = np.ascontiguousarray(data[..., :: 2**level, :: 2**level])
        group.create_array(str(level), data=part, chunks=(*[1] * (data.ndim - 2), 64, 64))
        sizes = [*SCALE[-data.ndim : -2], *(size * 2**level for size in SCALE[-2:])]
        moved = [{"type": "translation", "translation": fields["translation"]}] if "translation" in fields else []
        sets.append({"path": str(level), TRANSFORMS: [{"type": "scale", "scale": sizes}, *moved]})
    whole = {TRANSFORMS: fields["whole"]} if "whole" in fields else {}
    say(group, {"multiscales": [{"axes": axes, "datasets": sets, **whole}], **(extra or {})})


def write_labelled(group: zarr.Group) -> None:
    write(group, DATA)
    labels = group.create_group("labels")
    say(labels, {"labels": ["nuclei", "cells", "gone"]})
    nuclei = (DATA[0] > 500).astype("u4")
    write(labels.create_group("nuclei"), nuclei, extra={"image-label": {"colors": COLOURS, "source": {"image": "../../"}}})
    write(labels.create_group("cells"), nuclei * 2, levels=1)


def served(folder: Path) -> Any:
    app = create_app(open_directory(folder), Settings(public=True))
    return lambda path: ask(app, path)


def said(get: Any, version: str, path: str) -> dict[str, Any]:
    """OME's metadata in the place where a version has them."""
    reply = get(f"/ome-zarr/{version}/{path}/{DOCUMENTS[version]}")
    assert reply.status == 200, (version, path, reply.status)
    found = json.loads(reply.body)
    if version == "0.4":
        assert "ome" not in found
        return found  # type: ignore[no-any-return]
    return found["attributes"]["ome"]  # type: ignore[no-any-return]


def placed(multiscale: Mapping[str, Any]) -> list[list[list[float]]]:
    """Scale and translation of each level."""
    return [[one[one["type"]] for one in level[TRANSFORMS]] for level in multiscale["datasets"]]


both = pytest.mark.parametrize("version", DOCUMENTS)
stored_as = pytest.mark.parametrize("written", FORMATS)


@both
@stored_as
def test_labels_stand_under_their_image(tmp_path: Path, written: str, version: str) -> None:
    write_labelled(zarr.open_group(tmp_path / "a.ome.zarr", mode="w", zarr_format=FORMATS[written]))
    get = served(tmp_path)
    assert said(get, version, "a/labels")["labels"] == ["nuclei", "cells"]
    nuclei, cells = (said(get, version, f"a/labels/{name}") for name in ("nuclei", "cells"))
    assert (nuclei["multiscales"][0]["type"], cells["multiscales"][0]["type"]) == ("mode", "mode")
    assert "omero" not in nuclei
    assert "omero" not in cells
    assert nuclei["image-label"] == {"colors": COLOURS, "source": {"image": "../../"}, "version": version}
    chunk = "0/0" if version == "0.4" else "c/0/0"
    assert get(f"/ome-zarr/{version}/a/labels/nuclei/0/{chunk}").status == 200
    assert get(f"/ome-zarr/{version}/a/labels/none/{DOCUMENTS[version]}").status == 404


PLACES: dict[str, tuple[dict[str, Any], list[list[list[float]]]]] = {
    "scales": ({}, [[[1, 0.5, 0.5], [0, 0, 0]], [[1, 1, 1], [0, 0, 0]]]),
    "translations": ({"translation": [0, 52.1, 60.9]}, [[[1, 0.5, 0.5], [0, 52.1, 60.9]], [[1, 1, 1], [0, 52.1, 60.9]]]),
    "global scale": (
        {"whole": [{"type": "scale", "scale": [1, 0.325, 2]}]},
        [[[1, 0.1625, 1], [0, 0, 0]], [[1, 0.325, 2], [0, 0, 0]]],
    ),
    "global translation": (
        {"translation": [0, 3, 4], "whole": [{"type": "scale", "scale": [1, 10, 10]}, {"type": "translation", "translation": [0, 1, 2]}]},
        [[[1, 5, 5], [0, 31, 42]], [[1, 10, 10], [0, 31, 42]]],
    ),
}


@both
@stored_as
@pytest.mark.parametrize(("fields", "expected"), PLACES.values(), ids=PLACES)
def test_levels_lie_where_their_store_says(tmp_path: Path, fields: Any, expected: Any, written: str, version: str) -> None:
    write(zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=FORMATS[written]), DATA, **fields)
    [multiscale] = said(served(tmp_path), version, "a")["multiscales"]
    assert placed(multiscale)[:2] == [[pytest.approx(values) for values in level] for level in expected]


def test_levels_that_are_made_lie_by_the_first_one() -> None:
    """A pixel of level 1 is a mean of four: its centre lies half a pixel of level 0 further in."""
    node = Array(shape=(2, 1100, 1300), dtype=np.dtype("u2"), read=lambda _: DATA)
    transforms = [{"type": "scale", "scale": [1, 0.5, 0.5]}, {"type": "translation", "translation": [0, 10, 20]}]
    described = {"axes": AXES, "datasets": [{"path": "0", TRANSFORMS: transforms}]}
    found = stored.pyramid(Group(children={"0": node}, attributes={"multiscales": [described]}))
    assert isinstance(found, Array)
    pyramid = image(found).pyramid
    levels = placed(documents.image("0.4", "a", pyramid, NO_CHANNELS)["multiscales"][0])
    assert levels[:2] == [[[1, 0.5, 0.5], [0, 10, 20]], [[1, 1, 1], [0, 10.25, 20.25]]]


@both
@stored_as
def test_plates_and_wells_stand_where_the_version_has_them(tmp_path: Path, written: str, version: str) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=FORMATS[written])
    say(root, {"plate": PLATE})
    well = root.create_group("A/1")
    say(well, {"well": WELL})
    write_labelled(well.create_group("0"))
    get = served(tmp_path)
    assert said(get, version, "a")["plate"] == {**PLATE, "version": version}
    assert said(get, version, "a/A/1")["well"] == {**WELL, "version": version}
    assert said(get, version, "a/A/1/0")["multiscales"]
    assert said(get, version, "a/A/1/0/labels")["labels"] == ["nuclei", "cells"]


@both
@stored_as
def test_series_of_a_converted_file(tmp_path: Path, written: str, version: str) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=FORMATS[written])
    say(root, {"bioformats2raw.layout": 3})
    say(root.create_group("OME"), {"series": ["0"]})
    write(root.create_group("0"), DATA)
    get = served(tmp_path)
    assert said(get, version, "a")["bioformats2raw.layout"] == 3
    assert said(get, version, "a/OME")["series"] == ["0"]


AXES_OF_OLD = {"0.3": {"axes": ["c", "z", "y", "x"]}, "0.1": {}}


@pytest.mark.parametrize(("axes", "expected"), [(AXES_OF_OLD["0.3"], "czyx"), (AXES_OF_OLD["0.1"], "tczyx")], ids=AXES_OF_OLD)
def test_axes_of_older_versions(axes: dict[str, Any], expected: str) -> None:
    """Version 0.3 has only names, and those before it five axes.

    https://ngff.openmicroscopy.org/0.3/#axes-md
    """
    node = Array(shape=(2, 3, 4, 50, 60)[5 - len(expected) :], dtype=np.dtype("u2"), read=lambda _: DATA)
    found = stored.pyramid(Group(children={"0": node}, attributes={"multiscales": [{**axes, "datasets": [{"path": "0"}]}]}))
    assert isinstance(found, Array)
    assert image(found).pyramid.display.axes == expected


def test_a_store_is_named_without_both_suffixes(tmp_path: Path) -> None:
    for name in ("a.ome.zarr", "b.zarr", "c.OME.ZARR", "d.ome"):
        zarr.create_array(tmp_path / name, data=DATA)
    assert list(open_directory(tmp_path).children) == ["a", "b", "c", "d.ome"]
