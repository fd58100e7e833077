from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from asgi import ask
from tiled_zarr import Group


def test_page_names_the_tree(app: Any) -> None:
    answer = ask(app, "/")
    page = answer.body.decode()
    assert answer.status == 200
    for link in ('href="zarr/v2/"', 'href="zarr/v3/"', 'href="zarr/v3/names/"'):
        assert link in page
    assert "<td>small</td><td>array</td>" in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_json(app: Any) -> None:
    document = json.loads(ask(app, "/", headers={"accept": "application/json"}).body)
    assert document["formats"] == ["/zarr/v2/", "/zarr/v3/"]
    assert {"name": "names", "kind": "group"} in document["children"]


def test_conditional_like_every_other_body(app: Any) -> None:
    assert ask(app, "/", headers={"if-none-match": ask(app, "/").headers["etag"]}).status == 304


def test_empty_tree(make: Callable[..., Any]) -> None:
    assert ask(make(Group(children={})), "/").status == 200


def test_a_tree_that_cannot_be_listed_is_a_failure(make: Callable[..., Any]) -> None:
    class Children(dict[str, Any]):
        def __len__(self) -> int:
            raise TimeoutError

    answer = ask(make(Group(children=Children())), "/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
