"""Python values over a socket: pickles of protocol 5, with their large buffers behind them.

The buffers are sent without a copy. A message is the length of its pickle and the number of its
buffers, then the length of each buffer, then the bytes of the pickle and of the buffers.
"""

from __future__ import annotations

import pickle
import socket
import struct
import time
from typing import Any

HEAD = struct.Struct("<QI")
LENGTH = struct.Struct("<Q")
MOST_BYTES = 2 * 1024**3
"""Bytes of a message at most; a longer one means that the other side is broken."""


def send(connection: socket.socket, value: Any, deadline: float | None = None) -> None:
    """Send a value.

    Raises what pickle raises, before a byte is sent; TimeoutError at the deadline (of
    `time.monotonic`), ConnectionError if the other side has closed.
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, 5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    lengths = b"".join(LENGTH.pack(view.nbytes) for view in views)
    parts: list[bytes | memoryview] = [HEAD.pack(len(body), len(views)) + lengths + body, *views]
    for part in parts:
        connection.settimeout(_remaining(deadline))
        connection.sendall(part)


def receive(connection: socket.socket, deadline: float | None = None) -> Any:
    """The next value.

    Raises EOFError if the other side has closed, TimeoutError at the deadline (of
    `time.monotonic`).
    """
    nbytes, count = HEAD.unpack(_exactly(connection, HEAD.size, deadline))
    lengths = [length for (length,) in LENGTH.iter_unpack(_exactly(connection, count * LENGTH.size, deadline))]
    if nbytes + sum(lengths) > MOST_BYTES:
        raise EOFError(f"a message of {nbytes + sum(lengths)} bytes: at most {MOST_BYTES} are accepted")
    body = _exactly(connection, nbytes, deadline)
    return pickle.loads(body, buffers=[_exactly(connection, length, deadline) for length in lengths])  # noqa: S301 - from our own process


def portable(error: Exception) -> Exception:
    """The error, or an OSError of the same text if it cannot be pickled and unpickled."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - whatever its own code raises
        return OSError(f"{type(error).__name__}: {error}")
    return error


def _exactly(connection: socket.socket, nbytes: int, deadline: float | None) -> bytearray:
    content = bytearray(nbytes)
    rest = memoryview(content)
    while rest:
        connection.settimeout(_remaining(deadline))
        count = connection.recv_into(rest)
        if count == 0:
            raise EOFError("the other side has closed the connection")
        rest = rest[count:]
    return content


def _remaining(deadline: float | None) -> float | None:
    """Seconds until a deadline. Raises TimeoutError if it has passed."""
    if deadline is None:
        return None
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
