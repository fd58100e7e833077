"""`tiled-zarr serve catalog`, and what it says when there is no catalog to serve."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pyarrow as pa
import pytest
import zarr
from tests.tiled.catalogs import Written, corrupted, written
from tiled.catalog.core import ALL_REVISIONS

from live import live
from tiled_zarr.settings import SettingsError, files
from tiled_zarr.tiled.catalog import CannotOpen, open_catalog
from tiled_zarr.tree import plant

pytestmark = pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning")  # of the test client that Tiled uses

ROWS = pa.table({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
IMAGE = np.arange(60 * 40, dtype="i4").reshape(60, 40)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with written(tmp_path_factory.mktemp("catalog")) as made:
        made.client.write_array(IMAGE, key="image")
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a catalog in which nothing is."""
    with written(tmp_path):
        pass
    return tmp_path / "catalog.db"


def test_the_command_serves_a_catalog_and_writes_nothing(catalog: Written) -> None:
    path = Path(catalog.uri.removeprefix("sqlite:///"))
    before = path.read_bytes()
    with live("catalog", catalog.uri, *(f"--read={place}" for place in catalog.places), "--public") as server:
        url = server.url
        np.testing.assert_array_equal(zarr.open_array(f"{url}/zarr/v3/image", mode="r")[:], IMAGE)
        catalog.client.write_array(IMAGE + 1, key="later")
        np.testing.assert_array_equal(zarr.open_array(f"{url}/zarr/v3/later", mode="r")[:], IMAGE + 1)
        assert urlopen(f"{url}/healthz", timeout=60).status == 200
    assert path.read_bytes()[:16] == before[:16]


def test_tables_in_a_duckdb_file_that_tiled_has_open_are_503_with_advice(tmp_path: Path) -> None:
    with written(tmp_path) as catalog:
        rows = catalog.client.create_appendable_table(ROWS.schema, key="rows")
        rows.append_partition(0, ROWS)
        catalog.client.write_array(IMAGE, key="image")
        with live("catalog", catalog.uri, *(f"--read={place}" for place in catalog.places), "--public") as server:
            for path in ("rows/zarr.json", "rows/a/zarr.json", "rows/a/c/0"):
                with pytest.raises(HTTPError) as refused:
                    urlopen(f"{server.url}/zarr/v3/{path}", timeout=60)
                said = refused.value.read().decode()
                assert (refused.value.code, "Retry-After" in refused.value.headers) == (503, True), said
                assert "another process has open" in said
                assert "PID" not in said
                assert "python" not in said
            np.testing.assert_array_equal(zarr.open_array(f"{server.url}/zarr/v3/image", mode="r")[:], IMAGE)


def refusals(folder: Path) -> dict[str, tuple[str, str]]:
    """Addresses of databases that hold no catalog, each with what to do."""
    (folder / "text.db").write_text("this is no database, and long enough to be one " * 100)
    (folder / "empty.db").touch()
    return {
        "a missing file": (f"sqlite:///{folder}/missing.db", f"tiled catalog init sqlite:///{folder}/missing.db"),
        "a path": (f"{folder}/missing.db", "tiled catalog init"),
        "an empty file": (f"sqlite:///{folder}/empty.db", f"tiled catalog init sqlite:///{folder}/empty.db"),
        "no database": (f"sqlite:///{folder}/text.db", "not a database"),
        "another kind": ("mysql://host/name", "expected sqlite:///PATH or postgresql://"),
        "no address": ("http://", "expected sqlite:///PATH or postgresql://"),
        "a memory": ("sqlite:///:memory:", "expected sqlite:///PATH or postgresql://"),
    }


@pytest.mark.parametrize("case", ["a missing file", "a path", "an empty file", "no database", "another kind", "no address", "a memory"])
def test_what_is_no_catalog_is_refused_with_what_to_do(case: str, tmp_path: Path) -> None:
    uri, expected = refusals(tmp_path)[case]
    with pytest.raises(CannotOpen) as raised:
        open_catalog(uri)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_old_catalog_is_not_migrated(file: Path) -> None:
    corrupted(file, f"UPDATE alembic_version SET version_num = '{ALL_REVISIONS[3]}'")
    before = file.read_bytes()
    with pytest.raises(CannotOpen, match=f"tiled catalog upgrade-database sqlite:///{file}"):
        open_catalog(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_catalog_of_a_newer_tiled_is_refused(file: Path) -> None:
    corrupted(file, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(CannotOpen, match="newer Tiled"):
        open_catalog(f"sqlite:///{file}")


def test_a_place_that_is_no_folder_is_refused(file: Path) -> None:
    with pytest.raises(CannotOpen, match="--read"):
        open_catalog(f"sqlite:///{file}", [str(file.parent / "absent")])


def test_a_catalog_is_a_tree_of_a_configuration(catalog: Written, tmp_path: Path) -> None:
    places = "".join(f"\n      - {os.path.relpath(place, tmp_path) if '://' not in place else place}" for place in catalog.places)
    (tmp_path / "server.yml").write_text(f"public: true\ntrees:\n  - path: /runs\n    catalog: {catalog.uri}\n    read:{places}\n")
    settings = files.read(tmp_path / "server.yml")
    tree = plant(settings)
    np.testing.assert_array_equal(tree.root.children["runs"].children["image"].read((slice(0, 60), slice(0, 40))), IMAGE)
    assert len(tree.tasks.shutdown) == 1


@pytest.mark.parametrize(
    ("tree", "expected"),
    {
        "a file": ("catalog: sqlite:////absent.db", "tiled catalog init"),
        "places": ("catalog: sqlite:////absent.db\n    read: here", "expected a list of folders"),
        "places of others": ("directory: .\n    read: [here]", "only a catalog"),
    }.values(),
)
def test_a_wrong_configuration_says_what_is_wrong(tree: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "server.yml").write_text(f"trees:\n  - path: /\n    {tree}\n")
    with pytest.raises(SettingsError, match=expected):
        plant(files.read(tmp_path / "server.yml"))


def test_without_tiled_the_message_names_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['tiled'] = None\n"
        "from tiled_zarr.settings import Settings, Mount\nfrom tiled_zarr.tree import plant\n"
        "plant(Settings(trees=(Mount(source='catalog', target='sqlite:///x.db'),)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "a catalog needs the package 'tiled.server': pip install 'tiled[server]>=" in result.stderr
