"""Each way to sign in that Tiled has, at the front: passwords, the system, an identity provider, keys and sessions."""

from __future__ import annotations

import json
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from time import time
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.tiled.serving import Server, built, configured
from tests.tiled.trees import Stateful
from tiled.config import Authentication

from tiled_zarr.tiled import front
from tiled_zarr.tiled.server import asking, rights


def test_who_may_read_in_part(users: Server) -> None:
    """A key without the scope for data, on a server without a policy: documents alone."""
    token = users.login("toy", "alice", "alice")["access_token"]
    narrowed = {"authorization": f"Apikey {users.api_key(token, scopes=['read:metadata'])['secret']}"}
    for path in (
        "/zarr/v3/zarr.json",
        "/zarr/v3/image/zarr.json",
        "/zarr/v2/folder/small/.zarray",
        "/zarr/v3/table/zarr.json",
        "/view/image",
    ):
        assert users.get(path, narrowed).status == 200, path
    for path in ("/zarr/v3/image/c/0/0", "/ome-zarr/0.4/image/0/0/0", "/zarr/v2/folder/small/0.0", "/thumbnail/image.png"):
        assert users.get(path, narrowed).status == 403, path
    assert users.get("/zarr/v3/table/x/c/0", narrowed).status in {403, 404}
    assert "window" not in users.get("/ome-zarr/0.4/image/.zattrs", narrowed).body.decode()
    assert users.get("/api/v1/array/block/image?block=0,0", narrowed).status in {401, 403}
    useless = {"authorization": f"Apikey {users.api_key(token, scopes=['create:apikeys'])['secret']}"}
    assert {users.get(path, useless).status for path in ("/zarr/v3/zarr.json", "/zarr/v3/image/c/0/0", "/view/")} == {403}


def several(provider: str, authenticator: str, **args: Any) -> Any:
    """The configuration of a server of several users, with a database in memory."""
    providers = [{"provider": provider, "authenticator": authenticator, "args": args}]
    return {
        "trees": [{"path": "/", "tree": "tests.tiled.trees:tree"}],
        "authentication": {"secret_keys": ["SECRET" * 6], "providers": providers},
        "database": {"uri": f"sqlite:///file:{uuid4().hex}?mode=memory&cache=shared&uri=true"},
    }


@pytest.fixture(scope="module")
def users() -> Iterator[Server]:
    passwords = {"alice": "alice"}
    config = several("toy", "tiled.authenticators:DictionaryAuthenticator", users_to_passwords=passwords)
    with Server(front(configured(config))) as running:
        yield running


def test_a_password_makes_a_token(users: Server) -> None:
    token = users.login("toy", "alice", "alice")["access_token"]
    assert users.get("/zarr/v3/image/c/0/0", {"authorization": f"Bearer {token}"}).status == 200
    assert users.get("/zarr/v3/image/c/0/0", {"authorization": f"Bearer {token[:-6]}nonsen"}).status == 401
    assert users.get("/zarr/v3/image/c/0/0").status == 401


@pytest.mark.parametrize("key", [b"\xff", "\u20ac".encode(), b"caf\xc3\xa9", b"\0", b"a\r\nb", b"a b"])
def test_a_key_that_is_no_visible_ascii_is_refused(users: Server, key: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """None of Tiled's is: it need not be asked, which would fail, and log the key."""
    odd = b"hiddenpart" + key
    quoted = quote(odd)
    given: list[tuple[str, dict[str, str]]] = [
        (f"/zarr/v3/zarr.json?api_key={quoted}", {}),
        (f"/k/{quoted}/zarr/v3/zarr.json", {}),
        ("/zarr/v3/zarr.json", {"authorization": f"Basic {b64encode(b'x:' + odd).decode()}"}),
    ]
    if not {0, 10, 32} & set(key):
        given += [("/zarr/v3/zarr.json", {"authorization": f"{scheme} {odd.decode('latin-1')}"}) for scheme in ("Bearer", "Apikey")]
        given.append(("/zarr/v3/zarr.json", {"cookie": f"tiled_api_key={odd.decode('latin-1')}"}))
    assert [users.get(path, headers).status for path, headers in given] == [401] * len(given)
    assert "hiddenpart" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_revoked_key_stops(users: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within KEPT seconds of the clock, and not before it is asked for again."""
    now = [1000.0]
    monkeypatch.setattr(asking, "time", SimpleNamespace(monotonic=lambda: now[0]))
    token = users.login("toy", "alice", "alice")["access_token"]
    made = users.api_key(token, scopes=["inherit"])
    headers = {"authorization": f"Apikey {made['secret']}"}
    assert users.get("/zarr/v3/image/c/0/0", headers).status == 200
    revoked = users.get(f"/api/v1/auth/apikey?first_eight={made['first_eight']}", {"authorization": f"Bearer {token}"}, "DELETE")
    assert revoked.status == 204
    now[0] += rights.KEPT - 0.1
    assert users.get("/zarr/v3/image/c/0/0", headers).status == 200
    now[0] += 0.2
    assert users.get("/zarr/v3/image/c/0/0", headers).status == 401


def test_a_user_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """PAM, with a stub in place of the library."""

    class PAMError(Exception):
        pass

    def authenticate(name: str, password: str, service: str) -> None:
        if (name, password, service) != ("alice", "pass", "login"):
            raise PAMError

    stub = ModuleType("pamela")
    stub.__spec__ = ModuleSpec("pamela", None)
    vars(stub).update(authenticate=authenticate, PAMError=PAMError)
    monkeypatch.setitem(sys.modules, "pamela", stub)
    with Server(front(configured(several("pam", "tiled.authenticators:PAMAuthenticator")))) as running:
        token = running.login("pam", "alice", "pass")["access_token"]
        assert running.get("/zarr/v3/image/c/0/0", {"authorization": f"Bearer {token}"}).status == 200
        with pytest.raises(AssertionError):
            running.login("pam", "alice", "wrong")


class Issuer:
    """A provider of identities by OIDC on this machine, with a key that signs its tokens."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.documents()[self.path]).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def documents(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        addresses = {name: f"{self.url}/{name}" for name in ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint")}
        known = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", "id_token_signing_alg_values_supported": ["RS256"], **addresses}
        return {"/known": known, "/keys": {"keys": [{**public, "kid": "1", "alg": "RS256", "use": "sig"}]}}

    def token(self, key: Any = None, **claims: Any) -> dict[str, str]:
        body = {"iss": self.url, "aud": "tiled", "sub": uuid4().hex, "exp": time() + 600, "scope": "read:metadata read:data", **claims}
        return {"authorization": f"Bearer {jwt.encode(body, key or self.key, algorithm='RS256', headers={'kid': '1'})}"}


def is_allowed(server: Server, path: str, headers: dict[str, str]) -> bool:
    """Whether Tiled answers; it raises for tokens that another has signed."""
    try:
        return server.get(path, headers).status == 200
    except jwt.PyJWTError:
        return False


def test_tokens_of_an_identity_provider() -> None:
    issuer = Issuer()
    args = {"audience": "tiled", "client_id": "tiled", "device_flow_client_id": "tiled", "well_known_uri": f"{issuer.url}/known"}
    with Server(front(configured(several("oidc", "tiled.authenticators:ProxiedOIDCAuthenticator", **args)))) as running:
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        right, narrow, stale = issuer.token(), issuer.token(scope="read:metadata"), issuer.token(exp=time() - 600)
        for headers in (right, narrow, stale, issuer.token(other), issuer.token(aud="x")):
            documents = is_allowed(running, "/api/v1/metadata/image", headers)
            data = is_allowed(running, "/api/v1/array/block/image?block=0,0", headers)
            assert running.get("/zarr/v3/image/zarr.json", headers).status == (200 if documents else 401)
            assert running.get("/zarr/v3/image/c/0/0", headers).status == (200 if data else 403 if documents else 401)
        assert [is_allowed(running, "/zarr/v3/image/c/0/0", headers) for headers in (right, narrow, stale)] == [True, False, False]
    issuer.server.shutdown()
    issuer.server.server_close()


def test_a_tree_for_each_state_of_a_session() -> None:
    """A root tree may be another one for each session."""

    authenticator = {"provider": "toy", "authenticator": "tests.tiled.trees:Naming", "args": {"users_to_passwords": {}}}
    authentication = Authentication.model_validate({"secret_keys": ["SECRET" * 6], "providers": [authenticator]})
    with Server(front(built(Stateful({}), authentication))) as running:
        headers = {name: {"authorization": f"Bearer {running.login('toy', name, 'x')['access_token']}"} for name in ("alice", "bob")}
        for name, other in (("alice", "bob"), ("bob", "alice")):
            assert running.get(f"/zarr/v3/of_{name}/c/0/0", headers[name]).status == 200
            assert running.get(f"/zarr/v3/of_{other}/zarr.json", headers[name]).status == 404
            assert f"of_{other}" not in running.get("/zarr/v3/zarr.json", headers[name]).body.decode()
