"""A Tiled server with users, tags and keys of every kind, in front of a catalog, for tests of what each may read."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.tiled.serving import Server, configured, let_go
from tiled.access_control.access_tags import AccessTagsCompiler
from tiled.access_control.scopes import ALL_SCOPES
from tiled.adapters.array import ArrayAdapter
from tiled.commandline._catalog import init
from tiled.server.connection_pool import close_database_connection_pool
from tiled.server.settings import DatabaseSettings
from tiled.structures.core import StructureFamily
from tiled.structures.data_source import Asset, DataSource, Management

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Tiled's client imports what is deprecated
    import starlette.testclient  # noqa: F401
    from tiled.client import Context, from_context

PROVIDER = "toy"
USERS = ("alice", "bob", "admin")
READ = ["read:metadata", "read:data"]
TAGS = {
    "roles": {"reader": {"scopes": READ}, "owner": {"scopes": [*READ, "write:metadata", "write:data", "create:node"]}},
    "tags": {
        "alices": {"users": [{"name": "alice", "role": "owner"}]},
        "bobs": {"users": [{"name": "bob", "role": "owner"}]},
        "shared": {"users": [{"name": "alice", "role": "owner"}, {"name": "bob", "role": "reader"}]},
        "described": {"users": [{"name": "alice", "role": "owner"}, {"name": "bob", "scopes": ["read:metadata"]}]},
    },
    "tag_owners": {tag: {"users": [{"name": "admin"}]} for tag in ("alices", "bobs", "shared", "described")},
}
"""Who may do what with the nodes of a tag: `described` lets bob read metadata alone."""

IMAGE = np.random.default_rng(7).integers(0, 60_000, (300, 300), dtype="u2")
SMALL = np.arange(12.0).reshape(3, 4)


def config(folder: Path, files: Path | None = None, **authentication: Any) -> dict[str, Any]:
    """The configuration of the server, whose databases and `files` are in a folder."""
    return {
        "trees": [
            {
                "path": "/",
                "tree": "catalog",
                "args": {
                    "uri": f"sqlite:///{folder}/catalog.db",
                    "writable_storage": str((files or folder) / "data"),
                    "readable_storage": [str((files or folder) / "outside")],
                    "top_level_access_tags": ["public"],
                },
            }
        ],
        "access_control": {
            "access_policy": "tiled.access_control.access_policies:TagBasedAccessPolicy",
            "args": {"provider": PROVIDER, "access_tags_parser": "tiled.access_control.access_tags:AccessTagsParser"},
        },
        "authentication": {
            "tiled_admins": [{"provider": PROVIDER, "id": "admin"}],
            "secret_keys": ["SECRET" * 6],
            "providers": [
                {
                    "provider": PROVIDER,
                    "authenticator": "tiled.authenticators:DictionaryAuthenticator",
                    "args": {"users_to_passwords": {name: name for name in USERS}},
                }
            ],
            **authentication,
        },
        "database": {"uri": f"sqlite:///{folder}/users.db", "init_if_not_exists": True},
    }


def define_tags(folder: Path, tags: Mapping[str, Any] = TAGS) -> None:
    """Write the definitions of the tags into the database of the catalog."""
    settings = DatabaseSettings(uri=f"sqlite:///{folder}/catalog.db")

    async def defined() -> None:
        compiler = AccessTagsCompiler(ALL_SCOPES, tags, settings, lambda _: [])
        compiler.load_tag_config()
        await compiler.compile()
        await close_database_connection_pool(settings)

    asyncio.run(defined())


def fill(folder: Path, write: Callable[[Any, Path], None] | None = None) -> None:
    """Make the databases, and write nodes of every tag, or what `write(client, outside)` writes."""
    (folder / "data").mkdir()
    (folder / "outside").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of alembic's configuration
        init(f"sqlite:///{folder}/catalog.db", if_not_exists=False)  # the setting `init_if_not_exists` starts a process for it
    with Server(configured(config(folder))) as server:
        key = server.api_key(server.login(PROVIDER, "admin", "admin")["access_token"], scopes=["inherit"], expires_in=3600)["secret"]
    define_tags(folder)
    with Context.from_app(configured(config(folder)), api_key=key) as context:
        (write or write_all)(from_context(context), folder / "outside")
    let_go()


def register(client: Any, outside: Path, tag: str) -> None:
    """Add files from outside of the catalog: an array that has one revision, and so a token, and an HDF5 file."""
    np.save(outside / f"{tag}.npy", IMAGE)
    with h5py.File(outside / f"{tag}.h5", "w") as file:
        file["inner/small"] = SMALL
    structure = ArrayAdapter.from_array(IMAGE).structure()
    array = external(
        outside / f"{tag}.npy", "data_uri", structure_family=StructureFamily.array, structure=structure, mimetype="application/x-npy"
    )
    group = external(
        outside / f"{tag}.h5", "data_uris", structure_family=StructureFamily.container, structure=None, mimetype="application/x-hdf5"
    )
    client.new("array", [array], key=f"file_{tag}", metadata={"said": f"of {tag}"}, access_tags=[tag])
    client.new("container", [group], key=f"h5_{tag}", metadata={"said": f"of {tag}"}, access_tags=[tag])


def external(path: Path, parameter: str, **fields: Any) -> DataSource:
    """A file as the source of a node; Tiled's adapter takes its address as `parameter`."""
    asset = Asset(data_uri=f"file://localhost{path}", is_directory=False, parameter=parameter, num=0 if parameter.endswith("s") else None)
    return DataSource(management=Management.external, assets=[asset], **fields)


def write_all(client: Any, outside: Path) -> None:
    """Nodes of every tag: images, small arrays, containers and tables."""
    for tag in ("public", *TAGS["tags"]):
        client.write_array(IMAGE, key=f"image_{tag}", metadata={"said": f"of {tag}"}, access_tags=[tag])
    for tag in ("public", "alices", "described"):
        folder = client.create_container(f"folder_{tag}", metadata={"said": f"of {tag}"}, access_tags=[tag])
        for inner in ("public", "bobs"):
            folder.write_array(SMALL, key=f"small_{inner}", metadata={"said": f"of {inner}"}, access_tags=[inner])
    for tag in ("shared", "described"):
        register(client, outside, tag)
        client.write_table({"x": np.arange(5.0)}, key=f"table_{tag}", access_tags=[tag])


ARRAYS = (
    *(f"image_{tag}" for tag in ("public", *TAGS["tags"])),
    *(f"folder_{tag}/small_{inner}" for tag in ("public", "alices", "described") for inner in ("public", "bobs")),
    *(f"file_{tag}" for tag in ("shared", "described")),
)
FOLDERS = ("folder_public", "folder_alices", "folder_described")
IMAGES = tuple(name for name in ARRAYS if name.startswith(("image", "file")))
TABLES = ("table_shared", "table_described")
ABSENT = ("image_nobodys", "folder_public/small_nobodys", "folder_nobodys/small_public")
