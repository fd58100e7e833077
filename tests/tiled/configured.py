"""Files in the syntax of Tiled, and the application that they describe, started and stopped as a server does it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from tiled.server.settings import get_settings

from asgi import Answer, asked
from tiled_zarr.cli.lifespans import lived
from tiled_zarr.settings import Settings, environment
from tiled_zarr.tiled.config import application

Parts: TypeAlias = dict[str, Any]
"""The keys of a configuration."""
KEY = {"authorization": "Apikey secret"}
SINGLE: Parts = {"authentication": {"single_user_api_key": "secret"}}
MEMORY: Parts = {"catalog": {"uri": "sqlite:///:memory:"}}
PAM = "tiled.authenticators:PAMAuthenticator"
POLICIES = "tiled.access_control.access_policies"
MODULE = """
import numpy
from fastapi import APIRouter
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.access_control.protocols import AccessPolicy

tree = MapAdapter({"x": ArrayAdapter.from_array(numpy.arange(3)), "y": ArrayAdapter.from_array(numpy.arange(5))}, metadata={"by": "tiled"})

def build(count):
    return MapAdapter({"z": ArrayAdapter.from_array(numpy.arange(count))})

def exported(mimetype, array, metadata):
    return b"exported"

def validated(spec, metadata, entry, structure_family, structure):
    return None

router = APIRouter()

@router.get("/hello")
async def hello():
    return "hello"
"""


def trees(*paths: str) -> Parts:
    return {"trees": [{"path": path, "tree": "served_by_tiled:tree"} for path in paths]}


TREE = trees("/")


def users(*providers: str, **others: Any) -> Parts:
    """Users with passwords of as many providers, one of them out of a variable."""
    args = {"users_to_passwords": {"alice": "secret1", "bob": "${BOB}"}}
    made = [{"provider": name, "authenticator": "tiled.authenticators:DictionaryAuthenticator", "args": args} for name in providers]
    return {"authentication": {"providers": made, **others}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module for configurations, without Tiled's variables and what Tiled keeps in the process."""
    for name in [name for name in os.environ if name.startswith("TILED_")]:
        monkeypatch.delenv(name)
    (tmp_path / "served_by_tiled.py").write_text(MODULE)
    (tmp_path / "pamela.py").write_text("# stands for the library of PAM, which Tiled only looks for")
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()
    sys.modules.pop("served_by_tiled", None)


def configured(folder: Path, parts: Parts, options: Mapping[str, str] | None = None, generated: str | None = None) -> Settings:
    """The settings for a file with these keys, as `serve config` reads it."""
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(parts, sort_keys=False))
    settings = environment.from_environment({}, options or {}, {"CONFIG": str(file)}).decided()
    assert settings.tiled is not None
    return settings if generated is None else replaced(settings, generated)


def replaced(settings: Settings, generated: str) -> Settings:
    from tiled_zarr.cli.commands import with_key

    return with_key(settings, generated)


def answers(app: Any, *requests: str | tuple[str, Mapping[str, str]], method: str = "GET") -> list[Answer]:
    """The answers of an application, started and stopped as a server does it."""

    async def all_of_them() -> list[Answer]:
        async with lived(app):
            pairs = [(request, {}) if isinstance(request, str) else request for request in requests]
            return [await asked(app, path, method, {"host": "a.example", **headers}, scheme="http") for path, headers in pairs]

    return asyncio.run(all_of_them())


def served(folder: Path, parts: Parts, *requests: str | tuple[str, Mapping[str, str]], **options: str) -> list[Answer]:
    return answers(application(configured(folder, parts, options)), *requests)
