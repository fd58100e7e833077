"""The commands and their options.

Each option becomes a setting in the environment, which worker processes inherit.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import click

from ..revisions import launch_nonce, relaunch
from ..settings import PREFIX, TREES, Settings, SettingsError, from_environment
from . import servers
from .processes import Run
from .servers import Limits
from .supervisor import CannotStart, Crew, Supervisor
from .worker import Work, application

EXAMPLES = """\b
Examples:
  tiled-zarr serve demo
  tiled-zarr serve directory measurements --public
  tiled-zarr serve pyobject tiled.examples.generated:tree --api-key secret
  tiled-zarr serve config server.yml --workers 4 --host 0.0.0.0
"""

OPTIONS = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all addresses of this machine."),
    click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0 finds a free one."),
    click.option("--api-key", help="Key for reading the data; private data without one get a random key. Others see it in `ps`."),
    click.option("--api-key-file", type=click.Path(exists=True, dir_okay=False), help="File with the key, which `ps` does not show."),
    click.option("--public", is_flag=True, help="Let anyone read, without a key."),
    click.option("--allow-origins", help="Web pages that may read: comma-separated origins, or *."),
    click.option("--allowed-hosts", help="Names, besides this machine's, that a proxy in front may send: comma-separated hosts, or *."),
    click.option("--codec", help="Codec of the chunks: blosc:lz4:5, zstd:3, none, ...; by default the one they are stored in."),
    click.option(
        "--memory", help="Memory for all pools of all workers, like 4GiB; left out, two thirds of what there is, at most 2.5 GiB each."
    ),
    click.option("--cache-size", help="Memory for encoded chunks, such as 512MB; 0 keeps none."),
    click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Number of worker processes."),
    click.option("--server", default="hypercorn", show_default=True, type=click.Choice([*servers.NAMES]), help="HTTP server to use."),
)


KEYS = frozenset({"API_KEY", "API_KEY_FILE"})
"""The variables, without prefix, that say which key to use: an option for one replaces both."""


def common(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all ways of serving share to a command."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(OPTIONS), command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tiled-zarr")
def main() -> None:
    """Serve any tree of scientific data as Zarr v2 and v3 over HTTP."""


@main.group(epilog=EXAMPLES)
def serve() -> None:
    """Serve a tree. Options take precedence over the TILED_ZARR_* variables of the environment."""


@serve.command()
@common
def demo(**options: Any) -> None:
    """Serve a demo tree with arrays, images and tables of every kind."""
    start({}, **options)


@serve.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False))
@common
def directory(path: str, **options: Any) -> None:
    """Serve the files in the folder PATH and below it."""
    start({"DIRECTORY": path}, **options)


@serve.command()
@click.argument("spelling", metavar="MODULE:NAME")
@common
def pyobject(spelling: str, **options: Any) -> None:
    """Serve the Python object MODULE:NAME; a callable is called, and its result is served.

    MODULE is looked up in the current folder too.
    """
    start({"TREE": spelling}, **options)


@serve.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False))
@common
def config(path: str, **options: Any) -> None:
    """Serve what the YAML file PATH describes."""
    start({"CONFIG": path}, **options)


def start(tree: Mapping[str, str], *, host: str, port: int, workers: int, server: str, **options: Any) -> None:
    """Put the options into the environment, print the addresses, and serve until the server ends.

    Raises ClickException if the server cannot start, and SystemExit with the exit code otherwise.
    """
    chosen = {name.upper(): "1" if value is True else value for name, value in options.items() if value}
    for name in (*TREES, *(KEYS if KEYS & chosen.keys() else ())):
        os.environ.pop(PREFIX + name, None)
    os.environ.update({PREFIX + name: value for name, value in {**tree, **chosen}.items()})
    try:
        servers.require(server)
        with servers.listen(host, port) as listener:
            launch = Launch(server, listener, workers, host)
            address = listener.getsockname()[1]
            code = supervise(launch.crew, workers, listener, lambda: announce(launch.settings, host, address))
    except (servers.CannotServe, CannotStart) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


def supervise(make: Callable[[], Crew], workers: int, listener: socket.socket, on_start: Callable[[], None]) -> int:
    """Keep `workers` processes running until the server ends; return the exit code."""
    return Supervisor(make, workers, listener, say).run(on_start)


def say(text: str) -> None:
    """Write one line to standard error; ignore an error if it is closed."""
    with suppress(OSError):
        click.echo(f"tiled-zarr: {text}", err=True)


class Launch:
    """Reads the settings at the start and at each reload.

    The server's name, the listening socket and the random key are the same for all reloads.
    """

    def __init__(self, server: str, listener: socket.socket, workers: int, host: str) -> None:
        self.workers = workers
        self.host = host
        self.server = server
        self.listener = listener
        self.settings = Settings()
        self.key = secrets.token_hex(32)
        self.is_first = True

    def crew(self) -> Crew:
        """A crew of workers for the settings as they are now.

        Raises CannotStart if they are wrong.
        """
        try:
            settings = with_host(with_key(from_environment().decided(), self.key), self.host)
        except SettingsError as error:
            raise CannotStart(str(error)) from error
        self.settings = settings
        return Crew(self.worker(settings), seconds=settings.shutdown_timeout, handover=settings.request_timeout)

    def worker(self, settings: Settings) -> Callable[[bool], Run]:
        """A function that returns what a new worker runs.

        Its argument says whether other workers of the crew are alive. Workers that are alive at the
        same time share the revision of data in memory; a worker that starts after all others have
        ended gets a new revision. The setting `instance`, if it is given, is that revision.
        """
        nonce: str | None = None

        def start(has_fellows: bool) -> Run:
            nonlocal nonce
            nonce = settings.instance or (launch_nonce() if self.is_first else relaunch(nonce if has_fellows else None))
            make = functools.partial(application, settings, self.workers, is_shown=self.is_first)
            self.is_first = False
            limits = Limits(connections=settings.connections, request_timeout=settings.request_timeout)
            work = Work(make=make, server=self.server, listener=self.listener, limits=limits, shutdown_timeout=settings.shutdown_timeout)
            return work.run

        return start


def with_key(settings: Settings, key: str) -> Settings:
    """The settings, with `key` as the API key if the data are private and have none."""
    return settings if settings.public or settings.api_key else dataclasses.replace(settings, api_key=key)


def with_host(settings: Settings, host: str) -> Settings:
    """The settings, with the host that we listen on among the names that we answer to."""
    return dataclasses.replace(settings, allowed_hosts=(*settings.allowed_hosts, in_address(host)))


def in_address(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def announce(settings: Settings, host: str, port: int) -> None:
    """Print the addresses. The API key is in each of them, in the path, where every client keeps it."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, in_address(host))  # noqa: S104 - compared, not listened on
    base = f"http://{name}:{port}" + (f"/k/{quote(settings.api_key)}" if settings.api_key else "")
    click.echo(f"tiled-zarr serves {' and '.join(described(settings))}\n")
    for label, path in (("browse", "/"), ("Zarr v2", "/zarr/v2/"), ("Zarr v3", "/zarr/v3/")):
        click.echo(f"    {label:8} {base}{path}")
    click.echo("\nAnyone can read the data." if settings.public else "\nAnyone with one of these links can read the data.")


def described(settings: Settings) -> list[str]:
    """The sources of the trees in words, one text for each tree."""
    return [f"{mount.source} {mount.target}".rstrip() + (f" at /{mount.path}" if mount.path else "") for mount in settings.trees]
