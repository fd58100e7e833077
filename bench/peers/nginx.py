"""nginx over the stored array: one worker that sends files with `sendfile`."""

from __future__ import annotations

import shutil
from pathlib import Path

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=10000;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


def command(root: Path, folder: Path, port: int) -> list[str]:
    """The command that starts nginx over the files in `root`.

    Its configuration and temporary files go into `folder`.
    """
    path = folder / f"nginx-{port}.conf"
    path.write_text(CONFIGURATION.format(folder=folder, port=port, root=root))
    return [executable(), "-c", str(path), "-e", "stderr"]


def executable() -> str:
    """The path of nginx, which on Debian is not in the PATH of users.

    Raises FileNotFoundError if it is not installed.
    """
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin")
    if found is None:
        raise FileNotFoundError("nginx is not installed: apt-get install nginx-light")
    return found
