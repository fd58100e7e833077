"""The sixteen pages of docs/look.md: their data, their addresses, and what is done on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import skimage.data
import skimage.filters
import skimage.measure
import skimage.segmentation
import tifffile
import xarray
import yaml
from PIL import Image

import tiled_zarr
from browser import exploration, gallery, tables
from browser.calling import listening
from browser.conftest import environment
from browser.driving import Action
from browser.exploration import held
from live import Live, live
from ome import detectors
from tiled_zarr import Group
from tiled_zarr.adapters import open_file
from tiled_zarr.nodes import Node

Values = np.ndarray[Any, Any]

SPAN = (4_999_900, 5_000_200)
"""Samples of the long line; a spike is among them."""
ROW = 40_000_000
WAVELENGTH = np.float64(0.97918)
PEAKS = np.array(
    [
        (1, 12.4071, 18250, "é", True),
        (2, 20.1983, 9127, "β", True),
        (3, 28.5552, 2**53 + 1, "Σ", False),
        (4, 33.0, -1, "δ", True),
        (5, np.nan, 0, "", False),
    ],
    [("number", "u1"), ("angle", "f8"), ("counts", "i8"), ("phase", "U1"), ("is indexed", "?")],
)
SAMPLES = np.array(["lysozyme", "insulin", "Grüße aus Grenoble", "Ωμέγα", "", "two\nlines"])
TIMES = np.array(["2026-11-27T08:00:00", "1969-12-31T23:59:59.999999999", "NaT", "2024-02-29T12:00:00.5"], "datetime64[ns]")
SIX_SHAPE = (2, 3, 4, 5, 60, 80)
SIX_PLACE = (1, 2, 3, 4)
ENERGIES = np.linspace(8.9, 9.2, 300)
LATITUDES, LONGITUDES = np.linspace(-88, 88, 90), np.linspace(-178, 178, 150)
MONTHS = np.array(["2024-01-01", "2024-04-01", "2024-07-01", "2024-10-01"], "datetime64[ns]")
FRAMES, EDGE = 2, 256


@dataclass(frozen=True)
class Look:
    """A page: the address behind the server's, and what is done until it is looked at."""

    address: str
    actions: list[Action] = field(default_factory=list)


DRAWN: Action = ("until", "document.querySelector('canvas') !== null")
SAMPLED: Action = ("until", "document.querySelector('figure[data-factor]')?.dataset.factor === '1'")
"""Wait for samples: a line first shows the bins that it has."""
READY: Action = ("until", "document.getElementById('viewer').dataset.state === 'ready'")
SETTLE: Action = ("settle",)
LIVE: Action = ("until", "document.getElementById('follow').dataset.state === 'live'")
LINK = "view/data/stack#at=330,360,0.8&z=3&channels=0:4060ff:200:3500;2:ff8030:200:3000&look=noData:ff0000&line=120,190,390,330"

LOOKS = {
    "01-scalar": Look("explore/data/scalars/wavelength"),
    "02-line": Look(f"explore/data/voltage?x={SPAN[0]},{SPAN[1]}", [SAMPLED]),
    "03-table": Look(
        f"explore/data/motors?plot=wave&span={ROW}-{ROW + 20_000}", [SETTLE, ("fill", "Row", str(ROW)), ("click", "Go"), SETTLE]
    ),
    "04-records": Look("explore/data/peaks"),
    "05-strings": Look("explore/data/samples"),
    "06-times": Look("explore/data/times"),
    "07-complex": Look("explore/data/wavefront", [DRAWN]),
    "08-six-axes": Look(f"explore/data/six?vis=Heatmap&slice={','.join(map(str, SIX_PLACE))},y,x", [DRAWN]),
    "09-nexus": Look("explore/data/scan", [DRAWN]),
    "10-dataset": Look("explore/data/climate", [DRAWN]),
    "11-detector": Look("view/data/eiger#look=scale:log;colormap:viridis", [READY]),
    "12-climate": Look("view/data/earth/sst#look=colormap:coolwarm", [READY]),
    "13-labels": Look("view/data/coins#look=opacity:0.6", [READY]),
    "14-photo": Look("view/data/photo", [READY]),
    "15-live": Look("view/growing/scan_#follow=on", [LIVE]),
    "16-link": Look(LINK, [READY]),
}


def tree() -> Group:
    """The nodes by name, many of them in files."""
    folder = Path(tempfile.mkdtemp(prefix="looks-"))
    Image.fromarray(photo()).save(folder / "photo.png")
    coins, numbers = skimage.data.coins(), cells()
    angstrom = {"units": "angstrom", "long_name": "Wavelength of the beam"}
    return Group(
        children={
            "scalars": Group(children={"wavelength": held(np.asarray(WAVELENGTH), (), angstrom)}),
            "voltage": exploration.long(),
            "motors": tiled_zarr.open(tables.long_file()),
            "peaks": held(PEAKS),
            "samples": held(SAMPLES),
            "times": held(TIMES),
            "wavefront": held(wavefront(), ("y", "x")),
            "six": held(six(), ("run", "sample", "angle", "energy", "row", "column")),
            "scan": nexus(folder / "scan.nxs"),
            "climate": climate(folder / "climate.nc"),
            "eiger": held(detectors.eiger("u4"), ("y", "x")),
            "earth": open_file(earth(folder / "earth.nc")),
            "coins": held(coins, ("y", "x"), {"tiled_zarr": {"labels": ["coins_labels"]}}),
            "coins_labels": held(numbers, ("y", "x"), {"tiled_zarr": {"is_label": True}}),
            "photo": open_file(folder / "photo.png"),
            "stack": gallery.tree().children["stack"],
        }
    )


def photo() -> Values:
    return np.asarray(skimage.data.astronaut())


@cache
def cells() -> Values:
    """A number for each coin."""
    coins = skimage.data.coins()
    blurred = skimage.filters.gaussian(coins, 2, preserve_range=True)
    numbers = skimage.measure.label(blurred > skimage.filters.threshold_local(blurred, 151))
    numbers = skimage.segmentation.clear_border(numbers)
    sizes = np.bincount(numbers.ravel())
    return np.where(sizes[numbers] < 400, 0, numbers).astype("u4")


def wavefront() -> Values:
    """A vortex: the phase turns twice around the centre."""
    y, x = np.mgrid[-1:1:120j, -1:1:160j]
    return np.asarray((x + 1j * y) ** 2 * np.exp(-3 * (x**2 + y**2)), "c16")


def six() -> Values:
    """Waves whose direction and length depend on the indices of the first axes."""
    run, sample, angle, energy, y, x = np.ogrid[tuple(slice(size) for size in SIX_SHAPE)]
    turned = x * np.cos(angle * 0.5 + run) + y * np.sin(angle * 0.5 + run)
    return np.asarray(np.sin(turned / (3 + energy)) * (sample + 1), "f4")


def spectrum() -> Values:
    """An absorption edge of copper."""
    above = ENERGIES - 8.979
    return np.asarray(1 / (1 + np.exp(-above * 400)) + np.where(above > 0, 0.3 * np.exp(-above * 20) * np.sin(above * 150), 0))


def nexus(path: Path) -> Node:
    """A file whose attributes lead to its default plot."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "absorption"})
        data = entry.create_group("absorption")
        data.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": ["energy"]})
        data["title"] = "Copper foil, K edge"
        data["mu"], data["energy"] = spectrum(), ENERGIES
        data["energy"].attrs["units"] = "keV"
        data["mu"].attrs["long_name"] = "Absorption"
    return open_file(path)


def warmth() -> Values:
    """Kelvins in four months from south to north."""
    y, x = np.radians(LATITUDES)[:, None], np.radians(LONGITUDES)[None]
    tilts = (-1, 0, 1, 0)
    return np.stack([300 - 60 * np.sin(y) ** 2 + 10 * tilt * np.sin(y) + 3 * np.sin(3 * x) * np.cos(y) ** 2 for tilt in tilts])


def climate(path: Path) -> Node:
    """A Dataset with coordinates."""
    axes = ("time", "lat", "lon")
    dataset = xarray.Dataset(
        {"temperature": (axes, warmth(), {"units": "K", "long_name": "Air temperature"})},
        {"time": MONTHS, "lat": ("lat", LATITUDES, {"units": "degrees_north"}), "lon": ("lon", LONGITUDES, {"units": "degrees_east"})},
    )
    dataset.to_netcdf(path, engine="h5netcdf")
    return open_file(path)


def sea() -> Values:
    """Hundredths of a degree Celsius, and -9999 on land; the first row is the southernmost."""
    y, x = LATITUDES[:, None], LONGITUDES[None]
    continents = (
        (-60, 45, 40, 28),
        (-90, 50, 35, 25),
        (-60, -15, 20, 35),
        (20, 10, 25, 35),
        (60, 55, 80, 22),
        (135, -25, 20, 13),
        (0, -88, 400, 14),
    )
    is_land = np.zeros((len(LATITUDES), len(LONGITUDES)), bool)
    for east, north, wide, high in continents:
        is_land |= ((x - east) / wide) ** 2 + ((y - north) / high) ** 2 < 1
    return np.where(is_land, -9999, (warmth()[2] - 273.15) * 100).astype("i2")


def earth(path: Path) -> Path:
    """The sea in a file of netCDF, packed as climate models pack it."""
    packing = {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": np.int16(-9999), "units": "K"}
    coordinates = {"lat": ("lat", LATITUDES, {"units": "degrees_north"}), "lon": ("lon", LONGITUDES, {"units": "degrees_east"})}
    xarray.Dataset({"sst": (("lat", "lon"), sea(), packing)}, coordinates).to_netcdf(path, engine="h5netcdf")
    return path


def frame(number: int) -> Values:
    """A drop that falls, with a ring around it, in each frame further down."""
    y, x = np.mgrid[:EDGE, :EDGE].astype("f4")
    distance = np.hypot(y - 60 - 40 * number, x - 128)
    return np.asarray(20 + 160 * np.exp(-((distance / 22) ** 2)) + 60 * np.exp(-(((distance - 45) / 6) ** 2)), "u1")


class Growing:
    """A folder of numbered frames, to which one more can come."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.frames = folder, 0
        for _ in range(FRAMES):
            self.grow()

    def grow(self) -> None:
        tifffile.imwrite(self.folder / f"scan_{self.frames:03}.tif", frame(self.frames))
        self.frames += 1


@dataclass(frozen=True)
class Served:
    """A server with all of it."""

    server: Live
    growing: Growing

    @contextmanager
    def followed(self) -> Iterator[list[Action]]:
        """What lets the stack grow by a frame and waits until the page has it."""
        with listening(self.growing.grow) as grow:
            last = self.growing.frames
            seen = f"[...document.querySelectorAll('.axis output')].some((one) => one.value === '{last} / {last}')"
            yield [("call", grow), ("until", seen), READY]


@contextmanager
def serve() -> Iterator[Served]:
    """All nodes under one server, the folder that grows beside them."""
    with tempfile.TemporaryDirectory(prefix="growing-") as name:
        folder = Path(name) / "data"
        folder.mkdir()
        growing = Growing(folder)
        config = Path(name) / "server.yml"
        trees = [{"path": "/data", "pyobject": "browser.looks:tree"}, {"path": "/growing", "directory": str(folder)}]
        config.write_text(yaml.safe_dump({"trees": trees}))
        env = environment("") | {"TILED_ZARR_CONFIG": str(config), "TILED_ZARR_PUBLIC": "1"}
        del env["TILED_ZARR_TREE"], env["TILED_ZARR_ALLOW_ORIGINS"]
        with live(env=env) as server:
            yield Served(server, growing)
