"""Signed requests: the signer is botocore's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import numpy as np
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from asgi import Answer, ask
from strategies import array_node
from tiled_zarr import Group

KEY = "s3cret/key+"
HOST = "http://server:8000"
PATHS = [
    "/zarr?list-type=2&prefix=v3%2Fa%20b%2F&delimiter=%2F",
    "/zarr/v3/a%20b/zarr.json",
    "/zarr/v3/a%20b/c/0",
    "/zarr?list-type=2&prefix=",
]


@pytest.fixture
def app(make: Callable[..., Any]) -> Any:
    return make(Group({"a b": array_node(np.arange(3))}), public=False, api_key=KEY)


def signed(app: Any, target: str, key: str = KEY, method: str = "GET", sent: str | None = None, **changes: str) -> Answer:
    """The answer to a request that botocore has signed; `sent` is another target than the signed one."""
    request = AWSRequest(method, HOST + target, headers={"Host": "server:8000", "X-Spaces": "a   b "})
    botocore.auth.S3SigV4Auth(Credentials("anyone", key), "s3", "eu-central-1").add_auth(request)
    return ask(app, sent or target, method, {**dict(request.headers.items()), **changes})


def presigned(key: str = KEY, seconds: int = 60, target: str = PATHS[1]) -> str:
    request = AWSRequest("GET", HOST + target, headers={"Host": "server:8000"})
    botocore.auth.S3SigV4QueryAuth(Credentials("anyone", key), "s3", "us-east-1", seconds).add_auth(request)
    parts = urlsplit(request.url)
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", PATHS)
def test_a_signature_with_the_key_opens(app: Any, target: str, method: str) -> None:
    assert ask(app, target, method).status == 401
    assert signed(app, target, method=method).status == 200


@pytest.mark.parametrize("target", PATHS)
def test_one_with_another_key_does_not(app: Any, target: str) -> None:
    assert signed(app, target, KEY + "x").status == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"sent": "/zarr/v3/zarr.json"},
        {"sent": f"{PATHS[1]}?x=1"},
        {"X-Amz-Date": "20200101T000000Z"},
        {"X-Amz-Date": "yesterday"},
        {"X-Amz-Content-SHA256": "0" * 64},
        {"Host": "elsewhere"},
        {"Authorization": "AWS4-HMAC-SHA256 "},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=no-such, Signature=\xff"},
    ],
)
def test_what_was_changed_after_signing_is_refused(app: Any, wrong: dict[str, str]) -> None:
    assert signed(app, PATHS[1], **wrong).status == 401


def test_a_signature_for_one_method_is_none_for_another(app: Any) -> None:
    request = AWSRequest("HEAD", HOST + PATHS[1], headers={"Host": "server:8000"})
    botocore.auth.S3SigV4Auth(Credentials("anyone", KEY), "s3", "us-east-1").add_auth(request)
    assert ask(app, PATHS[1], "GET", dict(request.headers.items())).status == 401


def test_a_presigned_address(app: Any) -> None:
    assert ask(app, presigned(), headers={"Host": "server:8000"}).status == 200
    assert ask(app, presigned("other"), headers={"Host": "server:8000"}).status == 401
    assert ask(app, presigned(seconds=-1), headers={"Host": "server:8000"}).status == 401
    assert ask(app, presigned().replace("zarr.json", "c/0"), headers={"Host": "server:8000"}).status == 401


def test_a_wrong_signature_is_refused_where_all_may_read(make: Callable[..., Any]) -> None:
    """As a wrong key is. Without a key nobody can sign, and clients with made-up credentials read."""
    tree = Group({"a b": array_node(np.arange(3))})
    assert signed(make(tree, api_key=KEY), PATHS[1], "other").status == 401
    assert signed(make(tree), PATHS[1], "made up").status == 200


def test_no_log_shows_a_signature(app: Any) -> None:
    scope: dict[str, Any] = {}

    class Noted:
        async def __call__(self, given: Any, receive: Any, send: Any) -> None:
            scope["given"] = given
            await app(given, receive, send)

    ask(Noted(), presigned(), headers={"Host": "server:8000"})
    assert b"X-Amz-Signature=hidden" in scope["given"]["query_string"]
    ask(Noted(), "/favicon.ico", headers={"Referer": f"{HOST}{presigned(target='/view')}"})
    assert scope["given"]["headers"] == [(b"referer", b"hidden")]
