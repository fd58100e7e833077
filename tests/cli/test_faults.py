"""Faults of the server's processes under each of the three servers, and what the server does."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

import live
from live import Live

from .conftest import PATIENCE, SERVERS, Readers, Workers, gone, until

pytestmark = pytest.mark.slow

ON_ALL = pytest.mark.parametrize("server", SERVERS)
ON_ONE = pytest.mark.parametrize("server", ["hypercorn"])
"""For what does not depend on the server."""
TAG = "/zarr/v3/in/x/c/0"


def address(running: Live) -> str:
    return running.url.removeprefix("http://")


@ON_ALL
def test_a_killed_worker_comes_back(workers: Workers, server: str) -> None:
    with workers.serving(server) as running, Readers(address(running), "/zarr/v3/tree/pid/c") as readers:
        [victim, other] = running.workers()
        os.kill(victim, signal.SIGKILL)
        until(lambda: gone(victim))
        died = time.monotonic()
        until(lambda: len(running.workers()) == 2 and victim not in running.workers())
        until(lambda: set(running.workers()) == asked(running))
        readers.read_more()
        assert other in running.workers()
        assert [failure for failure in readers.failures if failure[0] > died] == []
        assert len(readers.failures) <= len(readers.threads)
        assert f"worker {victim}: was killed by SIGKILL; another starts" in running.printed()


def asked(running: Live) -> set[int]:
    """The workers that answer some of many connections."""
    import numpy as np

    bodies = (httpx.get(f"{running.url}/zarr/v3/tree/pid/c").content for _ in range(40))
    return {int(np.frombuffer(body)[0]) for body in bodies}


@ON_ALL
def test_the_only_worker_comes_back(workers: Workers, server: str) -> None:
    with workers.serving(server, workers=1) as running:
        before = httpx.get(running.url + TAG).headers["etag"]
        [victim] = running.workers()
        os.kill(victim, signal.SIGKILL)
        assert httpx.get(running.url + "/healthz", timeout=PATIENCE).status_code == 200
        assert httpx.get(running.url + TAG).headers["etag"] != before, "what was in memory may have been another"
        assert victim not in running.workers()


@ON_ALL
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_what_is_in_flight_is_finished(workers: Workers, server: str, how: signal.Signals) -> None:
    with workers.serving(server) as running, ExitStack() as stack:
        idle, *clients = [stack.enter_context(closing(HTTPConnection(address(running), timeout=PATIENCE))) for _ in range(5)]
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        for i, client in enumerate(clients):
            client.request("GET", f"/zarr/v3/tree/slow/c/{i}")
        workers.wait_for_reads(4)
        os.killpg(running.pid, how) if how is signal.SIGINT else os.kill(running.pid, how)
        assert [client.getresponse().status for client in clients] == [200] * 4
        assert running.exit_code(PATIENCE) == 0
        assert "Traceback" not in running.printed()
        assert "tiled-zarr[" not in running.printed()
        with pytest.raises(httpx.ConnectError):
            httpx.get(running.url)


@ON_ALL
@pytest.mark.parametrize("source", ["hung", "frozen"])
def test_a_hung_source_does_not_hold_the_end_up(workers: Workers, server: str, source: str) -> None:
    """`frozen` holds Python's lock, so that its worker cannot end by itself."""
    with workers.serving(server, shutdown_timeout=0.5) as running, ExitStack() as stack:
        client = stack.enter_context(closing(HTTPConnection(address(running), timeout=PATIENCE)))
        client.request("GET", f"/zarr/v3/tree/{source}/c/0")
        workers.wait_for_reads(1)
        began = time.monotonic()
        os.kill(running.pid, signal.SIGTERM)
        assert running.exit_code(PATIENCE) == 4
        assert time.monotonic() - began < PATIENCE / 2
        assert "did not answer all its requests in time" in running.printed()


@ON_ALL
def test_a_second_signal_ends_at_once(workers: Workers, server: str) -> None:
    with workers.serving(server, shutdown_timeout=1000) as running, ExitStack() as stack:
        children = running.workers()
        client = stack.enter_context(closing(HTTPConnection(address(running), timeout=PATIENCE)))
        client.request("GET", "/zarr/v3/tree/hung/c/0")
        workers.wait_for_reads(1)
        os.kill(running.pid, signal.SIGTERM)
        until(lambda: len(running.workers()) == 1)
        os.kill(running.pid, signal.SIGTERM)
        assert running.exit_code(PATIENCE) == 5
        assert all(gone(pid) for pid in children)


@ON_ALL
def test_settings_are_reloaded_without_a_refused_request(workers: Workers, server: str) -> None:
    with workers.serving(server, request_timeout=2) as running:
        before, tag = running.workers(), httpx.get(running.url + TAG).headers["etag"]
        assert httpx.get(f"{running.url}/zarr/v3/in/y/c/0").status_code == 404
        with Readers(address(running), "/zarr/v3/tree/pid/c", count=6) as readers:
            for name in ("other", "values", "other"):
                workers.configure(name)
                lines = running.printed().count("serve with the new settings")
                os.kill(running.pid, signal.SIGHUP)
                until(lambda lines=lines: running.printed().count("serve with the new settings") > lines)
                readers.read_more()
            until(lambda: len(running.workers()) == 2)
            readers.read_more()
        assert readers.failures == []
        assert not set(before) & set(running.workers())
        assert httpx.get(f"{running.url}/zarr/v3/in/y/c/0").status_code == 200
        tags = {httpx.get(running.url + TAG).headers["etag"] for _ in range(20)}
        assert len(tags) == 1, "workers agree"
        assert tag not in tags


@ON_ONE
@pytest.mark.parametrize(
    ("config", "reason"),
    [("cache_size: much\n", "expected a size"), ("trees: [{pyobject: 'nothing:nothing'}]\n", "there is no module 'nothing'")],
    ids=["settings", "tree"],
)
def test_a_broken_configuration_leaves_the_workers_as_they_are(workers: Workers, server: str, config: str, reason: str) -> None:
    with workers.serving(server) as running:
        before, tag = running.workers(), httpx.get(running.url + TAG).headers["etag"]
        workers.config.write_text(config)
        os.kill(running.pid, signal.SIGHUP)
        until(lambda: "the workers keep the old settings" in running.printed())
        assert reason in running.printed()
        until(lambda: running.workers() == before)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(running.workers()) == 2 and running.workers() != before)
        until(lambda: set(running.workers()) == asked(running))
        assert {httpx.get(running.url + TAG).headers["etag"] for _ in range(20)} == {tag}, "a new worker has the old settings too"


@ON_ALL
def test_nothing_outlives_a_killed_supervisor(workers: Workers, server: str) -> None:
    with workers.serving(server) as running:
        children = running.workers()
        os.kill(running.pid, signal.SIGKILL)
        assert running.exit_code(PATIENCE) == -signal.SIGKILL
        until(lambda: all(gone(pid) for pid in children))
        port = int(running.url.rpartition(":")[2])
        command = live.cli_command(("demo",), server, 1, port)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=live.environment(None)) as again:
            assert again.stdout is not None
            assert any(b"serves demo" in line for line in again.stdout), "the port is free"
            again.terminate()


@ON_ALL
@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("raise ValueError('no such sample')\n", "no such sample"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", r"worker [0-9]+ was killed by SIGKILL before it could serve"),
        ("import sys\nsys.exit(7)\n", r"SystemExit: 7"),
    ],
    ids=["raises", "killed", "exits"],
)
def test_a_tree_that_cannot_be_made_ends_the_start(workers: Workers, server: str, tree: str, message: str) -> None:
    (workers.folder / "served_by_workers.py").write_text(tree)
    command = live.cli_command(("config", workers.config), server, 2, live.free_port())
    env = live.environment(workers.environment())
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=env, check=False)
    assert run.returncode == 1
    assert re.search(message, run.stderr)
    assert "Error: " in run.stderr
    assert run.stdout == ""


@ON_ONE
@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)], ids=["stdin", "all"])
def test_it_serves_without_standard_streams(server: str, closed: tuple[int, ...]) -> None:
    port = live.free_port()
    command = live.cli_command(("demo",), server, 1, port)
    redirections = " ".join(f"{descriptor}>&-" for descriptor in closed)
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", *command], env=live.environment(None), start_new_session=True
    )
    try:
        until(lambda: answers(port))
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


@ON_ONE
def test_a_closed_terminal_is_no_reload(server: str) -> None:
    port = live.free_port()
    command = live.cli_command(("demo",), server, 1, port)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, live.environment(None))
    until(lambda: answers(port))
    os.close(terminal)
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert not answers(port)


@ON_ONE
def test_process_1_reaps_orphans(workers: Workers, server: str) -> None:
    """As in a container, where the supervisor inherits whatever loses its parent."""
    namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("process namespaces are not allowed here")
    tree = workers.folder / "served_by_workers.py"
    tree.write_text(tree.read_text() + "import subprocess\nsubprocess.run(['sh', '-c', 'sleep 0.1 & true'])\n")
    port = live.free_port()
    command = [*namespace, *live.cli_command(("config", workers.config), server, 1, port)]
    process = subprocess.Popen(command, env=live.environment(workers.environment()), start_new_session=True)
    try:
        until(lambda: answers(port))
        [first] = children(process.pid)
        until(lambda: [gone(pid) for pid in children(first)] == [False])
        os.kill(first, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()


def children(pid: int) -> list[int]:
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


assert sys.platform == "linux", "these tests read /proc"
