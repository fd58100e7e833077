"""What is left to do for a request, as values: an endpoint decides once, and others carry it out."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ..hierarchy.keyspace import Chunk, Document, Listing
from ..hierarchy.steps import Reached, Waiting
from .protocol.multistatus import Depth
from .protocol.replies import Headers, Reply
from .protocol.requests import Request


class Compute(NamedTuple):
    """The body of a chunk has to be encoded from the data of `revision`.

    `identity` is the body's key in the cache. Both are None if the data have no revision.
    """

    request: Request
    chunk: Chunk
    revision: str | None
    identity: str | None


class Block(NamedTuple):
    """A thread has to continue from `resume`, since the next step reads disk or network."""

    request: Request
    resume: Reached | Waiting | Document | Chunk | Listing | Depth


Plan: TypeAlias = Reply | Compute | Block
"""What is left to do for a request; a `Reply` is ready to be sent."""


class Known(NamedTuple):
    """A reply to a plain GET of a chunk, and the values that tell whether it is still valid.

    `headers` has no Content-Length; the body is in the cache, under `identity`.
    """

    chunk: Chunk
    revision: str
    identity: str
    headers: Headers
