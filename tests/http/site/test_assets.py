from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from asgi import scope_of
from tiled_zarr.http.protocol import requests
from tiled_zarr.http.protocol.replies import Reply
from tiled_zarr.http.site import addresses
from tiled_zarr.http.site.assets import Assets

SCRIPT = b"console.log(1)\n" * 100


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    (tmp_path / "viewer.js").write_bytes(SCRIPT)
    (tmp_path / "secret").write_bytes(b"not for the world")
    return Assets(tmp_path, public=False)


def ask(assets: Assets, name: str, **headers: str) -> Reply:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return assets.reply(requests.request_for("", scope_of("/", headers=spelled)), name)


def test_kept_forever_since_the_address_changes_with_the_content(assets: Assets, tmp_path: Path) -> None:
    here = addresses.of(scope_of("/view/a/b?api_key=k"))
    link = assets.link("viewer.js", here)
    assert link.startswith("../../static/viewer/viewer.js?api_key=k&version=")
    assert dict(ask(assets, "viewer.js").headers)[b"cache-control"] == b"private, max-age=31536000, immutable"
    (tmp_path / "viewer.js").write_bytes(SCRIPT + b"more")
    assert Assets(tmp_path, public=True).link("viewer.js", here) != link


def test_gzipped_for_those_who_read_it(assets: Assets) -> None:
    plain, packed = ask(assets, "viewer.js"), ask(assets, "viewer.js", accept_encoding="gzip, br")
    assert plain.body == SCRIPT
    assert gzip.decompress(packed.body) == SCRIPT
    assert dict(packed.headers)[b"content-encoding"] == b"gzip"
    etag = dict(packed.headers)[b"etag"]
    assert etag != dict(plain.headers)[b"etag"]
    assert ask(assets, "viewer.js", accept_encoding="gzip", if_none_match=etag.decode()).status == 304


@pytest.mark.parametrize("name", ["secret", "viewer.css", "..", "../viewer.js", ""])
def test_nothing_but_the_files_of_the_viewer(assets: Assets, name: str) -> None:
    assert ask(assets, name).status == 404
