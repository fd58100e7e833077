"""NPY, NPZ and Blosc2 files that are bad.

Their headers promise too much, their archives have wrong checksums, or members have odd names.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

import blosc2
import numpy as np

from hostile.things import Bad, Claim, Counted, Good, broken, damaged_kinds, flipped, formless, hostile, too_large, unreadable

VALUES = np.arange(600, dtype="i4").reshape(20, 30)
NOISE = np.random.default_rng(0).integers(0, 2**31, (64, 64))


@hostile("arrays")
def good(at: Path) -> Iterable[Claim]:
    np.save(at / "good_npy.npy", VALUES)
    np.savez(at / "good_npz.npz", a=VALUES)
    np.savez_compressed(at / "packed.npz", a=VALUES)
    blosc2.asarray(VALUES, urlpath=str(at / "good_b2nd.b2nd"), mode="w")
    return [Good(path=path, values=VALUES) for path in ("good_npy", "good_npz/a", "packed/a", "good_b2nd")]


@hostile("arrays")
def damaged(at: Path) -> Iterable[Claim]:
    """Each format cut, emptied and replaced. A cut NPY opens: its header is whole."""
    np.save(at / "npy.npy", NOISE)
    np.savez(at / "npz.npz", a=NOISE)
    blosc2.asarray(NOISE, urlpath=str(at / "b2nd.b2nd"), mode="w")
    files = [at / f"{suffix}.{suffix}" for suffix in ("npy", "npz", "b2nd")]
    claims = [bad for file in files for bad in damaged_kinds(file, (0, 0))]
    for file in files:
        file.unlink()
    return [Bad(path=bad.path, index=(0, 0)) if bad.path == "cut_npy" else bad for bad in claims]


@hostile("arrays")
def wrong_checksums(at: Path) -> Iterable[Claim]:
    """A bit flipped in a stored and in a deflated member: numpy refuses both. Another is good."""
    for name, save in {"stored": np.savez, "deflated": np.savez_compressed}.items():
        save(at / f"{name}.npz", a=NOISE, b=VALUES)
        raw = (at / f"{name}.npz").read_bytes()
        (at / f"{name}.npz").write_bytes(flipped(raw, 2000))
    return [claim for name in ("stored", "deflated") for claim in (unreadable(f"{name}/a", (0, 0)), Good(path=f"{name}/b", values=VALUES))]


@hostile("arrays")
def headers(at: Path) -> Iterable[Claim]:
    """Shapes of 2^60 items or a negative size, 60,000 brackets, a call, a huge type, version 9."""
    texts = {
        "endless": "{'descr': '<i8', 'fortran_order': False, 'shape': (1152921504606846976,)}",
        "negative": "{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}",
        "brackets": "(" * 60_000,
        "call": "__import__('os').abort()",
        "type": "{'descr': 'V99999999999', 'fortran_order': False, 'shape': (1,)}",
    }
    for name, text in texts.items():
        (at / f"{name}.npy").write_bytes(_npy(text) + bytes(80))
    (at / "version.npy").write_bytes(b"\x93NUMPY\x09\x00" + bytes(100))
    closed = [broken(name, f"{name}.npy") for name in ("negative", "brackets", "call", "type", "version")]
    return [unreadable("endless"), *closed]


def _npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n"


@hostile("arrays")
def objects(at: Path) -> Iterable[Claim]:
    """Pickles: never loaded."""
    np.save(at / "pickled.npy", np.array([1, None], object), allow_pickle=True)
    np.savez(at / "pickled_member.npz", a=np.array([None], object), b=VALUES)
    return [formless("pickled", "pickled.npy"), formless("pickled_member/a"), Good(path="pickled_member/b", values=VALUES)]


@hostile("arrays")
def bomb(at: Path) -> Iterable[Claim]:
    """A member of 512 MiB of zeros in 2 MB."""
    with zipfile.ZipFile(at / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("a.npy", "w") as member:
        member.write(_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (536870912,)}"))
        for _ in range(32):
            member.write(bytes(2**24))
    return [too_large("bomb/a")]


@hostile("arrays")
def odd_members(at: Path) -> Iterable[Claim]:
    """Names that lead upwards, repeat, are absolute, empty, or no UTF-8."""
    content = io.BytesIO()
    np.save(content, VALUES)
    names = ("x.npy", "../up.npy", "/absolute.npy", ".npy", "a/../b.npy", "readme.txt", "new\nline.npy")
    with zipfile.ZipFile(at / "members.npz", "w") as archive:
        for name in names:
            archive.writestr(name, content.getvalue())
    return [Good(path="members/x", values=VALUES), Counted(path="members", entries=len(names))]


@hostile("arrays")
def lying_archive(at: Path) -> Iterable[Claim]:
    """An archive whose directory says that its member lies behind the end of the file."""
    np.savez(at / "lying.npz", a=VALUES)
    raw = bytearray((at / "lying.npz").read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 42 : entry + 46] = (2**31).to_bytes(4, "little")
    (at / "lying.npz").write_bytes(raw)
    return [unreadable("lying/a", (0, 0))]
