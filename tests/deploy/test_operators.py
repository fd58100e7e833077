"""The files in deploy/: each is checked by the program that reads it, and against what the server has."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml

import nginx
from live import Live, free_port, live
from tiled_zarr.cli.commands import main
from tiled_zarr.settings.declarations import declared
from tiled_zarr.settings.values import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "tiled-zarr.service"
SETTING = re.compile(r"\bTILED_ZARR_([A-Z_]+)")
METRIC = re.compile(r"\btiled_zarr_[a-z_]+")
EXPOSURE = 20
"""Tenths of systemd's level of exposure, of 100: 20 and less it calls OK."""


def program(name: str, package: str) -> str:
    """The path of a program. Skips the test if it is missing, or fails it if CI is set."""
    found = shutil.which(name)
    if found is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"NOT TESTED: {name} is not installed: apt-get install {package}")
    return found


def run(*command: str | Path, **options: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload] # all texts
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def instructions(path: Path) -> list[tuple[str, str]]:
    """The instructions of a container file, each with the rest of its line."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


def patterns(path: Path) -> set[str]:
    """What a file of patterns leaves out, wherever it lies."""
    return {line.removeprefix("**/").strip("/") for line in path.read_text().splitlines() if not line.startswith("#")}


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live("demo") as server:
        urllib.request.urlopen(f"{server.url}/zarr/v3/flat_array/c/0", timeout=60).close()
        yield server


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_setting_that_a_file_names_exists(path: Path) -> None:
    assert {name.lower() for name in SETTING.findall(path.read_text())} <= set(declared(Settings))


class TestContainer:
    container = instructions(DEPLOY / "Containerfile")

    def of(self, word: str) -> list[str]:
        return [rest for name, rest in self.container if name == word]

    def test_it_runs_as_a_user_without_rights(self) -> None:
        assert all(int(number) > 0 for number in self.of("USER")[-1].split(":"))

    def test_it_builds_with_compilers_that_are_new_enough(self) -> None:
        rust, python = (re.search(r":([\d.]+)-", image)[1].split(".") for image in self.of("FROM"))  # type: ignore[index]
        package = tomllib.loads((ROOT / "rust/py/Cargo.toml").read_text())["package"]
        workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
        oldest = workspace["rust-version"] if package["rust-version"] == {"workspace": True} else package["rust-version"]
        needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
        assert [int(part) for part in rust] >= [int(part) for part in oldest.split(".")]
        assert [int(part) for part in python] >= [int(part) for part in needed.removeprefix(">=").split(".")]

    def test_its_command_is_understood(self) -> None:
        name, *words = [*eval(self.of("ENTRYPOINT")[-1]), *eval(self.of("CMD")[-1])]
        assert name == "tiled-zarr"
        assert main.commands[words[0]].make_context(words[0], ["--help"], resilient_parsing=True)

    def test_the_health_check_follows_the_server(self) -> None:
        check = eval(self.of("HEALTHCHECK")[-1].partition("CMD ")[2])
        with live("demo") as server:
            asked = check[2].replace("http://127.0.0.1:8000", server.url)
            assert asked != check[2]
            run(sys.executable, "-c", asked)
        assert subprocess.run([sys.executable, "-c", asked], stderr=subprocess.DEVNULL, check=False, timeout=60).returncode

    @pytest.mark.parametrize("path", [DEPLOY / "Containerfile", ROOT / "docs/deploy.md"], ids=lambda path: path.name)
    def test_podman_keeps_the_health_check(self, path: Path) -> None:
        """https://docs.podman.io/en/latest/markdown/podman-build.1.html: images in OCI's own format have none"""
        builds = re.findall(r"podman build .*", path.read_text())
        assert builds
        assert all("--format docker" in build for build in builds)

    def test_what_it_leaves_out_is_what_git_ignores(self) -> None:
        left_out, ignored = (patterns(ROOT / name) for name in (".dockerignore", ".gitignore"))
        assert len(left_out) > 5
        assert left_out - {".git", "viewer/node_modules"} <= ignored
        assert "node_modules" in ignored


class TestUnit:
    lines = tuple(line for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#"))

    def test_systemd_reads_it(self, tmp_path: Path) -> None:
        tool = program("systemd-analyze", "systemd")
        unit = tmp_path / UNIT.name
        unit.write_text(UNIT.read_text().replace("/opt/tiled-zarr/bin/tiled-zarr", sys.executable))
        assert run(tool, "verify", "--man=no", unit) == ""

    def test_it_is_as_closed_as_it_says(self) -> None:
        tool = program("systemd-analyze", "systemd")
        run(tool, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", UNIT)

    def test_its_command_starts_the_server(self, tmp_path: Path) -> None:
        (command,) = (line.partition("=")[2] for line in self.lines if line.startswith("ExecStart="))
        name, serve, *words, path = shlex.split(command)
        settings = tmp_path / Path(path).name
        settings.write_text("trees:\n  - demo: true\n")
        assert (Path(name).name, serve) == ("tiled-zarr", "serve")
        with live(*words, str(settings)) as server:
            urllib.request.urlopen(f"{server.url}/readyz", timeout=10).close()

    def test_it_starts_again_where_that_helps(self) -> None:
        """docs/deploy.md has the exit codes: 1 and 2 are mistakes of the operator's."""
        assert "RestartPreventExitStatus=1 2" in self.lines


class TestPrometheus:
    def test_it_reads_its_configuration_and_the_alerts(self) -> None:
        tool = program("promtool", "prometheus")
        run(tool, "check", "config", "--syntax-only", DEPLOY / "prometheus.yml")
        run(tool, "check", "rules", DEPLOY / "alerts.yml")

    def test_it_finds_no_fault_with_our_metrics(self, server: Live) -> None:
        text = urllib.request.urlopen(f"{server.url}/metrics", timeout=10).read().decode()
        assert run(program("promtool", "prometheus"), "check", "metrics", input=text) == ""

    def test_the_alerts_ask_for_metrics_that_there_are(self, server: Live) -> None:
        text = urllib.request.urlopen(f"{server.url}/metrics", timeout=10).read().decode()
        asked = set(METRIC.findall((DEPLOY / "alerts.yml").read_text()))
        assert asked
        assert asked <= set(METRIC.findall(text))
        for label in ('pool="sources",state="stuck"', 'part="queue"'):
            assert label in text


class TestCompose:
    compose: ClassVar[Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    servers: ClassVar[Any] = {name: service for name, service in compose["services"].items() if name.startswith("server-")}

    def test_what_it_mounts_and_builds_is_there(self) -> None:
        named = [mount.partition(":")[0] for service in self.compose["services"].values() for mount in service.get("volumes", ())]
        assert [name for name in named if name.startswith("./") and not (DEPLOY / name).is_file()] == []
        build = self.servers["server-1"]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Containerfile")

    def test_servers_have_no_rights_and_a_key(self) -> None:
        for service in self.servers.values():
            assert (service["read_only"], service["cap_drop"], service["secrets"]) == (True, ["ALL"], ["key"])
            assert all(mount.endswith(":ro") for mount in service["volumes"])

    def test_its_command_starts_a_server_with_these_settings(self, tmp_path: Path) -> None:
        """With the paths and the Redis of this machine; without one chunks are made without it."""
        config, path = self.servers["server-1"]["command"]
        assert f"./server.yml:{path}:ro" in self.servers["server-1"]["volumes"]
        settings, key = tmp_path / "server.yml", tmp_path / "key"
        settings.write_text(
            (DEPLOY / "server.yml").read_text().replace("/data", str(tmp_path)).replace("redis:6379", f"127.0.0.1:{free_port()}")
        )
        key.write_text("secret\n")
        np.save(tmp_path / "x.npy", np.arange(3))
        names = dict.fromkeys(self.servers["server-1"]["environment"], str(key))
        assert list(names) == ["TILED_ZARR_API_KEY_FILE"]
        with live(config, str(settings), env=names) as server:
            assert urllib.request.urlopen(f"{server.url}/k/secret/zarr/v3/x/c/0", timeout=20).status == 200
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(f"{server.url}/zarr/v3/x/c/0", timeout=20)

    def test_prometheus_asks_all_servers_with_the_key(self) -> None:
        (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
        assert [target.partition(":")[0] for target in job["static_configs"][0]["targets"]] == list(self.servers)
        assert job["authorization"]["credentials_file"] == "/run/secrets/key"
        assert self.compose["services"]["prometheus"]["secrets"] == ["key"]

    def test_nginx_has_the_documented_configuration_for_these_servers(self) -> None:
        _, _, found = (DEPLOY / "nginx.conf").read_text().partition("\n")
        upstream = nginx.replaced(nginx.several_documented(), nginx.SERVERS, "".join(f"    server {name}:8000;\n" for name in self.servers))
        assert found == nginx.replaced(nginx.documented(), nginx.UPSTREAM, upstream)
