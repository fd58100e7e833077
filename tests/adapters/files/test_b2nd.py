from pathlib import Path

import blosc2
import numpy as np
import pytest

from tiled_zarr.adapters.files.b2nd import open_b2nd
from tiled_zarr.nodes import Damaged, Unavailable
from tiled_zarr.testing import ARRAYS, ReaderContract, check_rewritten, check_truncated, reading, whole

WIDE = np.arange(300 * 400, dtype="<i4").reshape(300, 400)
SAVED = {name: np.ascontiguousarray(array) for name, array in ARRAYS.items() if array.dtype.kind in "biufcSUM" and array.ndim}


def saved(array, **options):
    def case(folder: Path):
        blosc2.asarray(array, urlpath=str(folder / "a.b2nd"), mode="w", **options)
        return open_b2nd(folder / "a.b2nd"), array

    return case


CASES = {name: saved(array) for name, array in SAVED.items()}
CASES |= {"chunked": saved(WIDE, chunks=(100, 90), blocks=(20, 30)), "sparse_frame": saved(WIDE, chunks=(100, 90), contiguous=False)}
CASES |= {"zero_d": saved(np.array(3.5))}


class TestB2nd(ReaderContract, cases=CASES): ...


def write(path: Path, array) -> None:
    blosc2.asarray(np.ascontiguousarray(array), urlpath=str(path), mode="w")


def test_a_rewritten_file(tmp_path):
    check_rewritten(tmp_path / "a.b2nd", open_b2nd, write)


def test_a_truncated_file(tmp_path):
    write(tmp_path / "a.b2nd", WIDE)
    check_truncated(tmp_path / "a.b2nd", open_b2nd, WIDE)


def test_chunks_and_attributes(tmp_path):
    array = blosc2.asarray(WIDE, urlpath=str(tmp_path / "a.b2nd"), mode="w", chunks=(100, 90))
    array.vlmeta["unit"] = "counts"
    array.vlmeta["place"] = {"x": 1.5}
    node = open_b2nd(tmp_path / "a.b2nd")
    assert node.chunks == (100, 90)
    assert node.attributes == {"unit": "counts", "place": {"x": 1.5}}


def test_a_slice_reads_its_chunks_alone(tmp_path):
    noise = np.random.default_rng(0).random((1000, 1000))
    blosc2.asarray(noise, urlpath=str(tmp_path / "a.b2nd"), mode="w", chunks=(100, 100), blocks=(50, 50))
    node = open_b2nd(tmp_path / "a.b2nd")
    with reading() as nbytes:
        assert (node.read((slice(0, 10), slice(0, 10))) == noise[:10, :10]).all()
        assert nbytes() < 400_000


def test_what_is_to_be_computed_is_not(tmp_path):
    operand = blosc2.asarray(WIDE, urlpath=str(tmp_path / "a.b2nd"), mode="w")
    (operand + 1).save(urlpath=str(tmp_path / "sum.b2nd"))
    with pytest.raises(Unavailable, match="tells what to compute"):
        open_b2nd(tmp_path / "sum.b2nd")


def test_other_frames_are_damage(tmp_path):
    """A bit flipped in the name of the layer that describes an array leaves a plain frame.

    Its chunks must not be absent.
    """
    blosc2.SChunk(data=b"bytes" * 100, urlpath=str(tmp_path / "a.b2nd"), mode="w")
    with pytest.raises(Damaged, match="no array"):
        open_b2nd(tmp_path / "a.b2nd")


def test_damage_raises(tmp_path):
    write(tmp_path / "a.b2nd", WIDE)
    content = bytearray((tmp_path / "a.b2nd").read_bytes())
    content[len(content) // 4 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 4)
    (tmp_path / "a.b2nd").write_bytes(content)
    with pytest.raises(Damaged, match=r"'a\.b2nd' cannot be read as a Blosc2 array"):
        whole(open_b2nd(tmp_path / "a.b2nd"))


DENIED = {
    "shape": (b"\xd3" + (300).to_bytes(8, "big"), 2**36, "an array of 3,435,973,840 chunks in a file of 15"),
    "chunks": (b"\xd2" + (100).to_bytes(4, "big"), 180, "an array of 10 chunks in a file of 15"),
    "chunk_size": (b"\xd2" + (100).to_bytes(4, "big"), 120, "chunks of 43,200 bytes in a file whose chunks have 36,000"),
}
"""Numbers in msgpack in an array's description, what they become, and the reasons for users."""


@pytest.mark.parametrize(("stored", "damaged", "message"), DENIED.values(), ids=DENIED)
def test_a_shape_that_its_chunks_deny(tmp_path, stored, damaged, message):
    """Blosc2 looks for the chunks of such a shape one by one: a region held the GIL for 8 s."""
    path = tmp_path / "a.b2nd"
    blosc2.asarray(WIDE, urlpath=str(path), mode="w", chunks=(100, 90), blocks=(20, 30))
    number = stored[:1] + damaged.to_bytes(len(stored) - 1, "big")
    path.write_bytes(path.read_bytes().replace(stored, number, 1))
    with pytest.raises(Damaged, match=message):
        open_b2nd(path)
