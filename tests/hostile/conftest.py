"""The hostile folder and its objects behind one server, which the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostile import folder, objects
from hostile.serving import Served, served
from hostile.things import Claim

FILES, OBJECTS = "files", "objects"
"""Where the two trees hang."""
UNTOUCHED = "this user reads what is closed to it, and cannot lay that right down: nothing is said of files without rights"
"""Why claims about rights are skipped."""
CONFIG = """
consolidated_nodes: 3000
trees:
  - {path: /files, directory: served}
  - {path: /objects, pyobject: "hostile.objects:tree"}
"""


@dataclass(frozen=True)
class Setting:
    """A running server, and what is claimed below each of its trees."""

    server: Served
    claims: dict[str, list[Claim]]
    out: Path


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Claim]]:
    """The folder as it is before a server starts."""
    out = tmp_path_factory.mktemp("hostile")
    return out, folder.build(out)


@pytest.fixture(scope="module")
def setting(hostile_folder: tuple[Path, list[Claim]]) -> Iterator[Setting]:
    """Both trees behind hypercorn; some things appear once it runs."""
    out, claims = hostile_folder
    (out / "server.yml").write_text(CONFIG)
    with served("config", out / "server.yml") as server:
        late = folder.add_late(out)
        yield Setting(server, {FILES: claims + late, OBJECTS: objects.claims()}, out)
