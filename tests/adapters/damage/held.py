"""Arrays that zarr-python holds open over HTTP while their file is damaged: what it then reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype

from adapters.damage.sources import Array, Arrays, Source, copy, remove
from asgi import asked

REGION = tuple[slice, ...]


class HttpStore(Store):
    """An application as a store for zarr-python.

    It follows the rule of zarr-python's FsspecStore and fsspec: 404 is absence, any other failure
    raises.
    """

    supports_writes = supports_deletes = supports_partial_writes = supports_listing = False

    def __init__(self, app: Any, prefix: str) -> None:
        super().__init__(read_only=True)
        self.app, self.prefix = app, prefix

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return self is other

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        answer = await asked(self.app, f"{self.prefix}/{key}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OSError(f"{answer.status} {answer.body[:300].decode()}")
        return prototype.buffer.from_bytes(answer.body)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype) for key, _ in key_ranges]

    async def exists(self, key: str) -> bool:
        return (await asked(self.app, f"{self.prefix}/{key}")).status == 200

    async def _nothing(self) -> AsyncIterator[str]:
        for name in ():
            yield name

    def list(self) -> AsyncIterator[str]:
        return self._nothing()

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        return self._nothing()

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        return self._nothing()

    async def set(self, key: str, value: Buffer) -> None:
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        raise NotImplementedError


@dataclass
class Tally:
    """How many chunks were read after damage, by what came of it."""

    raised: int = 0
    true: int = 0
    as_the_library: int = 0
    another: int = 0
    """The library now reads an array of another shape or type.

    A client that has the old document cannot know that.
    """


@dataclass(frozen=True)
class Held:
    """An open array, and the truth about it."""

    path: str
    array: Any
    truth: Array


def opened(app: Any, path: str, version: int) -> Any:
    """An array, opened as a reader of today would."""
    return zarr.open_array(HttpStore(app, f"/zarr/v{version}/{path}"), mode="r", zarr_format=version)


def hold(app: Any, name: str, truths: Arrays, version: int, *, warm: bool) -> Iterator[Held]:
    """The arrays of a file, open; `warm` ones have been read, and are so in the server's caches."""
    for below, truth in truths.items():
        path = f"{name}/{below}" if below else name
        array = opened(app, path, version)
        assert array.shape == truth.shape, path
        if warm:
            assert is_same(array[...], truth), path
        yield Held(below, array, truth)


def again(held: Iterable[Held], app: Any) -> Iterator[Held]:
    """The same open arrays over a new application: the server restarted, the clients did not."""
    for one in held:
        one.array.store.app = app
        yield one


def regions(array: Any) -> Iterator[REGION]:
    """The part of an array in each of its chunks."""
    parts = [range(0, size, step) for size, step in zip(array.shape, array.chunks, strict=True)]
    for corner in product(*parts):
        yield tuple(slice(start, min(start + step, size)) for start, step, size in zip(corner, array.chunks, array.shape, strict=True))


def is_same(got: Any, truth: Array) -> bool:
    got = np.asarray(got)
    if truth.dtype == object:
        return got.shape == truth.shape and got.tolist() == truth.tolist()
    return got.shape == truth.shape and np.array_equal(got, truth, equal_nan=truth.dtype.kind in "fc")


def read_now(source: Source, path: Path) -> Arrays | None:
    """What the reference library reads from a file, or None if it refuses.

    It reads a copy: HDF5 returns what it has cached of a file that the same process has open.
    """
    twin = path.parent.parent / f"twin{source.suffix}"
    try:
        copy(path, twin)
        return source.read(twin)
    except Exception:  # noqa: BLE001 - libraries raise what they like for broken files
        return None
    finally:
        remove(twin)


def check(held: Iterable[Held], now: Arrays | None, tally: Tally) -> list[str]:
    """Read every chunk of arrays whose file was damaged, and say of each wrong one what it is.

    An array that the library now reads as another type is skipped: its chunks are right, but mean
    something else to the client.
    """
    wrong = []
    for one in held:
        current = None if now is None else now.get(one.path)
        # decoding text with the wrong type has taken 4 GB in zarr-python
        if current is not None and current.dtype != one.truth.dtype:
            tally.another += 1
            continue
        for region in regions(one.array):
            try:
                got = np.asarray(one.array[region])
            except Exception:  # noqa: BLE001 - that it raises is all that is asked
                tally.raised += 1
                continue
            if is_same(got, one.truth[region]):
                tally.true += 1
            elif current is None:
                wrong.append(f"{one.path}{region}: {kind(got)} where the library refuses the file")
            elif is_alike(current, one.truth):
                if is_same(got, current[region]):
                    tally.as_the_library += 1
                else:
                    wrong.append(f"{one.path}{region}: {kind(got)} where the library reads something else")
            else:
                tally.another += 1
    return wrong


def is_alike(current: Array, truth: Array) -> bool:
    return current.shape == truth.shape and current.dtype == truth.dtype


def kind(got: Array) -> str:
    return "made-up values" if got.astype(bool).any() else "zeros"
