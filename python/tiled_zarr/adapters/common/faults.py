"""What obstore's errors mean, in sentences without addresses, signatures or answers of servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ...nodes import Busy, Changed, Damaged, TooSlow
from .extras import require

STATUS = re.compile(r"Server returned non-2xx status code: (\d{3})")
WHOLE = "Received non-partial response"
"""A reply to a request for the end: of servers that count from the start only, and for empty objects."""
SLOW = re.compile(r"TimedOut|timed out|deadline", re.IGNORECASE)
NO_HOST = re.compile(r"dns error|failed to lookup|name resolution", re.IGNORECASE)
METADATA = "169.254.169.254"
"""Where machines of clouds are told their credentials."""
THROTTLED = frozenset({"429", "503"})
NO_METHOD = frozenset({"405", "501"})
"""What web servers without listings answer to PROPFIND, by which obstore lists."""
CREDENTIALS = "check its credentials (AWS_..., GOOGLE_..., AZURE_...), or say that it is anonymous"


class NoRanges(ConnectionError):
    """A web server answers requests for a range with all bytes."""


class Refused(Damaged):
    """A store refuses. S3 does so too for a key that does not exist, to who may not list the bucket."""


@contextmanager
def raised_as(name: str) -> Iterator[None]:
    """Turns obstore's errors about an object or a prefix of this name into ours.

    Raises FileNotFoundError if it is not there, Changed if it has another version, NoRanges if its
    server has no ranges. Our errors have no cause: obstore's texts hold addresses with signatures.
    """
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{name!r} is not there") from None
    except BaseException as error:
        if not (isinstance(error, require("obstore", "remote").exceptions.BaseError) or is_of_rust(error)):
            raise
        fault = meant(error, name)
    else:
        return
    raise fault from None


def is_of_rust(error: BaseException) -> bool:
    """True for what obstore raises outside of its own classes: a key that it cannot spell, a panic."""
    return type(error).__name__ == "PanicException" or (isinstance(error, ValueError) and str(error).startswith("Could not parse path"))


def meant(error: BaseException, name: str) -> Exception:
    """The error of ours for one of obstore's."""
    text = str(error)
    match type(error).__name__:
        case "InvalidPathError" | "ValueError":
            return Damaged(f"{name!r} cannot be read: it, or a key below it, has '//', or a part '.' or '..'; rename that object")
        case "PanicException":
            return Damaged(f"{name!r} cannot be asked for; check its bucket, and the variables of the environment for its store")
        case "PreconditionError":
            return Changed(f"{name!r} changed while it was being read; ask again")
        case "PermissionDeniedError" | "UnauthenticatedError":
            return Refused(f"{name!r} may not be read: the store refuses; {CREDENTIALS}")
        case "GenericError" if WHOLE in text:
            return NoRanges(f"{name!r} cannot be read by this range: its server sends all of it")
        case "NotSupportedError":
            return NoRanges(f"{name!r} cannot be read by ranges: its server sends all of it each time")
    return answered(found[1], name) if (found := STATUS.search(text)) else unreached(text, name)


def answered(status: str, name: str) -> Exception:
    """The error for a status that a store answered."""
    if status in THROTTLED:
        return Busy(f"the store of {name!r} asks for fewer requests; ask again later")
    if status in NO_METHOD:
        return Damaged(f"the server of {name!r} has no listings; consolidate the metadata of the Zarr group (zarr.consolidate_metadata)")
    if status.startswith("5"):
        return ConnectionError(f"the store of {name!r} failed with status {status}")
    if status == "404":
        return Damaged(f"there is no bucket for {name!r}; check the address, its region and its endpoint")
    if status == "416":
        return Damaged(f"{name!r} ends before these data: it is truncated; restore it from a copy")
    return Damaged(f"{name!r} cannot be read: the store answered {status}; check the address, its region and its endpoint")


def unreached(text: str, name: str) -> Exception:
    """The error for a store that did not answer, by what obstore says of it."""
    if SLOW.search(text):
        return TooSlow(f"the store of {name!r} did not answer in time")
    if NO_HOST.search(text):
        return ConnectionError(f"the host of {name!r} is not known; check the address, or its endpoint")
    if "credential" in text.lower() or METADATA in text:
        return Damaged(f"there are no credentials for {name!r}; {CREDENTIALS}")
    return ConnectionError(f"the store of {name!r} cannot be reached; check the address, or its endpoint")
