"""xarray reads the server as the source: values, types, dimensions, indexes, attributes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import h5netcdf
import numpy as np
import pytest
import xarray as xr

from clients import running
from live import Live, live

DAYS = np.array(["2020-01-01", "2020-01-02", "NaT"], "M8[ns]")
EVERY_DAY = np.array(["2020-01-01", "2020-01-02", "2020-01-05"], "M8[ns]")
HOLES = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, np.nan]])
PLACES = {"y": ("y", [10, 20]), "x": ("x", np.array([1.5, 2.5, 3.5], "f4"), {"units": "degrees_east"})}


def floats() -> xr.Dataset:
    """Floats with a mark, NaN and others; xarray gives each of them one."""
    variables = {
        "double": (("y", "x"), HOLES, {"units": "K", "limit": np.float32(0.1), "range": np.array([0, 5], "i2")}),
        "single": (("y", "x"), HOLES.astype("f4")),
        "marked": (("y", "x"), HOLES.astype("f4")),
        "halves": (("y", "x"), HOLES.astype("f4"), {"missing_value": np.float32(-1)}),
    }
    return xr.Dataset(variables, coords=PLACES, attrs={"title": "naïve", "count": 3, "list": [1, 2, 3]})


def packed() -> xr.Dataset:
    """Numbers packed into integers, and integers with a mark."""
    variables = {
        "packed": (("y", "x"), HOLES),
        "bytes": (("y", "x"), HOLES),
        "whole": (("y", "x"), HOLES),
        "plain": (("y", "x"), np.arange(6).reshape(2, 3)),
        "zero": (("y",), np.array([0, 1], "i4")),
    }
    return xr.Dataset(variables, coords=PLACES)


def times() -> xr.Dataset:
    """Times and spans, one of each missing, and a scalar."""
    spans = np.array([1, 2, "NaT"], "m8[s]").astype("m8[ns]")
    variables = {"seen": ("t", [1.0, 2.0, 3.0]), "until": ("t", spans), "began": ((), DAYS[0])}
    return xr.Dataset(variables, coords={"t": ("t", EVERY_DAY), "noted": ("t", DAYS)})


def texts() -> xr.Dataset:
    """Text of any length, of one length, and none."""
    words = np.array(["", "é", "longer"], object)
    return xr.Dataset(
        {"word": ("n", words), "title": ((), "naïve"), "code": ("n", np.array([b"ab", b"c", b"def"], "S3"))}, coords={"n": [1, 2, 3]}
    )


ENCODING = {
    "marked": {"_FillValue": np.float32(-999.9)},
    "halves": {"_FillValue": np.float32(-1)},
    "packed": {"dtype": "i2", "scale_factor": 0.01, "add_offset": 20.0, "_FillValue": -32768},
    # JSON has no float32, and xarray would make one of this scale_factor
    "bytes": {"dtype": "u1", "scale_factor": 0.5, "_FillValue": 255},
    "whole": {"dtype": "i4", "_FillValue": -1},
    "zero": {"_FillValue": 0},
    "until": {"units": "seconds", "dtype": "i8"},
}
DATASETS = {"floats": floats, "packed": packed, "times": times, "texts": texts}


def write(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr-python's, of types that v3 does not specify
        write_all(folder)


def write_all(folder: Path) -> None:
    for name, make in DATASETS.items():
        dataset = make()
        encoding = {name: ENCODING[name] for name in dataset.variables if name in ENCODING}
        dataset.to_netcdf(folder / f"{name}_nc.nc", engine="h5netcdf", encoding=encoding)
        for version in (2, 3):
            dataset.to_zarr(folder / f"{name}_zarr{version}.zarr", mode="w", zarr_format=version, encoding=encoding, consolidated=False)
    tree = xr.DataTree.from_dict({"/": floats().drop_vars(["single"]), "/deep": packed(), "/deep/er": texts()})
    tree.to_netcdf(folder / "tree_nc.nc", engine="h5netcdf")
    tree.to_zarr(folder / "tree_zarr3.zarr", zarr_format=3, consolidated=False)
    with h5netcdf.File(folder / "unsigned_nc.nc", "w") as file:
        file.dimensions = {"n": 4, "letters": 3}
        bytes_ = file.create_variable("bytes", ("n",), "i1", fillvalue=np.int8(-1))
        bytes_.attrs["_Unsigned"] = "true"
        bytes_[:] = [-1, -2, 1, 2]
        letters = file.create_variable("letters_of", ("n", "letters"), "S1")
        letters[:] = np.array([list("abc"), list("de "), list("f  "), list("   ")], "S1")
        scalar = file.create_variable("crs", (), "i4")
        scalar.attrs["grid_mapping_name"] = "latitude_longitude"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Live]]:
    folder = tmp_path_factory.mktemp("xarray")
    write(folder)
    with live("directory", folder, "--public") as server:
        yield folder, server


@pytest.fixture(scope="module")
def reports(served: tuple[Path, Live]):
    @cache
    def of(environment: str, formats: str, script: str = "same_in_xarray.py") -> dict[str, str]:
        folder, server = served
        printed = running.in_environment(environment, running.HERE / script, folder, server.url, formats)
        report: dict[str, str] = json.loads(printed.splitlines()[-1])
        return report

    return of


@pytest.mark.parametrize(
    ("environment", "formats"), [("zarr2", "2"), ("zarr3", "2,3"), ("zarr-new", "2,3")], ids=["before zarr 3", "zarr 3.1", "newest"]
)
def test_xarray_on_the_server_equals_xarray_on_the_source(reports, environment, formats):
    report = reports(environment, formats)
    if environment == "zarr2":  # its zarr cannot open v3 stores
        report = {key: why for key, why in report.items() if "zarr3" not in key}
    assert {key: why for key, why in report.items() if why} == {}
    assert len(report) > 10


@pytest.mark.parametrize("environment", ["zarr3", "zarr-new"])
def test_a_folder_of_all_sources_opens_as_one_datatree(reports, environment):
    report = reports(environment, "2,3", "same_in_datatree.py")
    assert {key: why for key, why in report.items() if why} == {}
    groups = {f"tree_nc.nc{group} v{version}" for group in ("/", "/deep", "/deep/er") for version in (2, 3)}
    assert {key for key in report if key.startswith("tree_nc.nc")} == groups
