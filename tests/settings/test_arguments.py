"""What the arguments of `tiled-zarr serve` mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiled_zarr.settings import Settings, SettingsError, arguments, from_environment

FILES = ("a.tif", "a.h5", "b.ome.tif", "one/c.npy", "two/c.npy", "odd[1].npy", "demo", "x:y", "server.yml", "with space.npy")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files that nobody opens."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("trees: [{demo: true}]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALONE = {
    "a.tif": ("file", "a.tif"),
    "one": ("directory", "one"),
    ".": ("directory", "."),
    "demo": ("demo", ""),
    "./demo": ("file", "demo"),
    "x:y": ("file", "x:y"),
    "odd[1].npy": ("file", "odd[1].npy"),
    "on*": ("directory", "one"),
    "module.inner:tree": ("pyobject", "module.inner:tree"),
    "sqlite:///catalog.db": ("catalog", "sqlite:///catalog.db"),
    "postgresql://user@host/runs": ("catalog", "postgresql://user@host/runs"),
    "https://tiled.example/beamline": ("tiled", "https://tiled.example/beamline"),
    "http://h:8000/api/v1/metadata/a.h5": ("tiled", "http://h:8000/api/v1/metadata/a.h5"),
}


@pytest.mark.parametrize(("word", "expected"), ALONE.items())
def test_one_thing_is_the_root(word: str, expected: tuple[str, str]) -> None:
    [mount] = arguments.mounts([word], {})
    assert ((mount.source, str(Path(mount.target)) if mount.source in {"file", "directory"} else mount.target), mount.path) == (
        expected,
        "",
    )


def test_a_file_address_is_a_path(folder: Path) -> None:
    [mount] = arguments.mounts([f"file://{folder}/with%20space.npy"], {})
    assert (mount.source, mount.target) == ("file", f"{folder}/with space.npy")


SEVERAL = {
    ("a.tif", "one"): ["a", "one"],
    ("a.tif", "a.h5"): ["a.tif", "a.h5"],
    ("b.ome.tif", "m:tree"): ["b", "tree"],
    ("*/c.npy",): ["one/c.npy", "two/c.npy"],
    ("one/c.npy", "./one/c.npy", "a.h5"): ["c", "a"],
    ("sqlite:///d/catalog.db", "https://tiled.example", "https://h/api/v1/metadata/raw", "m:n.o"): [
        "catalog",
        "tiled.example",
        "raw",
        "n.o",
    ],
}


@pytest.mark.parametrize(("words", "paths"), SEVERAL.items())
def test_several_things_are_children_by_their_names(words: tuple[str, ...], paths: list[str]) -> None:
    found = arguments.mounts(words, {})
    assert [mount.path for mount in found] == paths
    assert all(mount.bare for mount in found)


OBJECTS = {
    ("s3://bucket/a.zarr",): [("", "s3://bucket/a.zarr")],
    ("gs://bucket",): [("", "gs://bucket")],
    ("az://box/b/", "https://h/d/b.h5?signature=x"): [("b", "az://box/b/"), ("d/b.h5", "https://h/d/b.h5?signature=x")],
    ("s3://one/data", "abfss://box@account.dfs.core.windows.net/data"): [
        ("data", "s3://one/data"),
        ("box@account.dfs.core.windows.net/data", "abfss://box@account.dfs.core.windows.net/data"),
    ],
}


@pytest.mark.parametrize(("words", "expected"), OBJECTS.items())
def test_addresses_of_objects(words: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    found = arguments.mounts(words, {})
    assert [(mount.source, mount.target) for mount in found] == [("remote", target) for _, target in expected]
    names = [mount.path for mount in found]
    assert all(name.endswith(path.rpartition("/")[2]) for name, (path, _) in zip(names, expected, strict=True))
    assert len({*names}) == len(names)


def test_what_is_shown_of_an_address_has_no_secret() -> None:
    (mount,) = arguments.mounts(["https://me:secret@h/d/b.h5?signature=x"], {})
    assert mount.shown == "https://h/d/b.h5"


REFUSED = {
    ("nothing.tif",): "nothing.tif: there is no such file or folder",
    ("*.nothing",): "no file or folder matches this pattern",
    ("ftp://h/a.zarr",): "ftp:// is not read; copy it to a folder or mount it",
    ("gcs://bucket/a",): "gcs:// is not read; write gs://",
    ("s3://one/a.npy", "s3://one/a.npy/"): "would both be /one/a.npy",
    ("gopher://h/a",): "gopher:// is no address that can be served",
    ("file://host/a.h5",): "host is another machine; a path on this one is file:///PATH",
    ("m:tree", "n:tree"): "m:tree and n:tree would both be /tree",
}


@pytest.mark.parametrize(("words", "message"), REFUSED.items())
def test_what_cannot_be_served_is_refused_with_what_to_do(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        arguments.mounts(words, {})


def read(*words: str, **options: str) -> Settings:
    given = {"ANYTHING": arguments.SEPARATOR.join(words), **options}
    return from_environment({}, {}, given)


def test_a_configuration_is_read(folder: Path) -> None:
    (folder / "server.yml").write_text("max_age: 7\ntrees: [{path: /t, file: a.tif}]\n")
    for word in ("server.yml", f"file://{folder}/server.yml", "serv*.yml"):
        found = read(word)
        assert (found.max_age, [(mount.path, mount.source) for mount in found.trees]) == (7, [("t", "file")]), word


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (["server.yml", "one"], {}, "server.yml is a configuration: serve it alone"),
        (["server.yml"], {"ext": ".a=hdf5"}, "--ext: write this into the configuration"),
        (["server.yml"], {"READ": "one"}, "--read: write this into the configuration"),
        (["demo"], {"ext": ".a=hdf5"}, "--ext: nothing that is served here is a file or a folder"),
        (["one"], {"READ": "one"}, "--read: nothing that is served here is a catalog"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(words: list[str], options: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(*words, **options)


def test_options_are_those_of_files_or_of_catalogs() -> None:
    settings = from_environment({}, {}, {"ANYTHING": arguments.SEPARATOR.join(["one", "sqlite:///c.db"]), "ext": ".a=hdf5", "READ": "two"})
    assert [(mount.files, mount.read) for mount in settings.trees] == [({"ext": {".a": "hdf5"}}, ()), ({}, ("two",))]


def test_a_suffix_that_an_option_gives_a_format_is_no_part_of_a_name() -> None:
    Path("z.foo").touch()
    assert [mount.path for mount in arguments.mounts(["z.foo", "a.tif"], {"ext": {".foo": "hdf5"}})] == ["z", "a"]
