"""The adapters keep the contract; the truths are what Pillow writes, and numpy."""

import numpy as np
from PIL import Image

from tiled_zarr.testing import Contract, FileContract
from tiled_zarr_netpbm import Recording, adapt_recording, open_pgm

GREY = np.arange(60 * 80, dtype="u1").reshape(60, 80)
DEEP = (np.arange(60 * 80).reshape(60, 80) * 13).astype(">u2")
MOVIE = np.random.default_rng(1).integers(0, 60_000, (5, 40, 50), "<u2")


def write_grey(path):
    Image.fromarray(GREY).save(path, "ppm")
    return GREY


def write_deep(path):
    Image.fromarray(DEEP.astype("<u2")).save(path, "ppm")
    return DEEP


def write_with_comment(path):
    path.write_bytes(b"P5 # one\n# two\n 80\n60 # three\n255\n" + GREY.tobytes())
    with Image.open(path) as image:
        return np.array(image)


FILES = {"grey": write_grey, "deep": write_deep, "with_comment": write_with_comment}


class TestPgm(FileContract, adapter=open_pgm, suffix=".pgm", files=FILES): ...


class TestRecording(Contract, cases={"movie": lambda _: (adapt_recording(Recording(MOVIE)), MOVIE)}): ...
