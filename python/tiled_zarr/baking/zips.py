"""A store in a ZIP file, packed from a folder once that is whole.

The members are not compressed, since their chunks are. The file is the same for the same store:
members are sorted and have the earliest time that the format knows.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ..settings import arguments
from ..storage.targets import PART
from .objects import is_address

SUFFIX = ".zip"
EARLIEST = (1980, 1, 1, 0, 0, 0)
PIECE = 8 * 1024 * 1024
"""Bytes that are copied at once."""


def zip_at(where: str) -> Path | None:
    """The ZIP file that a target is; None if it is a folder or an address."""
    return arguments.path_of(where) if where.endswith(SUFFIX) and not is_address(where) else None


def folder_of(path: Path) -> Path:
    """The folder from which a file is packed."""
    return path.with_name(f"{path.name}{PART}")


def pack(path: Path) -> None:
    """Pack the folder of a file, and remove it. The file is there once it is whole."""
    folder, part = folder_of(path), path.with_name(f"{path.name}.packing")
    with part.open("wb") as raw:
        with ZipFile(raw, "w", ZIP_STORED) as archive:
            for member in sorted(found for found in folder.rglob("*") if found.is_file()):
                with member.open("rb") as source, archive.open(info_of(member, folder), "w") as out:
                    shutil.copyfileobj(source, out, PIECE)
        raw.flush()
        os.fsync(raw.fileno())
    part.replace(path)
    shutil.rmtree(folder)


def info_of(member: Path, folder: Path) -> ZipInfo:
    """The header of a member, with its size, so that a large one gets the fields of ZIP64."""
    info = ZipInfo(member.relative_to(folder).as_posix(), EARLIEST)
    info.file_size = member.stat().st_size
    info.external_attr = 0o644 << 16
    return info


class Packed:
    """The objects of a file that is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_empty(self) -> bool:
        """True if there is no file."""
        return not self.path.exists()

    def get(self, key: str) -> bytes | None:
        """An object, or None if there is none, or the file is no ZIP file."""
        try:
            with ZipFile(self.path) as archive:
                return archive.read(key)
        except (KeyError, BadZipFile):
            return None
