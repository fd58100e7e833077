"""`tiled-zarr serve ANYTHING...`, with workers that answer nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from tests.cli.test_commands import Run, folder, run

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.registry import adapt
from tiled_zarr.cli import addresses, commands, main, servers
from tiled_zarr.cli.contents import MOST_NODES, contents

__all__ = ["folder", "run"]

VALUES = np.arange(6, dtype="<i4").reshape(2, 3)


@pytest.fixture
def data(folder: Path) -> Path:
    """The current folder with some files more."""
    with h5py.File(folder / "group.h5", "w") as file:
        file["inner/values"] = VALUES
        file.attrs["title"] = "first"
    tifffile.imwrite(folder / "image.tif", VALUES.astype("u2"))
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\nand then nothing")
    (folder / "notes.odd").write_text("odd")
    return folder


def document(run: Run, path: str) -> dict[str, object]:
    reply = ask(run.served, path)
    assert reply.status == 200, (path, reply.status, reply.body)
    found: dict[str, object] = json.loads(reply.body)
    return found


def names(run: Run, path: str = "/zarr/v3") -> list[str]:
    found = json.loads(ask(run.served, path, headers={"accept": "application/json"}).body)
    return [child["name"] for child in found["children"]]


ROOTS = {
    "x.npy": ["x"],
    "image.tif": ["image"],
    "table.csv": ["table"],
    "group.h5": ["inner"],
    "served_by_cli:tree": ["x"],
    "x.*": ["x"],
}


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(("word", "expected"), ROOTS.items())
def test_one_thing(run: Run, word: str, expected: list[str]) -> None:
    run(word, "--public")
    assert names(run) == expected


def test_a_folder_is_the_root(run: Run, data: Path) -> None:
    run(str(data), "--public")
    listed = names(run)
    run("directory", str(data), "--public")
    assert listed == names(run)


@pytest.mark.usefixtures("data")
def test_the_configuration_of_a_server(run: Run) -> None:
    run("server.yml", "--public")
    assert names(run) == ["here", "demo"]


@pytest.mark.usefixtures("data")
def test_several_things_are_children(run: Run) -> None:
    run("x.npy", "group.h5", "broken.h5", "notes.odd", "demo", "served_by_cli:tree", "--public")
    assert names(run) == ["x", "group", "demo", "tree"]
    assert document(run, "/zarr/v3/group/inner/values/zarr.json")["shape"] == [2, 3]
    left_out = document(run, "/zarr/v3/zarr.json")["attributes"]["tiled_zarr"]["unavailable"]  # type: ignore[index] # JSON
    assert sorted(left_out) == ["broken", "notes.odd"]
    assert ask(run.served, "/zarr/v3/broken/zarr.json").status == 500


@pytest.mark.usefixtures("data")
def test_options_of_files_are_for_single_files_too(run: Run, data: Path) -> None:
    (data / "group.h5").rename(data / "group.odd")
    run("group.odd", "--public", "--ext", ".odd=hdf5")
    assert names(run) == ["inner"]
    assert "walker: group.odd is a file" in run("group.odd", "--walker", "served_by_cli:tree", code=1).output


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("word", "message"),
    {
        "broken.h5": "Error: broken.h5 cannot be served: ",
        "notes.odd": "say with --ext what its suffix means, as in --ext .foo=hdf5",
        "nothing": "Error: nothing: there is no such file or folder",
        "ftp://host/key": "ftp:// is not read; copy it to a folder or mount it",
    }.items(),
)
def test_what_cannot_be_served_alone_does_not_start(run: Run, word: str, message: str) -> None:
    assert message in run(word, code=1).output


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("word", ["plain", "link.h5"])
def test_a_file_without_a_suffix_needs_one(run: Run, data: Path, word: str) -> None:
    """No --ext can name it: that option gives a suffix a meaning."""
    (data / "plain").write_bytes(b"what is it")
    (data / "link.h5").symlink_to("plain")
    said = run(word, code=1).output
    assert "give it a suffix that says what it is, such as plain.h5" in said
    assert "--ext" not in said


def replaced(path: Path, title: str, values: np.ndarray) -> None:
    """Write another HDF5 file in the place of one, as most programs do."""
    with h5py.File(path.with_suffix(".new"), "w") as file:
        file["inner/values"] = values
        file.attrs["title"] = title
    path.with_suffix(".new").rename(path)


@pytest.mark.parametrize(("words", "at"), [(["group.h5"], ""), (["group.h5", "x.npy"], "/group")])
def test_a_file_that_is_replaced_is_opened_again(run: Run, data: Path, words: list[str], at: str) -> None:
    run(*words, "--public")
    for title, length in (("second", 5), ("third", 9)):
        replaced(data / "group.h5", title, np.arange(length))
        assert document(run, f"/zarr/v3{at}/zarr.json")["attributes"]["title"] == title  # type: ignore[index] # JSON
        assert document(run, f"/zarr/v3{at}/inner/values/zarr.json")["shape"] == [length]


def test_a_file_that_becomes_something_else_fails(run: Run, data: Path) -> None:
    run("group.h5", "--public")
    np.save(data / "z.npy", VALUES)
    (data / "z.npy").rename(data / "group.h5")
    assert ask(run.served, "/zarr/v3/inner/values/zarr.json").status >= 500


def test_a_single_array_that_is_replaced_has_its_new_shape(run: Run, data: Path) -> None:
    run("x.npy", "--public")
    np.save(data / "y.npy", VALUES)
    (data / "y.npy").rename(data / "x.npy")
    assert document(run, "/zarr/v3/x/zarr.json")["shape"] == [2, 3]


@pytest.mark.usefixtures("data")
def test_a_file_is_a_tree_of_a_configuration(run: Run, data: Path) -> None:
    (data / "server.yml").write_text(
        "public: true\ntrees:\n- {path: /h, file: group.h5, codec: 'zstd:3'}\n- {path: /deep/t, file: table.csv, csv: {header: false}}\n"
    )
    run("server.yml")
    codecs = document(run, "/zarr/v3/h/inner/values/zarr.json")["codecs"]
    assert [codec["name"] for codec in codecs] == ["bytes", "zstd"]  # type: ignore[index,attr-defined] # JSON
    assert "a" not in names(run, "/zarr/v3/deep/t")


def test_options_may_come_first(run: Run) -> None:
    assert "Anyone can read the data." in run("--public", "demo").output


def test_the_old_spellings_win(run: Run, folder: Path) -> None:
    (folder / "directory").mkdir()
    np.save(folder / "directory" / "inside.npy", VALUES)
    run("directory", ".", "--public")
    assert "x" in names(run)
    run("./directory", "--public")
    assert names(run) == ["inside"]


@pytest.mark.parametrize("words", [["demo.h5", "--sequences", "some"], ["--publik", "x"], []], ids=" ".join)
def test_a_mistake_shows_how_to_use_it(words: list[str]) -> None:
    """The command that takes all other words has no name, and its lines no second blank for it."""
    output = CliRunner().invoke(main, ["serve", *words], prog_name="tiled-zarr").output
    assert output.startswith("Usage: tiled-zarr serve [OPTIONS] ANYTHING...\n")


def test_a_default_port_in_use_gives_the_next(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = dict.fromkeys([port])
        listener = servers.listen_near("127.0.0.1", port)
        assert port < listener.getsockname()[1] < port + servers.TRIED
        listener.close()
        monkeypatch.setattr(commands.servers, "listen_near", lambda host, _: servers.listen(host, 0))
        output = CliRunner().invoke(main, ["serve", "demo"]).output
    assert f"Port 8000 is in use: this server listens on {run.port}. Choose one with --port." in output
    assert taken == {port: None}


def test_a_host_that_is_none_is_not_tried_fifty_times() -> None:
    with pytest.raises(
        servers.CannotServe, match=r"port 8000: Cannot assign requested address; give an address of this machine, or 0\.0\.0\.0 for all$"
    ):
        servers.listen_near("192.0.2.1", 8000)


def test_open_shows_the_first_page(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(commands.click, "launch", shown.append)
    run(str(folder), "--api-key", "k")
    assert shown == []
    run(str(folder), "--api-key", "k", "-o")
    assert shown == [f"http://127.0.0.1:{run.port}/k/k/"]


def test_short_options(run: Run) -> None:
    result = CliRunner().invoke(main, ["serve", "demo", "-p", "0", "-w", "3", "-H", "localhost"])
    assert result.exit_code == 0, result.output
    assert run.workers == 3
    assert f"http://localhost:{run.port}/" in result.output


@pytest.mark.parametrize(("host", "is_said"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_the_address_for_others_is_said_if_we_listen_there(run: Run, host: str, monkeypatch: pytest.MonkeyPatch, *, is_said: bool) -> None:
    monkeypatch.setattr(addresses, "own", lambda: "192.168.1.5")
    output = run("demo", "--host", host).output
    assert (f"network  http://192.168.1.5:{run.port}/\n" in output) is is_said
    assert f"browse   http://127.0.0.1:{run.port}/\n" in output


def test_versions() -> None:
    output = CliRunner().invoke(main, ["--version"]).output
    assert f"numpy {np.__version__}" in output
    assert f"h5py {h5py.__version__}" in output
    assert "codecs blosc, zstd, gzip, zlib, lz4, none" in output


@pytest.mark.parametrize(
    ("typed", "expected"), {"x": "file,x", "dem": "plain,demo", "--pu": "plain,--public", "demo --pu": "plain,--public"}.items()
)
def test_a_shell_completes_files_commands_and_options(folder: Path, typed: str, expected: str) -> None:
    words = ["tiled-zarr", "serve", *typed.split()]
    env = {"_TILED_ZARR_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    result = CliRunner().invoke(main, [], prog_name="tiled-zarr", env=env)
    assert expected in result.output.splitlines()


HELD = {
    ("group.h5",): "The tree has 1 array, 1 group.\n",
    ("x.npy",): "The tree has 1 array.\n",
    ("table.csv",): "The tree has 1 table.\n",
    ("x.npy", "group.h5", "image.tif", "broken.h5"): "The tree has 4 files to be opened when somebody asks (2 h5, 1 npy, 1 tif).\n",
    ("inner", "served_by_cli:tree"): "The tree has 1 array, 2 groups, 2 files to be opened when somebody asks (2 tif).\n",
    ("served_by_cli:ragged",): "The tree has 1 array.\nLeft out: ragged: ",
}


@pytest.mark.parametrize(("words", "said"), HELD.items())
def test_it_says_what_the_tree_holds(run: Run, data: Path, words: list[str], said: str) -> None:
    (data / "inner").mkdir()
    for name in "ab":
        (data / "inner" / f"{name}.tif").write_bytes((data / "image.tif").read_bytes())
    with (data / "served_by_cli.py").open("a") as module:
        module.write("ragged = {'x': tree['x'], 'ragged': numpy.array([[1], [1, 2]], dtype=object)}\n")
    assert said in run(*words, "--public").output


def test_what_it_says_is_bounded() -> None:
    def failing(number: int) -> Array:
        raise OSError(f"broken {number}")

    names = {f"n{number}": number for number in range(20)}
    some = Group(Made(names, failing))
    [said] = contents(some, {}).lines()
    assert said.startswith("Left out: n0: ")
    assert said.endswith("; and 15 more.")
    faulty = Group({"faulty": Group(Unlisted({}, failing))})
    assert [*contents(faulty, {}).lines()][1] == "Left out: faulty: OSError: no list."
    assert [*contents(Group(Unlisted({}, failing)), {}).lines()] == ["Left out: /: OSError: no list."]
    many = Group({f"n{number}": adapt(np.zeros(1)) for number in range(MOST_NODES + 1)})
    assert list(contents(many, {}).lines()) == [f"The tree has at least {MOST_NODES} arrays."]


class Made(Mapping[str, Array]):
    """Children that are made by a function of their numbers."""

    def __init__(self, names: dict[str, int], make: Callable[[int], Array]) -> None:
        self.names, self.make = names, make

    def __getitem__(self, name: str) -> Array:
        return self.make(self.names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Unlisted(Made):
    """Children that cannot be listed."""

    def __iter__(self) -> Iterator[str]:
        raise OSError("no list")
