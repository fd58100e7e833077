"""nginx with the configuration of docs/deploy.md, in front of a running server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from live import HOST, Live, free_port

DOCUMENT = Path(__file__).parents[1] / "docs" / "deploy.md"
CONFIGURATION = re.compile(r"^```nginx\n(proxy_cache_path.*?)^```$", re.MULTILINE | re.DOTALL)
MAIN = """
daemon off;
user {user};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""
START_SECONDS, STOP_SECONDS = 30, 10


@dataclass(frozen=True)
class Proxy:
    """A running nginx: its base URL, and that of the server behind it."""

    url: str
    behind: str


@contextmanager
def nginx(server: Live) -> Iterator[Proxy]:
    """Start nginx in front of a server, and stop it at the end.

    Without nginx, skips the test, or fails it if CI is set.
    """
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("NOT TESTED: nginx is not installed: apt-get install nginx-light")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(configuration(folder, port, urlsplit(server.url).port or 80))
        process = subprocess.Popen([program, "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"])
        try:
            wait(process, f"http://{HOST}:{port}/healthz", folder / "error.log")
            yield Proxy(f"http://{HOST}:{port}", server.url)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def configuration(folder: Path, port: int, behind: int) -> str:
    """The documented configuration, with other ports and folders, and nothing else changed."""
    found = CONFIGURATION.search(DOCUMENT.read_text())
    assert found is not None
    documented = found[1]
    for old, new in {
        "/var/cache/nginx/tiled-zarr": f"{folder}/cache",
        "127.0.0.1:8000": f"{HOST}:{behind}",
        "listen 80;": f"listen {HOST}:{port};",
        "/run/tiled-zarr-asked.sock": f"{folder}/asked.sock",
    }.items():
        assert old in documented
        documented = documented.replace(old, new)
    user = "root" if os.getuid() == 0 else "nobody"
    return MAIN.format(folder=folder, documented=documented, user=user)


def wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
