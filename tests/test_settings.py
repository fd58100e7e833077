from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tiled_zarr.settings import Mount, Settings, SettingsError, environment, parsers
from tiled_zarr.settings.values import POOLS, SETTINGS

GOOD = {
    "host": ("::1", "::1"),
    "port": ("0", 0),
    "workers": ("4", 4),
    "server": ("granian", "granian"),
    "api_key": ("s3cret+/=", "s3cret+/="),
    "api_key_file": ("/run/secrets/key", Path("/run/secrets/key")),
    "public": ("Yes", True),
    "allow_origins": ("https://a.example, http://localhost:3000 *", ("https://a.example", "http://localhost:3000", "*")),
    "allowed_hosts": ("data.example.org, [::1] *", ("data.example.org", "[::1]", "*")),
    "codec": ("blosc:zstd:3:bitshuffle+crc32c", "blosc:zstd:3:bitshuffle+crc32c"),
    "chunk_shape": ("256,512", (256, 512)),
    "cache_size": ("1.5GiB", 3 * 512 * 1024**2),
    "cache": ("redis://cache.example.org:6379/0", "redis://cache.example.org:6379/0"),
    "cache_folder_size": ("1GiB", 2**30),
    "memory": ("4GiB", 4 * 2**30),
    "documents_size": ("16MiB", 2**24),
    "row_index_size": ("16MiB", 2**24),
    "chunk_index_size": ("16MiB", 2**24),
    "decoded_size": ("16MiB", 2**24),
    "tables_size": ("16MiB", 2**24),
    "mapped_size": ("16MiB", 2**24),
    "in_flight": ("64 mb", 64_000_000),
    "max_age": ("0", 0),
    "instance": ("run 7", "run 7"),
    "scheduler": ("tcp://a:8786", "tcp://a:8786"),
    "blocks_size": ("2GiB", 2**31),
    "threads": ("3", 3),
    "read_timeout": ("2.5", 2.5),
    "queue_timeout": ("30", 30.0),
    "consolidated_nodes": ("100", 100),
    "consolidated_bytes": ("1kB", 1000),
    "listing_bytes": ("1MiB", 2**20),
    "struct": ("struct", "struct"),
    "tile_budget": ("16MiB", 16 * 2**20),
    "tile_cache_size": ("1GB", 10**9),
    "levels_size": ("0", 0),
    "levels_background": ("off", False),
    "levels_rate": ("50MB", 50_000_000),
    "levels_folder": ("/var/cache/levels", Path("/var/cache/levels")),
    "baked": ("/data/baked", Path("/data/baked")),
    "connections": ("50", 50),
    "request_timeout": ("2.5", 2.5),
    "shutdown_timeout": ("60", 60.0),
    "tiled_key": ("s3cret", "s3cret"),
    "tiled_look": ("2.5", 2.5),
    "tiled_keep": ("0", 0),
    "remote_look": ("0.5", 0.5),
    "remote_copy": ("1GiB", 2**30),
    "references": ("s3://bucket/raw/, /data", ("s3://bucket/raw/", "/data")),
    "log_level": ("info", "info"),
    "log_format": ("json", "json"),
    "slow_request": ("0.5", 0.5),
    "server_timing": ("1", True),
}
SIZES = [*POOLS, "consolidated_nodes", "consolidated_bytes", "listing_bytes", "tile_budget", "remote_copy"]
BAD = {
    "host": [" "],
    "port": ["65536", "-1", "http", "٣"],
    "workers": ["0", "two"],
    "server": ["gunicorn"],
    "api_key": ["two words", "tab\t", "ключ", "new\nline"],
    "api_key_file": [" "],
    "public": ["maybe", "2"],
    "allow_origins": ["example.org", "https://a.example/", "https://a.example/path", "https://user@a.example", '["*", 3]', "[", "null"],
    "allowed_hosts": ["https://a.example", "a.example:80", "*.example", "[", "[3]", "::1", "a/b", "ключ"],
    "codec": ["lzma", "blosc:lz4:10", "zstd:x"],
    "chunk_shape": ["0,5", "a", "1.5", "-1", "512x512"],
    "cache_size": ["much", "-1", "1 parsec", "1e9"],
    "cache": ["memcached://a", "redis://", "folder://", " "],
    "cache_folder_size": ["much", "-1"],
    "memory": ["x", "63MiB", "0", "-1"],
    "max_age": ["-1", "1.5", "soon", "٣"],
    "instance": [" "],
    "scheduler": ["synchronous", "10.0.0.5:8786", "tcp://10.0.0.5"],
    "blocks_size": ["all"],
    "threads": ["0", "many"],
    "read_timeout": ["0", "-1", "inf", "nan", "a minute", "1e3", "٣"],
    "queue_timeout": ["0"],
    "struct": ["record"],
    "levels_background": ["maybe"],
    "levels_rate": ["fast", "0"],
    "levels_folder": [" "],
    "baked": [" "],
    "connections": ["0", "many"],
    "request_timeout": ["0", "soon", "nan"],
    "shutdown_timeout": ["-1", "inf"],
    "tiled_key": ["two words"],
    "tiled_look": ["0", "soon"],
    "tiled_keep": ["-1", "1.5"],
    "remote_look": ["0", "inf"],
    "references": ["raw", "s3://bucket", "s3://bucket/raw", '["/data", 3]', "file:///data/?x"],
    "log_level": ["loud", "INFO"],
    "log_format": ["yaml"],
    "slow_request": ["0", "soon"],
    "server_timing": ["maybe"],
    **{name: ["x"] for name in SIZES if name != "cache_size"},
}


def from_environment(**variables: str) -> Settings:
    return environment.from_environment(variables)


def test_every_setting_can_be_given() -> None:
    names = {field.name for field in dataclasses.fields(Settings)} - {"trees", "tiled", "spellings"}
    assert names == set(SETTINGS) == set(GOOD) == set(BAD)


@pytest.mark.parametrize("name", GOOD)
def test_environment(name: str) -> None:
    text, value = GOOD[name]
    assert getattr(from_environment(**{f"TILED_ZARR_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_bad_values_name_their_variable(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^TILED_ZARR_{name.upper()}: "):
        from_environment(**{f"TILED_ZARR_{name.upper()}": text})


def test_the_key_is_not_in_the_message() -> None:
    with pytest.raises(SettingsError) as raised:
        from_environment(TILED_ZARR_API_KEY="my secret")
    assert "my secret" not in str(raised.value)


def test_the_key_is_not_printed() -> None:
    assert "s3cret" not in repr(Settings(api_key="s3cret"))


def test_nothing_given_is_the_public_demo() -> None:
    settings = from_environment(TILED_ZARR_CODEC="")
    assert settings == Settings()
    assert settings.decided().require_access().public is True


SOURCES = {
    "tree": ({"TILED_ZARR_TREE": "a.b:c"}, Mount(source="pyobject", target="a.b:c")),
    "directory": ({"TILED_ZARR_DIRECTORY": "/data"}, Mount(source="directory", target="/data")),
}


@pytest.mark.parametrize(("variables", "mount"), SOURCES.values(), ids=SOURCES)
def test_source(variables: dict[str, str], mount: Mount) -> None:
    settings = from_environment(**variables)
    [found] = settings.trees
    assert (found.source, found.target, found.path) == (mount.source, mount.target, "")
    assert settings.decided().public is False


@pytest.mark.parametrize("pair", [("TREE", "DIRECTORY"), ("TREE", "CONFIG"), ("DIRECTORY", "CONFIG")])
def test_two_sources_conflict(pair: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match=f"set only one of TILED_ZARR_{pair[0]}, TILED_ZARR_{pair[1]}"):
        from_environment(**{f"TILED_ZARR_{name}": "x" for name in pair})


def test_what_a_tiled_user_has_set_holds_and_ours_wins() -> None:
    theirs = {"TILED_SINGLE_USER_API_KEY": "theirs", "TILED_ALLOW_ORIGINS": '["http://localhost:3000"]'}
    assert from_environment(**theirs).api_key == "theirs"
    assert from_environment(**theirs).allow_origins == ("http://localhost:3000",)
    assert from_environment(**theirs, TILED_ZARR_API_KEY="ours").api_key == "ours"
    assert from_environment(TILED_ALLOW_ANONYMOUS_ACCESS="1", **theirs).public is True
    assert from_environment(TILED_ALLOW_ANONYMOUS_ACCESS="0").decided().public is False
    assert from_environment(TILED_ALLOW_ANONYMOUS_ACCESS="1", TILED_ZARR_PUBLIC="0").public is False


ACCESS = {
    "demo": (Settings(), True),
    "demo with a key": (Settings(api_key="k"), False),
    "demo said to be public, with a key": (Settings(api_key="k", public=True), True),
    "private with a key": (Settings(trees=(Mount(source="directory"),), api_key="k"), False),
    "said to be public": (Settings(trees=(Mount(source="directory"),), public=True), True),
    "said to be private": (Settings(api_key="k", public=False), False),
}


@pytest.mark.parametrize(("settings", "public"), ACCESS.values(), ids=ACCESS)
def test_who_may_read(settings: Settings, public: bool) -> None:
    assert settings.decided().require_access().public is public


REFUSED = {
    "private": Settings(trees=(Mount(source="directory"),)),
    "demo beside private": Settings(trees=(Mount(path="a"), Mount(path="b", source="pyobject"))),
    "demo said to be private": Settings(public=False),
}


@pytest.mark.parametrize("settings", REFUSED.values(), ids=REFUSED)
def test_nobody_is_not_everybody(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"TILED_ZARR_API_KEY.*TILED_ZARR_PUBLIC=1"):
        settings.decided().require_access()


def test_undecided_is_private() -> None:
    with pytest.raises(SettingsError):
        Settings().require_access()


def test_key_space() -> None:
    config = Settings(codec="zstd:1", chunk_shape=(7,), consolidated_nodes=1, consolidated_bytes=2, struct="struct").keyspace
    assert (config.codec, config.chunk_shape, config.max_nodes, config.max_bytes, config.struct) == ("zstd:1", (7,), 1, 2, "struct")


EXAMPLE = """
api_key: "1234"
public: true
allow_origins: ["https://a.example"]
codec: zstd:3
chunk_shape: [512, 512]
cache_size: 1GiB
in_flight: 1000000
max_age: 5
threads: 2
trees:
  - path: /a/demo
    demo: true
  - path: b
    directory: data
    codec: none
    chunk_shape: 64
    frozen: true
    nodes:
      /x/y/: {codec: "gzip:1"}
      z: {chunk_shape: [1, 2], frozen: false}
  - path: /c
    pyobject: module:name
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "server.yml"


def read(config: Path, text: str, **variables: str) -> Settings:
    config.write_text(text)
    return from_environment(TILED_ZARR_CONFIG=str(config), **variables)


def test_file(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"trees\[1\].chunk_shape: expected a chunk shape like 512,512"):
        read(config, EXAMPLE.replace("chunk_shape: 64", "chunk_shape: 64.0"))
    settings = read(config, EXAMPLE.replace("chunk_shape: 64", 'chunk_shape: "64"'))
    assert (settings.api_key, settings.public, settings.codec, settings.chunk_shape) == ("1234", True, "zstd:3", (512, 512))
    assert (settings.cache_size, settings.in_flight, settings.max_age, settings.threads) == (1024**3, 1000000, 5, 2)
    assert [(mount.path, mount.source, mount.target) for mount in settings.trees] == [
        ("a/demo", "demo", ""),
        ("b", "directory", str(config.parent / "data")),
        ("c", "pyobject", "module:name"),
    ]
    described = {path: (options.codec, options.chunk_shape) for path, options in settings.trees[1].nodes.items()}
    assert described == {"x/y": ("gzip:1", None), "z": (None, (1, 2))}
    assert (settings.trees[1].options.codec, settings.trees[1].options.chunk_shape) == ("none", (64,))
    assert [settings.trees[1].options.frozen, *(options.frozen for options in settings.trees[1].nodes.values())] == [True, None, False]


def test_how_text_tables_are_written(config: Path) -> None:
    chosen = 'delimiter: ";", header: false, decimal: ",", encoding: Latin-1, comment: "%", skip_rows: 2, skip_long_rows: true'
    settings = read(config, f"trees: [{{directory: x, csv: {{{chosen}}}}}]")
    assert settings.trees[0].csv == {
        "delimiter": ";",
        "header": False,
        "decimal": ",",
        "encoding": "iso8859-1",
        "comment": "%",
        "skip_rows": 2,
        "skip_long_rows": True,
    }


def test_the_environment_wins_over_the_file(config: Path) -> None:
    settings = read(config, "max_age: 5\ncodec: none\ntrees: [{demo: true}]\n", TILED_ZARR_MAX_AGE="7")
    assert (settings.max_age, settings.codec) == (7, "none")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}", "max_age: 5\n"])
def test_a_file_without_a_tree_is_not_the_demo(config: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"^server.yml names no tree to serve: add a line such as trees: \[{directory: measurements}\]"):
        read(config, text)


def test_a_file_may_ask_for_the_demo(config: Path) -> None:
    [mount] = read(config, "trees: [{demo: true}]").trees
    assert (mount.source, mount.path) == ("demo", "")


def test_lines_are_those_of_the_file(config: Path) -> None:
    text = "trees:\n- demo: true\n- directory: a\n  nodes:\n    a/b:\n      codec: none\n      chunk_shape: 0\n"
    with pytest.raises(SettingsError, match=r"^server.yml, line 7: trees\[1\].nodes\['a/b'\].chunk_shape: expected a chunk shape"):
        read(config, text)


def test_a_file_that_refers_to_itself_is_refused_quickly(config: Path) -> None:
    with pytest.raises(SettingsError, match="trees"):
        read(config, "trees: &a [*a, *a]")


WRONG = {
    "twice": ("public: false\npublic: true\ntrees: [{demo: true}]", r"^server.yml, line 2: public: given twice; keep one of the two$"),
    "twice in a tree": (
        "trees:\n- demo: true\n  codec: none\n  codec: zstd:3",
        r"^server.yml, line 4: trees\[0\].codec: given twice; keep one of the two$",
    ),
    "unknown": (
        "max_ages: 5",
        r"^server.yml, line 1: max_ages: unknown \(did you mean max_age\?\); known are host, port, .*trees; nor is it Tiled's syntax",
    ),
    "unknown in a tree": (
        "trees: [{demo: true, chunk: 5}]",
        r"^server.yml, line 1: trees\[0\].chunk: unknown \(did you mean chunk_shape\?\); known are path, demo, directory",
    ),
    "unknown in a node": (
        "trees: [{demo: true, nodes: {a: {x: 5}}}]",
        r"trees\[0\].nodes\['a'\].x: unknown; known are codec, chunk_shape",
    ),
    "wrong type": ("max_age: soon", r"^server.yml, line 1: max_age: expected a whole number"),
    "key without quotes": ("api_key: 1234", r"^server.yml, line 1: api_key: expected a key .*quotes"),
    "truth value as number": ("max_age: true", r"max_age: expected a whole number"),
    "number as truth value": ("public: 1", r"public: expected true or false"),
    "text where a list was due": ("allow_origins: 5", r"allow_origins: expected a list"),
    "no mapping": ("- a", r"^server.yml: expected a mapping"),
    "number as name": ("5: a", r"^server.yml: expected a mapping"),
    "trees is no list": ("trees: {a: b}", r"trees: expected a list of trees"),
    "no trees": ("trees: []", r"trees: expected a list of trees"),
    "no source": ("trees: [{path: /a}]", r"trees\[0\]: expected one of demo: true, .*catalog: URI, tiled: URL, remote: URL, got none"),
    "two sources": ("trees: [{demo: true, directory: x}]", r"got \['demo', 'directory'\]"),
    "demo: false": ("trees: [{demo: false}]", r"trees\[0\]: expected one of"),
    "empty directory": ("trees: [{directory: ''}]", r"trees\[0\].directory: expected text"),
    "bad codec": ("trees: [{demo: true, codec: rar}]", r"trees\[0\].codec: codec 'rar'"),
    "bad nodes": ("trees: [{demo: true, nodes: [a]}]", r"trees\[0\].nodes: expected a mapping"),
    "bad node": ("trees: [{demo: true, nodes: {a: 5}}]", r"nodes\['a'\]: expected a mapping"),
    "csv of what has none": ("trees: [{demo: true, csv: {}}]", r"trees\[0\].csv: only a directory or a file has text tables"),
    "unknown in csv": ("trees: [{directory: x, csv: {sep: a}}]", r"trees\[0\].csv.sep: unknown; known are delimiter, header, decimal"),
    "long delimiter": ("trees: [{directory: x, csv: {delimiter: ab}}]", r"csv.delimiter: expected one character, got 'ab'"),
    "odd decimal": ("trees: [{directory: x, csv: {decimal: 1}}]", r"csv.decimal: expected . or , between quotes"),
    "unknown encoding": ("trees: [{directory: x, csv: {encoding: x}}]", r"csv.encoding: expected an encoding that Python knows"),
    "no encoding of text": ("trees: [{directory: x, csv: {encoding: hex}}]", r"csv.encoding: expected an encoding that Python knows"),
    "broken": ("a: [", r"is not valid YAML"),
    "python": ("a: !!python/object/apply:os.getcwd []", r"is not valid YAML"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_files_that_nobody_understands(config: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(config, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the settings in .*nothing.yml: No such file"):
        from_environment(TILED_ZARR_CONFIG=str(tmp_path / "nothing.yml"))


@pytest.mark.parametrize("parse", [*(setting.parse for setting in SETTINGS.values()), parsers.text], ids=[*SETTINGS, "text"])
@pytest.mark.parametrize("value", [None, {}, object(), b"x", float("nan"), [None]], ids=str)
def test_parsers_refuse_what_they_do_not_know(parse: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(value)
