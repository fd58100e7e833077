"""The answer to connections beyond the limit."""

from __future__ import annotations

from typing import Any

HEAD_SECONDS = 1.0
"""Seconds that we wait for the head of a request which we refuse."""
RETRY_SECONDS = 1
TEXT = b"this worker has reached its limit of connections; try again\n"
HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", str(len(TEXT)).encode()),
    (b"retry-after", str(RETRY_SECONDS).encode()),
    (b"connection", b"close"),
)
REFUSAL = b"".join([b"HTTP/1.1 503 Service Unavailable\r\n", *(name + b": " + value + b"\r\n" for name, value in HEADERS), b"\r\n", TEXT])


async def busy(_scope: Any, _receive: Any, send: Any) -> None:
    """ASGI application that answers 503 and closes the connection."""
    await send({"type": "http.response.start", "status": 503, "headers": [*HEADERS]})
    await send({"type": "http.response.body", "body": TEXT})
