"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""  # noqa: D400 - an address

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..protocol.replies import EVENT_STREAM, NO_SNIFFING, NO_STORE, Headers

STREAM: Headers = (
    EVENT_STREAM,
    NO_STORE,
    NO_SNIFFING,
    (b"x-accel-buffering", b"no"),  # nginx passes each event on at once
)
HEARTBEAT = 15.0
"""Seconds after which a stream without events sends a comment.

Proxies close a connection that is silent for a minute, nginx after 60 s; the specification advises
15 s. It also is how a server notices that a client has vanished.
"""
COMMENT = b":\n\n"
RETRY = b"retry: 2000\n\n"
"""Milliseconds after which a browser connects again, once the connection has ended."""


def event(name: str, data: Mapping[str, Any], tag: str | None = None) -> bytes:
    r"""One event; `tag` becomes the id that a client sends back as Last-Event-ID.

    >>> event("node", {"shape": [3]}, "a1")
    b'event: node\nid: a1\ndata: {"shape":[3]}\n\n'
    """
    number = "" if tag is None else f"id: {tag}\n"
    return f"event: {name}\n{number}data: {json.dumps(data, allow_nan=False, separators=(',', ':'))}\n\n".encode()
