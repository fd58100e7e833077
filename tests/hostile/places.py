"""Names, links, rights and sizes: what a file system can hold that is no good file."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from hostile.things import FAILED, REFUSED, Bad, Claim, Counted, Good, Values, broken, hostile, refused
from tiled_zarr.adapters import suffixes

VALUES = np.arange(12)
OTHER_USER = 65_533
DEEPEST = 200
MANY = 1000


def _save(path: Path, values: Values = VALUES) -> None:
    np.save(path, values)


def _forbid(path: Path, mode: int) -> None:
    """Take away permissions of a path.

    If we are root, we give the path to another user, since a server of root owns what root owns.
    """
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, OTHER_USER, OTHER_USER)


def _links(at: Path, tag: str) -> Iterable[Claim]:
    """Links that cannot be followed, with a suffix of data and without."""
    targets = {
        "self": f"{tag}self",
        "dangling": "not_there",
        "long": "x" * 300,
        "device": "/dev/zero",
        "out": "/etc",
        "up": ".",
        "deep": "a/" * 2000,
    }
    for name, target in targets.items():
        (at / f"{tag}{name}").symlink_to(target)
    files = {
        "self_npy": f"{tag}self_npy.npy",
        "dangling_npy": "no.npy",
        "long_npy": "x" * 300,
        "zero_npy": "/dev/zero",
        "out_npy": "/etc/passwd",
    }
    for name, target in files.items():
        (at / f"{tag}{name}.npy").symlink_to(target)
    (at / f"{tag}one.h5").symlink_to(f"{tag}two.h5")
    (at / f"{tag}two.h5").symlink_to(f"{tag}one.h5")
    followed = [refused(f"{tag}{name}") for name in ("self", "long", "out", "up", "deep")]
    unnamed = [Bad(path=f"{tag}{name}", documents=REFUSED, chunks=REFUSED) for name in ("dangling", "device")]
    return [
        *followed,
        *unnamed,
        *(refused(f"{tag}{name}", f"{tag}{name}.npy") for name in files),
        *(refused(f"{tag}{name}", f"{tag}{name}.h5") for name in ("one", "two")),
    ]


def _rights(at: Path, tag: str) -> Iterable[Claim]:
    """What another user has closed.

    That is a file, a folder, a folder that may be listed but not searched, and links into both.
    """
    closed, listed = at / f"{tag}lost+found", at / f"{tag}listed"
    for folder in (closed, listed):
        folder.mkdir()
        _save(folder / "x.npy")
    _save(at / f"{tag}unreadable.npy")
    (at / f"{tag}into").symlink_to(f"{tag}lost+found/x.npy")
    (at / f"{tag}into_npy.npy").symlink_to(f"{tag}lost+found/x.npy")
    (at / f"{tag}into_listed.npy").symlink_to(f"{tag}listed/x.npy")
    _forbid(closed, 0)
    _forbid(listed, stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    _forbid(at / f"{tag}unreadable.npy", 0)
    claims = [
        replace(broken(f"{tag}lost+found"), documents=FAILED),
        broken(f"{tag}unreadable", f"{tag}unreadable.npy"),
        refused(f"{tag}into_npy", f"{tag}into_npy.npy"),
        refused(f"{tag}into_listed", f"{tag}into_listed.npy"),
        Bad(path=f"{tag}listed", documents=FAILED | {200}, chunks=REFUSED),
        Bad(path=f"{tag}listed/x", documents=FAILED, chunks=FAILED),
    ]
    return [replace(claim, unprivileged=True) for claim in claims]


@hostile("links")
def links(at: Path) -> Iterable[Claim]:
    _save(at / "target.npy")
    (at / "inside.npy").symlink_to("target.npy")
    return [*_links(at, ""), Good(path="target", values=VALUES), Good(path="inside", values=VALUES)]


@hostile("")
def links_in_root(at: Path) -> Iterable[Claim]:
    _save(at / "good_root.npy")
    return [*_links(at, "root_"), Good(path="good_root", values=VALUES)]


@hostile("", "links", late=True)
def late_links(at: Path) -> Iterable[Claim]:
    return _links(at, "late_")


@hostile("rights")
def rights(at: Path) -> Iterable[Claim]:
    _save(at / "readable.npy")
    return [*_rights(at, ""), Good(path="readable", values=VALUES)]


@hostile("")
def rights_in_root(at: Path) -> Iterable[Claim]:
    return _rights(at, "root_")


@hostile("", "rights", late=True)
def late_rights(at: Path) -> Iterable[Claim]:
    return _rights(at, "late_")


@hostile("special", "")
def special_files(at: Path) -> Iterable[Claim]:
    """Named pipes with every suffix, a socket, and a device: opening one waits, or never ends."""
    endings = ("npy", "npz", "h5", "nc", "tif", "png", "jpg", "csv", "csv.gz", "parquet", "b2nd", "zarr")
    names = {f"pipe_{suffix.replace('.', '_')}": suffix for suffix in endings}
    for name, suffix in names.items():
        os.mkfifo(at / f"{name}.{suffix}")
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        os.chdir(at)  # a socket's path has at most 107 bytes
        try:
            listener.bind("socket.npy")
        finally:
            os.chdir(before)
    claims = [refused(name, f"{name}.{suffix}") for name, suffix in names.items()] + [refused("socket", "socket.npy")]
    with suppress(PermissionError):
        os.mknod(at / "device.npy", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        claims.append(refused("device", "device.npy"))
    return claims


@hostile("special")
def swapped_kinds(at: Path) -> Iterable[Claim]:
    """A folder that is called like a file, and files that are called like folders."""
    (at / "folder.npy").mkdir()
    _save(at / "folder.npy" / "x.npy")
    (at / "file.zarr").write_bytes(b"no folder")
    return [Good(path="folder.npy/x", values=VALUES), broken("file", "file.zarr")]


@hostile("suffixes")
def every_suffix(at: Path) -> Iterable[Claim]:
    """For every suffix that the server knows, an empty file and one with bytes of no format.

    Garbage may be a valid text table.
    """
    claims: list[Claim] = []
    for suffix in sorted(suffixes()):
        contents = {"emptied": b"", "garbage": b"\x00\xff\x13garbage\x00" * 40}
        if suffix.startswith((".csv", ".tsv")):
            del contents["garbage"]
        for kind, content in contents.items():
            stem = f"{kind}{suffix.replace('.', '_')}"
            (at / f"{stem}{suffix}").write_bytes(content)
            claims.append(broken(stem, f"{stem}{suffix}"))
    _save(at / "good.npy")
    return [*claims, Good(path="good", values=VALUES)]


WIRE_NAMES = {
    "a%b": "a~25b",
    "a?b": "a~3fb",
    "a#b": "a~23b",
    "a\\b": "a~5cb",
    "a~b": "a~7eb",
    "new\nline": "new~0aline",
    "tab\t": "tab~09",
    "del\x7f": "del~7f",
    "__x": "~5f~5fx",
    "zarr.json": "zarr~2ejson",
    "%2e%2e": "~252e~252e",
    " lead": " lead",
    "trail ": "trail ",
    "a b": "a b",
    "a+b": "a+b",
    "a&b<c>": "a&b<c>",
    "a:b": "a:b",
    "a;b=c,d@e": "a;b=c,d@e",
    '"double"': '"double"',
    "'single'": "'single'",
    "dots..": "dots..",
    "c": "c",
    "0": "0",
    "naïve": "naïve",
    "nai\u0308ve": "nai\u0308ve",
    "日本": "日本",
    "\u202eright": "\u202eright",
    "\U0001f9ea": "\U0001f9ea",
    "Case": "Case",
    "case": "case",
    "n" * 251: "n" * 251,
}
"""Stems of files and their names on the wire, as the wire contract spells them."""


@hostile("names")
def odd_names(at: Path) -> Iterable[Claim]:
    for number, stem in enumerate(WIRE_NAMES):
        _save(at / f"{stem}.npy", VALUES + number)
    return [Good(path=wire, values=VALUES + number) for number, wire in enumerate(WIRE_NAMES.values())]


@hostile("names")
def globbed_names(at: Path) -> Iterable[Claim]:
    """Brackets and stars, which zarr-python 2 globs."""
    for number, stem in enumerate(("a[b]", "a*b")):
        _save(at / f"{stem}.npy", VALUES - number)
    return [Good(path="a[b]", values=VALUES, formats=(3,)), Good(path="a*b", values=VALUES - 1, formats=(3,))]


@hostile("bytes", "")
def names_not_utf8(at: Path) -> Iterable[Claim]:
    """File names in Latin-1, and with half of a surrogate pair.

    They belong to a folder, a good file, and a bad one that gets a reason.
    """
    _save(at / "plain.npy")
    (at / os.fsdecode(b"Gr\xfcn")).mkdir()
    for name in (b"H\xf6he.npy", b"Gr\xfcn/x.npy", b"\xed\xa0\x80.npy"):
        (at / os.fsdecode(name)).write_bytes((at / "plain.npy").read_bytes())
    (at / os.fsdecode(b"bad_\xe9.npy")).write_bytes(b"garbage")
    (at / os.fsdecode(b"link_\xe9.npy")).symlink_to("not_there")
    return [Good(path="plain", values=VALUES)]


@hostile("bytes")
def count_names_not_utf8(at: Path) -> Iterable[Claim]:
    return [Counted(path="", entries=len(list(at.iterdir())))]


@hostile("twins")
def same_stems(at: Path) -> Iterable[Claim]:
    """Files of one stem: each is asked for by its full name."""
    _save(at / "twin.npy")
    (at / "twin.csv").write_text("a\n1\n")
    (at / "twin").mkdir()
    _save(at / "twin" / "x.npy")
    return [Good(path="twin.npy", values=VALUES), Good(path="twin/x", values=VALUES), Good(path="twin.csv/a", values=np.array([1]))]


@hostile("many")
def many_files(at: Path) -> Iterable[Claim]:
    for number in range(MANY):
        _save(at / f"f{number:04d}.npy", VALUES + number)
    return [Good(path=f"f{number:04d}", values=VALUES + number) for number in (0, MANY - 1)]


@hostile("deep")
def deep_folder(at: Path) -> Iterable[Claim]:
    """200 folders in each other: what lies deeper than the server looks is refused, not absent."""
    folder = at.joinpath(*("d" for _ in range(DEEPEST)))
    folder.mkdir(parents=True)
    _save(folder / "x.npy")
    return [Bad(path="d/" * DEEPEST + "x", chunks=FAILED | {200, 414})]
