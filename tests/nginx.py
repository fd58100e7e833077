"""nginx with the configuration of docs/deploy.md, in front of running servers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from live import HOST, Live, free_port

DOCUMENT = Path(__file__).parents[1] / "docs" / "deploy.md"
CONFIGURATION = re.compile(r"^```nginx\n(proxy_cache_path.*?)^```$", re.MULTILINE | re.DOTALL)
UPSTREAM = re.compile(r"^upstream tiled_zarr \{.*?^\}\n", re.MULTILINE | re.DOTALL)
SEVERAL = re.compile(r"^```nginx\n(upstream tiled_zarr \{\n    hash .*?)^```$", re.MULTILINE | re.DOTALL)
SERVERS = re.compile(r"(^    server .*\n)+", re.MULTILINE)
ENCRYPTED = re.compile(r"^```nginx\n(    listen 443 ssl .*?)^```$", re.MULTILINE | re.DOTALL)
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
ANY_CERTIFICATE = ssl._create_unverified_context()


class Proxy:
    """nginx at a base URL that can be stopped and started again; `behind` is that of a server."""

    def __init__(self, program: str, folder: Path, port: int, behind: str, scheme: str = "http") -> None:
        self.url = f"{scheme}://{HOST}:{port}"
        self.behind = behind
        self._log = folder / "error.log"
        self._command = [program, "-c", folder / "nginx.conf", "-p", folder, "-e", self._log]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until a server behind it answers."""
        self._process = subprocess.Popen(self._command, start_new_session=True)
        wait(self._process, f"{self.url}/healthz", self._log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End nginx, and its workers, which would go on without their master."""
        if self._process is not None:
            os.killpg(self._process.pid, how)
            self._process.wait(STOP_SECONDS)
            self._process = None


@contextmanager
def nginx(*servers: Live, is_spread: bool = True, is_cached: bool = True, is_encrypted: bool = False) -> Iterator[Proxy]:
    """Start nginx in front of servers, and stop it at the end.

    Several get requests by their paths, or in turns if they are not to be spread so. Without nginx,
    skips the test, or fails it if CI is set.
    """
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("NOT TESTED: nginx is not installed: apt-get install nginx-light")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        ports = [urlsplit(server.url).port or 80 for server in servers]
        text = configuration(folder, port, ports, is_spread=is_spread, is_cached=is_cached)
        if is_encrypted:
            text = text.replace(f"listen {HOST}:{port};", encrypted(folder, port))
        (folder / "nginx.conf").write_text(text)
        proxy = Proxy(program, folder, port, servers[0].url, "https" if is_encrypted else "http")
        try:
            proxy.start()
            yield proxy
        finally:
            proxy.stop()


def configuration(folder: Path, port: int, behind: Sequence[int], *, is_spread: bool = True, is_cached: bool = True) -> str:
    """The documented configuration, with other ports and folders, and nothing else changed.

    For the comparison of bench/scale.py, it may be without the method that spreads requests, or
    without the cache.
    """
    text = documented()
    if len(behind) > 1:
        text = replaced(text, UPSTREAM, several(behind, is_spread=is_spread))
    for old, new in {
        "/var/cache/nginx/tiled-zarr": f"{folder}/cache",
        **({} if len(behind) > 1 else {"127.0.0.1:8000": f"{HOST}:{behind[0]}"}),
        "listen 80;": f"listen {HOST}:{port};",
        "127.0.0.1:8081": f"{HOST}:{free_port()}",
        **({} if is_cached else {"proxy_cache $tiled_zarr_cache;": ""}),
    }.items():
        assert old in text
        text = text.replace(old, new)
    user = "root" if os.getuid() == 0 else "nobody"
    return MAIN.format(folder=folder, documented=text, user=user)


def encrypted(folder: Path, port: int) -> str:
    """The documented lines for TLS and HTTP/2, with a certificate that is made for them."""
    found = ENCRYPTED.search(DOCUMENT.read_text())
    assert found is not None
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    lines = found[1].replace("listen 443", f"listen {HOST}:{port}")
    return re.sub(r"/etc/ssl/\S+\.key", str(key), re.sub(r"/etc/ssl/\S+\.pem", str(certificate), lines))


def documented() -> str:
    """The documented configuration for one server."""
    found = CONFIGURATION.search(DOCUMENT.read_text())
    assert found is not None
    return found[1]


def several_documented() -> str:
    """The documented upstream of several servers."""
    found = SEVERAL.search(DOCUMENT.read_text())
    assert found is not None
    return found[1]


def several(behind: Sequence[int], *, is_spread: bool) -> str:
    """The documented upstream of several servers."""
    found = several_documented()
    upstream = found if is_spread else replaced(found, re.compile(r"^    hash .*\n", re.MULTILINE), "")
    return replaced(upstream, SERVERS, "".join(f"    server {HOST}:{one};\n" for one in behind))


def replaced(text: str, pattern: re.Pattern[str], new: str) -> str:
    """The text with the one part that a pattern finds replaced."""
    made, count = pattern.subn(lambda _: new, text)
    assert count == 1, pattern
    return made


def wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5, context=ANY_CERTIFICATE).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
