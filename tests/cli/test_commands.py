from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import live
from asgi import ask
from tiled_zarr.cli import commands, main, servers
from tiled_zarr.cli.servers import hypercorn
from tiled_zarr.cli.supervisor import CannotStart, Crew
from tiled_zarr.revisions import LAUNCH, launch_nonce
from tiled_zarr.settings import Settings, SettingsError, from_environment
from tiled_zarr.settings.values import SETTINGS

KEY = re.compile(r"/k/([0-9a-f]{64})/")


class Run:
    """Runs the command with workers that answer nothing, and keeps their application."""

    def __init__(self) -> None:
        self.served: Any = None
        self.workers = self.port = 0
        self.server = ""
        self.settings = Settings()

    def supervise(self, make: Callable[[], Crew], workers: int, listener: socket.socket, on_start: Callable[[], None]) -> int:
        self.workers, self.port = workers, listener.getsockname()[1]
        work = make().run(False).__self__
        self.server, self.settings = work.server, work.make.args[0]
        try:
            self.served = work.make()
        except SettingsError as error:
            raise CannotStart(str(error)) from error
        on_start()
        return 0

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["serve", *arguments, *(["--port", "0"] if "--port" not in arguments else [])])
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def status(self, path: str) -> int:
        return ask(self.served, path).status


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command in an environment without settings, which is put back afterwards."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("TILED_")]:
        del os.environ[name]
    launch_nonce.cache_clear()
    made = Run()
    monkeypatch.setattr(commands, "supervise", made.supervise)
    yield made
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module, an array and a configuration in it."""
    np.save(tmp_path / "x.npy", np.arange(3))
    (tmp_path / "served_by_cli.py").write_text("import numpy\ntree = {'x': numpy.arange(3)}\n")
    (tmp_path / "empty.yml").write_text("# nothing\n")
    (tmp_path / "server.yml").write_text("api_key: fromfile\ntrees:\n  - {path: /here, directory: .}\n  - {path: /demo, demo: true}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "served_by_cli", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [[], ["serve"], *(["serve", name] for name in ("demo", "directory", "pyobject", "config"))], ids=" ".join
)
def test_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, [*arguments, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert ("tiled-zarr serve demo" in result.output) is (arguments == ["serve"])


def test_version() -> None:
    assert re.search(r"version \d", CliRunner().invoke(main, ["--version"]).output)


def test_demo_is_public(run: Run) -> None:
    result = run("demo")
    assert f"http://127.0.0.1:{run.port}/zarr/v3/\n" in result.output
    assert "/k/" not in result.output
    assert "Anyone can read the data." in result.output
    assert run.status("/zarr/v3/scalars/pi/c") == 200


def test_private_data_get_a_random_key(run: Run, folder: Path) -> None:
    keys = set()
    for _ in range(2):
        found = set(KEY.findall(run("directory", str(folder)).output))
        assert len(found) == 1
        keys |= found
        assert [run.status(prefix + "/zarr/v3/x/c/0") for prefix in ("", f"/k/{found.pop()}", "/k/x")] == [401, 200, 401]
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("arguments", "statuses"),
    {
        (): [200, 200, 404],
        ("--sequences", "none"): [404, 200, 404],
        ("--walker", "tiled.client.register:one_node_per_item"): [404, 200, 404],
        ("--ext", ".numbers=application/x-npy", "--ext", ".other=hdf5"): [200, 200, 200],
    }.items(),
)
def test_options_for_files(run: Run, folder: Path, arguments: tuple[str, ...], statuses: list[int]) -> None:
    for name in ("scan_1.npy", "scan_2.npy", "y.numbers"):
        np.save(folder / "z.npy", np.arange(3))
        (folder / "z.npy").rename(folder / name)
    run("directory", ".", "--public", *arguments)
    assert [run.status(f"/zarr/v3/{path}") for path in ("scan_/c/1/0", "scan_2/c/0", "y/c/0")] == statuses


@pytest.mark.parametrize(
    ("arguments", "message"),
    {
        ("--ext", "numbers"): "--ext: expected .SUFFIX=MIMETYPE or .SUFFIX=FORMAT",
        ("--ext", ".numbers=nothing"): "ext .numbers=nothing: nothing opens 'nothing'",
        (
            "--adapter",
            "text/csv=served_by_cli:nothing",
        ): "adapter: served_by_cli:nothing: module 'served_by_cli' has no attribute 'nothing'",
        ("--mimetype-hook", "served_by_cli:tree"): "mimetype_hook: served_by_cli:tree is a dict, which cannot be called",
        ("--walker", "served_by_cli:tree"): "walker: served_by_cli:tree is a dict, which cannot be called",
    }.items(),
    ids=" ".join,
)
@pytest.mark.usefixtures("folder")
def test_wrong_options_for_files(run: Run, arguments: tuple[str, ...], message: str) -> None:
    assert f"Error: {message}" in run("directory", ".", *arguments, code=1).output


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["directory", "."], "/zarr/v3/x/c/0"),
        (["pyobject", "served_by_cli:tree"], "/zarr/v3/x/c/0"),
        (["config", "server.yml"], "/zarr/v3/here/x/c/0"),
        (["demo"], "/zarr/v3/scalars/pi/c"),
    ],
    ids=["directory", "pyobject", "config", "demo"],
)
def test_every_source_with_a_key_or_public(run: Run, arguments: list[str], path: str) -> None:
    output = run(*arguments, "--api-key", "a+b").output
    assert "/k/a%2Bb/zarr/v2/\n" in output
    assert [run.status(path + query) for query in ("", "?api_key=a%2Bb")] == [401, 200]
    run(*arguments, "--public")
    assert run.status(path) == 200


def test_options_become_the_settings_of_workers(run: Run) -> None:
    options = [
        "--codec",
        "zstd:3",
        "--cache-size",
        "1MB",
        "--allow-origins",
        "https://a.example,*",
        "--workers",
        "3",
        "--server",
        "uvicorn",
    ]
    run("demo", *options)
    assert (run.server, run.workers) == ("uvicorn", 3)
    assert os.environ[LAUNCH]
    settings = run.settings
    assert (settings.codec, settings.cache_size, settings.allow_origins) == ("zstd:3", 10**6, ("https://a.example", "*"))


def test_a_key_that_was_typed_is_not_in_the_environment(run: Run) -> None:
    """Programs that a tree starts inherit the environment."""
    run("demo", "--api-key", "s3cret")
    assert run.settings.api_key == "s3cret"
    assert "s3cret" not in os.environ.values()


def test_every_setting_is_an_option(run: Run, folder: Path) -> None:
    typed = {
        "max_age": "7",
        "chunk_shape": "5,6",
        "in_flight": "1GB",
        "struct": "struct",
        "levels_folder": str(folder),
        "slow_request": "2",
    }
    run("demo", *(text for name, value in typed.items() for text in (f"--{name.replace('_', '-')}", value)), "--server-timing")
    found = run.settings
    assert (found.max_age, found.chunk_shape, found.in_flight, found.struct) == (7, (5, 6), 10**9, "struct")
    assert (found.levels_folder, found.slow_request, found.server_timing) == (folder, 2.0, True)
    options = {parameter.name for command in main.commands["serve"].commands.values() for parameter in command.params}
    assert options >= set(SETTINGS)


def test_help_shows_the_common_options_alone() -> None:
    output = CliRunner().invoke(main, ["serve", "demo", "--help"]).output
    assert "--codec" in output
    assert "default: (8000)" in " ".join(output.split())
    assert "--struct" not in output


def test_host_port_workers_and_server_are_settings(run: Run, folder: Path) -> None:
    os.environ |= {"TILED_ZARR_HOST": "localhost", "TILED_ZARR_WORKERS": "2"}
    port = live.free_port()
    (folder / "server.yml").write_text(f"port: {port}\nserver: uvicorn\nworkers: 5\ntrees: [{{demo: true}}]\n")
    result = CliRunner().invoke(main, ["serve", "config", "server.yml", "--workers", "3"])
    assert result.exit_code == 0, result.output
    assert (run.server, run.workers, run.port) == ("uvicorn", 3, port)
    assert f"http://localhost:{port}/\n" in result.output


def test_a_port_in_use_names_where_it_was_given(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        os.environ["TILED_ZARR_PORT"] = str(other.getsockname()[1])
        output = CliRunner().invoke(main, ["serve", "demo"]).output
    assert output.endswith("choose another TILED_ZARR_PORT, or 0 for a free one\n")
    assert run.served is None


def test_a_reload_says_what_it_leaves(run: Run, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "server.yml").write_text("trees: [{demo: true}]\n")
    read = partial(from_environment, os.environ, {}, {"CONFIG": "server.yml"})
    with servers.listen("127.0.0.1", 0) as listener:
        launch = commands.Launch(read, read(), listener)
        launch.crew()
        assert caplog.messages == []
        (folder / "server.yml").write_text("workers: 3\ntrees: [{demo: true}]\n")
        launch.crew()
    assert caplog.messages == ["server.yml, line 1: workers: the server keeps workers 1 until it is started again"]


def test_the_command_names_the_tree_and_the_environment_the_rest(run: Run, folder: Path) -> None:
    os.environ |= {"TILED_ZARR_TREE": "nothing:nothing", "TILED_ZARR_API_KEY": "fromenv", "TILED_ZARR_MAX_AGE": "5"}
    run("directory", str(folder))
    assert ask(run.served, "/zarr/v3/x/c/0?api_key=fromenv").headers["cache-control"] == "private, max-age=5"


def test_a_key_from_a_file_is_not_on_the_command_line(run: Run, folder: Path) -> None:
    (folder / "key").write_text("fromfile+\n")
    os.environ["TILED_ZARR_API_KEY"] = "fromenv"
    assert "/k/fromfile%2B/zarr/v3/\n" in run("directory", str(folder), "--api-key-file", "key").output
    assert [run.status(f"/k/{key}/zarr/v3/x/c/0") for key in ("fromfile+", "fromenv")] == [200, 401]
    run("config", "server.yml", "--api-key-file", "key")
    assert [run.status(f"/k/{key}/") for key in ("fromfile+", "fromenv", "fromfile")] == [200, 401, 401]
    run("config", "server.yml", "--api-key", "typed")
    assert [run.status(f"/k/{key}/") for key in ("typed", "fromfile+")] == [200, 401]
    both = run("demo", "--api-key-file", "key", "--api-key", "typed", code=1).output
    assert both == "Error: set only one of --api-key, --api-key-file\n"
    assert "does not exist" in run("demo", "--api-key-file", "none", code=2).output
    assert run("demo", "--api-key", "", code=1).output.startswith("Error: --api-key: expected a key of")


def test_on_loopback_known_names_alone_are_answered(run: Run) -> None:
    run("demo", "--host", "localhost", "--allowed-hosts", "data.example.org,b.example")
    for host, status in {"localhost": 200, "data.example.org": 200, "b.example:80": 200, "evil.example": 421}.items():
        assert ask(run.served, "/zarr/v3", headers={"host": host}, server=("127.0.0.1", 8000)).status == status, host


@pytest.mark.parametrize(
    ("host", "name"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("localhost", "localhost"), ("::1", r"\[::1\]"), ("::", r"\[::1\]")],
)
def test_the_address_can_be_opened(run: Run, host: str, name: str) -> None:
    try:
        servers.listen(host, 0).close()
    except servers.CannotServe:
        assert ":" in host, "only IPv6 may be missing"
        return
    assert re.search(rf"http://{name}:{{}}/\n".format("[0-9]+"), run("demo", "--host", host).output)


def test_a_port_in_use(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run("demo", "--port", str(port), code=1)
    assert (
        result.output
        == f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use; choose another --port, or 0 for a free one\n"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--codec", "rar"], "Error: --codec: codec 'rar'"),
        (["demo", "--allow-origins", "a.example"], "Error: --allow-origins: expected origins like"),
        (["demo", "--cache-size", "much"], "Error: --cache-size: expected a size"),
        (["demo", "--chunk-shape", "a"], "Error: --chunk-shape: expected a chunk shape"),
        (["demo", "--memory", "64MiB", "--cache-size", "1GB"], "Error: --memory: "),
        (["config", "."], "Error: server.yml is in tiled-zarr's syntax: name this file"),
        (["config", "empty.yml"], "Error: empty.yml names no tree to serve: add a line such as trees: "),
        (["pyobject", "nothing:tree"], "Error: nothing:tree: there is no module 'nothing'"),
        (["pyobject", "served_by_cli"], "Error: 'served_by_cli': expected MODULE:NAME"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: list[str], message: str) -> None:
    output = run(*arguments, code=1).output
    assert output.startswith(message)
    assert output.count("\n") == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [["directory", "nothing"], ["config", "nothing.yml"], ["directory", "x.npy"], ["pyobject"]])
def test_wrong_use(run: Run, arguments: list[str]) -> None:
    assert "Usage:" in run(*arguments, code=2).output


@pytest.mark.usefixtures("folder")
def test_what_is_served_is_said(run: Run) -> None:
    assert "\ntiled-zarr serves directory . at /here and demo at /demo\n" in run("config", "server.yml").stdout
    assert "\ntiled-zarr serves demo\n" in run("demo").stdout


def test_the_package_runs_as_a_module() -> None:
    """Where the script `tiled-zarr` is not on PATH, as after `pip install --user`."""
    command = [sys.executable, "-m", "tiled_zarr", "serve", "--help"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.startswith("Usage: python -m tiled_zarr serve ")


def test_a_server_that_is_not_installed() -> None:
    with pytest.raises(servers.CannotServe, match=r"^no_such_server is not installed: pip install no_such_server, or serve with"):
        servers.require("no_such_server")
    servers.require("click")


def test_the_line_for_uvicorn_names_its_own_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra of tiled-zarr installs nothing as long as tiled-zarr is on no index."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(servers.CannotServe, match=r"^uvicorn is not installed: pip install 'uvicorn\[standard\]', or serve with"):
        servers.require("uvicorn")


def test_hypercorn_leaves_connections_open() -> None:
    assert hypercorn.configuration().keep_alive_max_requests >= 10**9


def test_settings_are_read_anew_but_a_key_that_was_made_stays(run: Run, folder: Path) -> None:
    (folder / "private.yml").write_text("trees: [{directory: .}]\n")
    read = partial(from_environment, os.environ, {}, {"CONFIG": str(folder / "private.yml")})
    launch = commands.Launch(read, read(), servers.listen("127.0.0.1", 0))
    with launch.listener:
        keys = [launch.crew() and launch.settings.api_key for _ in range(2)]
        assert keys[0] == keys[1] == launch.key
        (folder / "private.yml").write_text("api_key: mine\ntrees: [{directory: .}]\n")
        launch.crew()
        assert launch.settings.api_key == "mine"
        (folder / "private.yml").write_text("codec: rar\n")
        with pytest.raises(CannotStart, match="codec 'rar'"):
            launch.crew()


def test_workers_that_live_together_share_the_revision_of_what_is_in_memory(run: Run) -> None:
    launch = commands.Launch(from_environment, Settings(), servers.listen("127.0.0.1", 0))
    with launch.listener:
        first, second = launch.crew(), launch.crew()
        seen = []
        for crew, has_fellows in ((first, False), (first, True), (second, False), (second, True), (first, True), (first, False)):
            crew.run(has_fellows)
            seen.append(launch_nonce())
        a, b, c = seen[0], seen[2], seen[5]
        assert seen == [a, a, b, b, a, c]
        assert len({a, b, c}) == 3
