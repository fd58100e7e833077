"""The XML of S3's answers: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_ResponseSyntax"""  # noqa: D400 - an address

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

from ..protocol.multistatus import Resource
from ..protocol.replies import NO_SNIFFING, NO_STORE, Headers, Reply
from .pages import Page

HEADERS: Headers = ((b"content-type", b"application/xml"), NO_STORE, NO_SNIFFING)
BEGINNING = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def reply(parts: Iterator[str], status: int = 200) -> Reply:
    """A reply of these parts."""
    return Reply(status, HEADERS, (BEGINNING + "".join(parts) + "\n").encode())


def error(status: int, code: str, why: str) -> Reply:
    """An error as S3 has it."""
    return reply(iter([f"<Error><Code>{code}</Code><Message>{escape(why)}</Message></Error>"]), status)


def failure(why: Reply) -> Reply:
    """A reply of plain text as S3 has it, so that clients show what it says."""
    code = {401: "AccessDenied", 403: "AccessDenied", 503: "ServiceUnavailable"}.get(why.status, "InternalError")
    told = error(why.status, code, why.body.decode().strip())
    kept = tuple((name, value) for name, value in why.headers if name not in dict(HEADERS))
    return told._replace(headers=(*told.headers, *kept))


def location() -> Reply:
    """The region of a bucket: the one that has no name."""
    return reply(iter([f'<LocationConstraint xmlns="{NAMESPACE}"/>']))


def buckets(names: Sequence[str]) -> Reply:
    """The list of buckets."""
    return reply(_buckets(names))


def listing(bucket: str, fields: Mapping[str, str], page: Page, marker: str | None, most: int) -> Reply:
    """A page of a listing; `marker` is given for version 1 of the API."""
    return reply(_listing(bucket, fields, page, marker, most))


def token_of(last: str) -> str:
    """The continuation token of a page with this last key.

    >>> token_of("v3/é")
    'djMvw6k='
    """
    return urlsafe_b64encode(last.encode()).decode()


def _buckets(names: Sequence[str]) -> Iterator[str]:
    yield f'<ListAllMyBucketsResult xmlns="{NAMESPACE}"><Owner><ID>tiled-zarr</ID></Owner><Buckets>'
    yield from (f"<Bucket><Name>{name}</Name><CreationDate>{_now()}</CreationDate></Bucket>" for name in names)
    yield "</Buckets></ListAllMyBucketsResult>"


def _listing(bucket: str, fields: Mapping[str, str], page: Page, marker: str | None, most: int) -> Iterator[str]:
    is_encoded, now = "encoding-type" in fields, _now()

    def spelled(key: str) -> str:
        return quote(key, safe="/") if is_encoded else escape(key)

    yield f'<ListBucketResult xmlns="{NAMESPACE}"><Name>{bucket}</Name><Prefix>{spelled(fields.get("prefix", ""))}</Prefix>'
    yield f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(page.last is not None).lower()}</IsTruncated>"
    if is_encoded:
        yield "<EncodingType>url</EncodingType>"
    if fields.get("delimiter"):
        yield f"<Delimiter>{spelled(fields['delimiter'])}</Delimiter>"
    if marker is None:
        yield f"<KeyCount>{len(page.keys) + len(page.folders)}</KeyCount>"
        yield from (
            f"<{name}>{spelled(fields[field])}</{name}>"
            for name, field in (("ContinuationToken", "continuation-token"), ("StartAfter", "start-after"))
            if field in fields
        )
        yield f"<NextContinuationToken>{token_of(page.last)}</NextContinuationToken>" if page.last is not None else ""
    else:
        yield f"<Marker>{spelled(marker)}</Marker>"
        yield f"<NextMarker>{spelled(page.last)}</NextMarker>" if page.last is not None else ""
    for key in page.keys:
        yield _contents(key, spelled(key.path), now)
    yield from (f"<CommonPrefixes><Prefix>{spelled(folder)}</Prefix></CommonPrefixes>" for folder in page.folders)
    yield "</ListBucketResult>"


def _contents(key: Resource, path: str, modified: str) -> str:
    """One key. It is said to have been modified just now, since a node does not tell when that was."""
    etag = escape((key.etag or b"").decode(), {'"': "&quot;"})
    return (
        f"<Contents><Key>{path}</Key><LastModified>{modified}</LastModified><ETag>{etag}</ETag>"
        f"<Size>{key.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
