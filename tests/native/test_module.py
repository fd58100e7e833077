"""What holds of the module as a whole: threads, panics, memory, builds, its stub."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy as np
import pytest

from native.gil import others_advance
from tiled_zarr import _native


def test_version_is_the_package_s():
    assert _native.__version__ == version("tiled-zarr")


def test_another_thread_advances_while_a_chunk_is_encoded():
    a = np.random.default_rng(1).integers(0, 50, (2000, 2000)).astype("<u2")
    codec = _native.Codec("zstd", level=12)
    assert others_advance(lambda: _native.encode(a.view("V2"), a.shape, codec))


def test_many_threads_share_codecs_and_arrays():
    a = np.arange(300 * 200, dtype="<u2").reshape(300, 200)
    codecs = [_native.Codec(name, level=1) for name in ("blosc", "zstd", "gzip", "lz4")]
    jobs = [(codec, n) for codec in codecs for n in range(1, 40)]

    def encode(job):
        codec, n = job
        return _native.encode(a[:n].view("V2"), (40, 200), codec)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(encode, jobs * 3)) == [encode(job) for job in jobs] * 3


def test_a_panic_is_an_ordinary_exception(capfd):
    with pytest.raises(RuntimeError, match="panicked, please report it: on purpose"):
        _native._panic()
    assert "on purpose" in capfd.readouterr().err
    assert _native.encode(b"abc", (3,), _native.Codec("none")) == b"abc"


def test_a_source_is_let_go_of():
    block = bytearray(b"abc")
    with pytest.raises(ValueError, match="axes"):
        _native.encode(block, (3, 3), _native.Codec("none"))
    _native.encode(block, (3,), _native.Codec("blosc"))
    block.append(1)  # a BufferError if the buffer were still held


def test_values_are_closed():
    codec = _native.Codec("none")
    with pytest.raises(AttributeError):
        codec.level = 1
    with pytest.raises(TypeError):
        type("Sub", (_native.Codec,), {})
    with pytest.raises(TypeError):
        type("Sub", (_native.Coo,), {})


def test_the_stub_says_what_there_is():
    result = subprocess.run([sys.executable, "-m", "mypy.stubtest", "tiled_zarr._native"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
