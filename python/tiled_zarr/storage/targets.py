"""Where a store is written: objects by key, each whole or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

PART = ".part"
"""Suffix of a file that is being written."""
EARLY = 4 * 1024 * 1024
"""Bytes of a file after which the system is told to bring them to the disk: about a stripe."""

LONGEST_NAME, LONGEST_PATH = 255, 4096
"""Bytes of a file's name, and of a path with the zero byte at its end, if the system does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The longest keys that a target takes, in bytes of UTF-8: `key` as a whole, `part` between slashes."""

    key: int
    part: int

    def refusal(self, key: str) -> str | None:
        """The reason why the target does not take a key, or None if it does.

        >>> Limits(key=20, part=5).refusal("a/longer")
        'a name on its path has 6 bytes in the store, and the target takes 5'
        """
        part, whole = max(len(one.encode()) for one in key.split("/")), len(key.encode())
        if part > self.part:
            return f"a name on its path has {part:,} bytes in the store, and the target takes {self.part:,}"
        return f"a key of it has {whole:,} bytes in the store, and the target takes {self.key:,}" if whole > self.key else None


class Output(Protocol):
    """An object that is being written."""

    def write(self, data: bytes, /) -> object:
        """Append bytes."""


class Input(Protocol):
    """An object that is read in parts."""

    def part(self, offset: int, nbytes: int) -> bytes:
        """Some bytes of it."""

    def tail(self, nbytes: int) -> bytes:
        """Its last bytes."""


class Reader(Protocol):
    """Objects by key. Raises OSError, or what an object store raises."""

    def is_empty(self) -> bool:
        """True if there is no object."""

    def get(self, key: str) -> bytes | None:
        """An object, or None if there is none."""


class Target(Reader, Protocol):
    """Objects by key that are also written."""

    @property
    def limits(self) -> Limits:
        """The longest keys that it takes."""

    def has(self, key: str) -> bool:
        """True if the object is there, and so whole."""

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""

    def writing(self, key: str) -> AbstractContextManager[Output]:
        """Write an object in pieces; it is there once the context ends without an error."""

    def reading(self, key: str) -> AbstractContextManager[Input]:
        """Read an object in parts."""

    def remove(self, key: str) -> None:
        """Remove an object, or all that begin with a key that ends in a slash."""

    def sweep(self) -> None:
        """Remove what a run that was killed has left half written."""


class Opened:
    """A file that is read in parts."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def part(self, offset: int, nbytes: int) -> bytes:
        """Some bytes of it."""
        return os.pread(self.descriptor, nbytes, offset)

    def tail(self, nbytes: int) -> bytes:
        """Its last bytes."""
        return os.pread(self.descriptor, nbytes, os.fstat(self.descriptor).st_size - nbytes)


class Flowing:
    """A file whose bytes go to the disk while the next are made, so that the flush at its end is short.

    On Linux, POSIX_FADV_DONTNEED begins to write what is not on the disk yet, and does not wait.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.nbytes = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self.file.write(data)
        begun, self.nbytes = self.nbytes // EARLY * EARLY, self.nbytes + len(data)
        nbytes = self.nbytes // EARLY * EARLY - begun
        if nbytes and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.file.fileno(), begun, nbytes, os.POSIX_FADV_DONTNEED)


class Folder:
    """Files in a folder. Each is written beside its name, flushed to the disk, and renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def limits(self) -> Limits:
        """The longest keys that the file system takes; a file that is half written has a longer name."""
        whole = os.path.abspath(self.path)  # noqa: PTH100 - `resolve` would follow links
        room = len(f".{uuid4().hex}{PART}")
        path = told(whole, "PC_PATH_MAX", LONGEST_PATH) - 1 - len(f"{whole}/".encode(errors="surrogateescape")) - room
        return Limits(key=path, part=told(whole, "PC_NAME_MAX", LONGEST_NAME))

    def has(self, key: str) -> bool:
        """True if the file is there, and so whole."""
        return os.path.exists(self._file(key))  # noqa: PTH110 - texts all the way, once for each chunk of Zarr v2

    def is_empty(self) -> bool:
        """True if there is no such folder, or nothing in it but what is half written."""
        return not self.path.exists() or all(found.name.endswith(PART) for found in self.path.iterdir())

    def get(self, key: str) -> bytes | None:
        """A file, or None if there is none."""
        with suppress(FileNotFoundError):
            return Path(self._file(key)).read_bytes()
        return None

    def put(self, key: str, body: bytes) -> None:
        """Write a file."""
        with self.writing(key) as file:
            file.write(body)

    @contextmanager
    def writing(self, key: str) -> Iterator[Output]:
        """Write a file in pieces."""
        name = self._file(key)
        os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120
        part = Path(f"{name}.{uuid4().hex}{PART}")
        try:
            with part.open("wb") as file:
                yield Flowing(file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    @contextmanager
    def reading(self, key: str) -> Iterator[Input]:
        """Read a file in parts."""
        descriptor = os.open(self._file(key), os.O_RDONLY)
        try:
            yield Opened(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, key: str) -> None:
        """Remove a file, or a folder."""
        if key.endswith("/"):
            shutil.rmtree(self._file(key), ignore_errors=True)
        else:
            Path(self._file(key)).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove files that are half written."""
        for part in self.path.rglob(f"*{PART}"):
            part.unlink(missing_ok=True)

    def _file(self, key: str) -> str:
        return os.path.join(self.path, key)  # noqa: PTH118


def told(path: str, what: str, usual: int) -> int:
    """What the system says of the nearest folder of a path that is there, as `pathconf`; else the usual."""
    while not os.path.exists(path) and path != os.path.dirname(path):  # noqa: PTH110, PTH120
        path = os.path.dirname(path)  # noqa: PTH120
    with suppress(OSError, ValueError, AttributeError):
        found = os.pathconf(path, what)
        return found if found > 0 else usual
    return usual
