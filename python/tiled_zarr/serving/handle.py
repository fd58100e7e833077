"""Starts a server in a thread, and the handle by which it is used and stopped."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

from ..adapters.common.single import is_root
from ..assembly import create_app
from ..cli import servers
from ..cli.addresses import in_address, local
from ..cli.servers import Limits
from ..nodes import Array, Group, Node
from ..opening import file_name
from ..opening import open as opened
from ..revisions import launch_nonce
from ..settings import Settings, SettingsError
from ..settings.declarations import nearest, parsed
from ..settings.values import SETTINGS
from ..tree import resources_of, tasks_of
from .background import Background
from .contents import Contents
from .framing import NOTEBOOKS, Framing, allowed
from .pages import page

NOT_HERE = frozenset({"workers", "server", "api_key_file", "tiled_key", "tiled_look", "tiled_keep"})
"""The settings that have no meaning for one server in this process."""
HUB = "JUPYTERHUB_SERVICE_PREFIX"
"""The variable in which JupyterHub says where a user's server is, as a path."""
THROUGH_HUB = "proxy/{port}/"
"""Where jupyter-server-proxy shows a port, below that path."""


def serve(  # noqa: PLR0913 - one function for users
    source: object = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    public: bool = False,
    api_key: str | None = None,
    proxy: str | None = None,
    frame_ancestors: Sequence[str] | None = None,
    **settings: Any,
) -> Handle:
    """Serve anything that `tiled_zarr.open` opens, in a thread of this process, until it is stopped.

    Returns when the server accepts connections. Port 0 finds a free one. Without `public` a reader
    needs the key, a random one unless it is given; the addresses of the handle contain it. A group
    is the root itself; an array or a table is its only child. Without a source there is nothing yet.

    `proxy` is the path at which a proxy in front shows the server, such as "/proxy/{port}/" for
    jupyter-server-proxy; JupyterHub's variable says it if it is left out. `frame_ancestors` are the
    origins whose pages may show ours in a frame; in a notebook these are the ones on this machine,
    else none. Other keywords are settings, as in docs/settings.md.

    Raises what `tiled_zarr.open` raises, SettingsError if a setting is not valid, and OSError if it
    cannot listen there.
    """
    checked = chosen(settings)
    origins = allowed(frame_ancestors if frame_ancestors is not None else NOTEBOOKS if "ipykernel" in sys.modules else ())
    proxy = proxy if proxy is not None else proxied()
    hosts = (*checked.pop("allowed_hosts", ()), in_address(host), *(["*"] if proxy and not public else []))
    key = None if public and not api_key else api_key or secrets.token_hex(32)
    made = Settings(trees=(), host=host, port=port, public=public, api_key=key, allowed_hosts=hosts, **checked)
    resources = resources_of(made)
    try:
        contents = Contents(base(None if source is None else opened(source, resources=resources), source), resources)
        with ExitStack() as undone:
            listener = undone.enter_context(listening(host, port))
            app = create_app(contents.group(), made, tasks_of([source]), resources)
            limits = Limits(connections=made.connections, request_timeout=made.request_timeout)
            background = Background(Framing(app, origins) if origins else app, listener, limits, made.shutdown_timeout)
            background.start()
            undone.pop_all()
    except BaseException:
        resources.close()
        raise
    return Handle(contents, background, host, key=key, proxy=proxy)


def listening(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError that says what to do."""
    try:
        return servers.listen(host, port, "port")
    except servers.CannotServe as error:
        raise OSError(str(error)) from error


class Handle:
    """A server that runs in a thread.

    `handle[name] = source` adds anything that `tiled_zarr.open` opens, and `del handle[name]`
    removes it. As a context manager it stops the server at the end.
    """

    def __init__(self, contents: Contents, background: Background, host: str, *, key: str | None, proxy: str | None) -> None:
        self.contents = contents
        self.background = background
        self.port = background.port
        self.api_key = key
        self._in_path = f"k/{quote(key, safe='')}/" if key else ""
        self._server = f"http://{local(host)}:{self.port}/"
        self._browsed = self._server if proxy is None else f"{proxy.format(port=self.port).rstrip('/')}/"

    @property
    def url(self) -> str:
        """The address for programs, without a slash at its end; it contains the key."""
        return f"{self._server}{self._in_path}".rstrip("/")

    def zarr(self, path: str = "", zarr_format: Literal[2, 3] = 3) -> Any:
        """The group or array at `path`, as zarr-python opens it over HTTP."""
        import zarr

        address = f"{self.url}/zarr/v{zarr_format}/{quote(path.strip('/'))}".rstrip("/")
        return zarr.open(address, mode="r", zarr_format=zarr_format)

    def view(self, path: str = "") -> str:
        """The address at which a browser shows the node at `path`: the viewer if it is an image.

        It is a path on the notebook's own server if a proxy is in front.
        """
        return f"{self._browsed}{self._in_path}view/{quote(path.strip('/'))}"

    def stop(self) -> None:
        """End the server: its port, its threads, its helper processes. May be called again."""
        self.background.stop()

    def __setitem__(self, name: str, source: object) -> None:
        """Add what `tiled_zarr.open` opens, or replace what has this name. Raises as it does."""
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"{name!r} is no name of a child; give a text without slashes")
        self.contents.add(name, opened(source, resources=self.contents.resources))

    def __delitem__(self, name: str) -> None:
        """Remove what was added. Raises KeyError if nothing of this name was."""
        if name not in self.contents.added:
            raise KeyError(f"{name!r} was not added; added are {', '.join(self.contents.added) or 'none'}")
        self.contents.remove(name)

    def __getitem__(self, name: str) -> Node:
        return self.contents[name]

    def __contains__(self, name: object) -> bool:
        return name in self.contents

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"at {self.url}" if self.background.is_running else "stopped"
        return f"<tiled_zarr server {state}>"

    def _repr_html_(self) -> str:
        return page(self.contents.group(), self.view()) if self.background.is_running else "<p>this server has stopped</p>"


def chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, checked. Raises SettingsError if there is no such setting, or a wrong value."""
    known = [name for name in SETTINGS if name not in NOT_HERE]
    for name in settings:
        if name in NOT_HERE:
            raise SettingsError(f"{name}: a server in this process has no such setting; `tiled-zarr serve` has it")
        if name not in known:
            raise SettingsError(f"{name}: there is no such setting{nearest(name, known)}; docs/settings.md lists all of them")
    return {name: parsed(name, SETTINGS[name].parse, value) for name, value in settings.items()}


def base(node: Node | None, source: object) -> Group:
    """The root to begin with: the node if it may be one, else a group of it."""
    if node is not None and is_root(node):
        return node
    return Group({} if node is None else {named(node, source): node}, revision=launch_nonce)


def named(node: Node, source: object) -> str:
    """The name of an only child: the file's without suffix, the object's own, or what it is."""
    if isinstance(source, str | os.PathLike):
        return file_name(os.fspath(source)).split(".")[0] or "file"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name and "/" not in name else "array" if isinstance(node, Array) else "table"


def proxied() -> str | None:
    """Where jupyter-server-proxy shows a port in this notebook of a JupyterHub, None elsewhere."""
    prefix = os.environ.get(HUB)
    return None if prefix is None else f"{prefix.rstrip('/')}/{THROUGH_HUB}"
