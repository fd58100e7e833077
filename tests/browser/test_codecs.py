"""The viewer's own decoders, against numcodecs."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np

Case = tuple[str, str, bytes, bytes]
HERE = Path(__file__).parent
DTYPES = ("u1", "u2", "f4", "f8")
LENGTHS = (1, 7, 100, 1003, 70000)


def values(dtype: str, length: int) -> dict[str, np.ndarray[Any, Any]]:
    noise = np.random.default_rng(0).integers(0, 2**31, length)
    made = {"ramp": np.arange(length), "noise": noise, "zeros": np.zeros(length), "period": np.arange(length) % 13}
    return {name: array.astype(dtype) for name, array in made.items()}


def cases() -> Iterator[Case]:
    """Name, codec, encoded and decoded bytes."""
    codecs = {f"blosc {name} {shuffle}": numcodecs.Blosc(name, 5, shuffle) for name, shuffle in product(("lz4", "zstd"), range(3))}
    codecs |= {"lz4": numcodecs.LZ4(), "zstd": numcodecs.Zstd()}
    for dtype, length, (name, codec) in product(DTYPES, LENGTHS, codecs.items()):
        for kind, array in values(dtype, length).items():
            yield f"{name}, {length} {dtype}, {kind}", name.split()[0], bytes(codec.encode(array)), array.tobytes()


def decode(chunks: list[tuple[str, bytes]]) -> list[bytes | str]:
    sent = json.dumps([{"codec": codec, "body": base64.b64encode(body).decode()} for codec, body in chunks])
    done = subprocess.run(["node", HERE / "decode.mjs"], input=sent, capture_output=True, text=True, timeout=120, check=True)
    return [text if text.startswith("error") else base64.b64decode(text) for text in json.loads(done.stdout)]


def test_what_numcodecs_encodes() -> None:
    found = list(cases())
    decoded = decode([(codec, body) for _, codec, body, _ in found])
    assert [name for (name, _, _, wanted), got in zip(found, decoded, strict=True) if got != wanted] == []


def test_damage_is_an_error() -> None:
    """A block that was cut off is never drawn as if it were whole."""
    body = bytes(numcodecs.Blosc("lz4", 5, 1).encode(np.arange(10000, dtype="f8")))
    (cut,) = decode([("blosc", body[: len(body) // 2])])
    assert isinstance(cut, str)
    assert cut.startswith("error")
