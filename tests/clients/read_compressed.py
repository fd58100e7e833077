"""What clients make of a document that is sent compressed: `read_compressed.py URL`.

For each client, prints the content coding that it was sent, if it tells, and the SHA-256 of what
it returns.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys

import aiohttp
import fsspec
from obstore.store import HTTPStore


async def over_aiohttp(url: str) -> tuple[str | None, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.headers.get("Content-Encoding"), await answer.read()


def over_fsspec(url: str) -> bytes:
    return bytes(fsspec.filesystem("http").cat(url))


def in_parts_over_fsspec(url: str) -> bytes:
    """As a file: its size by HEAD, its content by ranges."""
    with fsspec.open(url, block_size=4096) as file:
        return bytes(file.read(5000) + file.read())


def over_obstore(url: str) -> bytes:
    base, _, name = url.rpartition("/")
    store = HTTPStore.from_url(base, client_options={"allow_http": True})
    whole = bytes(store.get(name).bytes())
    assert store.head(name)["size"] == len(whole)
    assert bytes(store.get_range(name, start=3, end=9)) == whole[3:9]
    return whole


def main(url: str) -> None:
    silent = {"fsspec": over_fsspec(url), "fsspec in parts": in_parts_over_fsspec(url), "obstore": over_obstore(url)}
    found = {"aiohttp": asyncio.run(over_aiohttp(url)), **{name: (None, body) for name, body in silent.items()}}
    print(json.dumps({name: (coding, hashlib.sha256(body).hexdigest()) for name, (coding, body) in found.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
