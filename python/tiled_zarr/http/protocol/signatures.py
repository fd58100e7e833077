"""Requests that S3 clients sign with the API key as secret: AWS Signature Version 4.

The name of the access key is of no interest. A signature stands in the header Authorization, or in
the query of a presigned address, which holds until it expires.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

from starlette.types import Scope

from . import requests

SCHEME = b"AWS4-HMAC-SHA256"
IN_QUERY = b"X-Amz-Signature="
SIGNATURE = "X-Amz-Signature"
UNSIGNED = "UNSIGNED-PAYLOAD"
UNRESERVED = "-_.~"
MOST_APART = 15 * 60
"""Seconds by which the client's clock may differ from ours."""
LONGEST = 7 * 24 * 60 * 60
"""Seconds for which a presigned address can hold, as at Amazon's."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its signature; `seconds` is how long it holds."""

    credential: str
    signed_headers: str
    signature: str
    date: str
    seconds: int
    payload: str


def is_by(scope: Scope, secret: bytes, now: datetime | None = None) -> bool:
    """True if the signature of a signed request is one with this secret, and holds now."""
    try:
        found = _found(scope)
        begun = datetime.strptime(found.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        age = ((now or datetime.now(UTC)) - begun).total_seconds()
        if not -MOST_APART <= age <= found.seconds:
            return False
        return hmac.compare_digest(_made(scope, found, secret), found.signature.encode())
    except (KeyError, ValueError):
        return False


def _found(scope: Scope) -> Signature:
    """What a request says. Raises KeyError or ValueError if it says something else."""
    headers = _headers(scope)
    fields = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if SIGNATURE in fields:
        return Signature(
            fields["X-Amz-Credential"],
            fields["X-Amz-SignedHeaders"],
            fields[SIGNATURE],
            fields["X-Amz-Date"],
            min(int(fields["X-Amz-Expires"]), LONGEST),
            UNSIGNED,
        )
    _, _, rest = headers["authorization"].partition(" ")
    said = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in rest.split(","))}
    payload = headers.get("x-amz-content-sha256", UNSIGNED)
    return Signature(said["Credential"], said["SignedHeaders"], said["Signature"], headers["x-amz-date"], MOST_APART, payload)


def _made(scope: Scope, found: Signature, secret: bytes) -> bytes:
    """The signature that the request should have, in hexadecimal digits."""
    _, date, region, service, last = found.credential.rsplit("/", 4)
    canonical = "\n".join([*_canonical(scope, found), found.payload]).encode()
    parts = (found.date, f"{date}/{region}/{service}/{last}", hashlib.sha256(canonical).hexdigest())
    key = b"AWS4" + secret
    for part in (date, region, service, last):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, "\n".join([SCHEME.decode(), *parts]).encode(), "sha256").hex().encode()


def _canonical(scope: Scope, found: Signature) -> list[str]:
    """The canonical request, line by line, without the digest of its body.

    The path is written anew, as S3 wants it: a proxy may have changed how it is escaped.
    """
    fields = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    pairs = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in fields if name != SIGNATURE)
    headers = _headers(scope)
    signed = found.signed_headers.split(";")
    return [
        scope["method"],
        quote(unquote(requests.asked_path(scope)), safe=f"/{UNRESERVED}"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{headers[name]}" for name in signed),
        "",
        found.signed_headers,
    ]


def _headers(scope: Scope) -> Mapping[str, str]:
    """The headers by name; values of the same name are joined, and runs of spaces are one."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        text, spelled = name.decode("latin-1").lower(), " ".join(value.decode("latin-1").split())
        found[text] = f"{found[text]},{spelled}" if text in found else spelled
    return found
