"""The bytes that clients have cached stay the bytes that are made."""

from __future__ import annotations

import json

from numcodecs.blosc import decompress

from native.golden.make import DATA, FILE, bodies


def test_bodies_are_those_on_record():
    assert bodies() == json.loads(FILE.read_text())


def test_bodies_on_record_are_right():
    recorded = json.loads(FILE.read_text())
    for name, body in recorded.items():
        if "shuffle" in name:
            assert decompress(bytes.fromhex(body)) == DATA, name
    assert recorded["none"] == DATA.hex()
