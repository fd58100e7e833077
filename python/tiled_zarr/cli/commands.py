"""The commands of `tiled-zarr`, and the start of the server."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import click

from .. import logs, sums
from ..revisions import launch_nonce, relaunch
from ..settings import Settings, SettingsError, arguments, from_environment
from . import addresses, servers, versions
from .anything import ANYTHING, Anything, Words
from .baking import bake
from .look import info, ls
from .options import common, files, given, of_catalog, of_files
from .processes import Run
from .servers import Limits
from .supervisor import CannotStart, Crew, Supervisor
from .worker import Work, application

log = logging.getLogger("tiled_zarr")

FIXED = ("host", "port", "workers", "server")
"""Settings that a reload leaves as they were at the start."""
"""User and password in the address of a database, which are not shown."""
EXAMPLES = """\b
Examples:
  tiled-zarr serve demo
  tiled-zarr serve image.ome.tif
  tiled-zarr serve measurements --public
  tiled-zarr serve 'run1/*.h5' calibration.npy --open
  tiled-zarr serve module:name --port 9000
  tiled-zarr serve s3://bucket/survey/ https://example.org/run.tif
  tiled-zarr serve https://tiled.example
  tiled-zarr serve sqlite:///catalog.db --read /data/runs
  tiled-zarr serve server.yml --workers 4 --host 0.0.0.0

\b
Every setting in docs/settings.md is also an option: max_age is --max-age.
bash completes words after: eval "$(_TILED_ZARR_COMPLETE=bash_source tiled-zarr)"
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=versions.show, help="Show the versions and exit.")
def main() -> None:
    """Serve any tree of scientific data as Zarr v2 and v3 over HTTP."""


@main.group(cls=Anything, epilog=EXAMPLES)
def serve() -> None:
    """Serve ANYTHING as Zarr.

    It may be files, folders, patterns such as '*.tif', objects in stores (s3://, gs://, az://,
    https://), Python objects MODULE:NAME, a catalog, a Tiled server, or a configuration (.yml). One
    thing is the root, or its only child; several are children by their names. If the first word is
    one of the commands below, it is that command: a folder that is called demo is ./demo.

    Options take precedence over the TILED_ZARR_* variables of the environment.
    """


@serve.command(ANYTHING, cls=Words)
@click.argument("words", metavar="ANYTHING...", nargs=-1, required=True, type=click.Path())
@of_files
@of_catalog
@common
def anything(words: tuple[str, ...], read: tuple[str, ...], **options: Any) -> None:
    """Serve ANYTHING: files, folders, patterns, MODULE:NAME, addresses, a configuration, or demo."""
    start({"ANYTHING": arguments.SEPARATOR.join(words), "READ": "\n".join(read), **files(options)}, **options)


@serve.command()
@common
def demo(**options: Any) -> None:
    """Serve a demo tree with arrays, images and tables of every kind."""
    start({}, **options)


@serve.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False))
@of_files
@common
def directory(path: str, **options: Any) -> None:
    """Serve the files in the folder PATH and below it."""
    start({"DIRECTORY": path, **files(options)}, **options)


@serve.command()
@click.argument("spelling", metavar="MODULE:NAME")
@common
def pyobject(spelling: str, **options: Any) -> None:
    """Serve the Python object MODULE:NAME; a callable is called, and its result is served.

    MODULE is looked up in the current folder too.
    """
    start({"TREE": spelling}, **options)


@serve.command()
@click.argument("url")
@common
def tiled(url: str, **options: Any) -> None:
    """Serve what the Tiled server at URL shows, or a container in it, reading over its HTTP API.

    Callers show Tiled their own credentials, unless --tiled-key is given.
    """
    start({"TILED": url}, **options)


@serve.command()
@click.argument("uri")
@of_catalog
@common
def catalog(uri: str, read: tuple[str, ...], **options: Any) -> None:
    """Serve the catalog of Tiled's in the database URI, sqlite:///PATH or postgresql://USER@HOST/NAME.

    Nothing is written to it.
    """
    start({"CATALOG": uri, "READ": "\n".join(read)}, **options)


@serve.command()
@click.argument("path", type=click.Path(exists=True), envvar="TILED_CONFIG")
@common
def config(path: str, **options: Any) -> None:
    """Serve what the YAML file PATH describes.

    PATH may also be a configuration of Tiled's server, a file or a folder of files: then the whole
    server runs, with the same users and policies, and tiled-zarr answers /zarr, /ome-zarr and /view.
    Without PATH it is the one that Tiled's variable TILED_CONFIG names.
    """
    start({"CONFIG": path}, **options)


main.add_command(bake)
main.add_command(ls)
main.add_command(info)


def start(tree: Mapping[str, str], **typed: Any) -> None:
    """Serve a tree with the options that were typed, until the server ends; print the addresses.

    With `open`, shows the first page in a browser. Raises ClickException if the server cannot start,
    and SystemExit with the exit code otherwise.
    """
    is_shown = typed.pop("open", False)
    read = functools.partial(from_environment, os.environ, given(typed), tree)
    try:
        settings = read()
        if settings.tiled is not None:
            settings.tiled.require_listening()
        logs.begin(settings.log_level, settings.log_format)
        servers.require(settings.server)
        with listening(settings) as listener:
            launch = Launch(read, settings, listener)
            port = listener.getsockname()[1]

            def on_start() -> None:
                announce(launch.settings, settings.host, port)
                if is_shown:
                    click.launch(first_page(launch.settings, settings.host, port))

            code = supervise(launch.crew, settings.workers, listener, on_start)
    except (servers.CannotServe, SettingsError, CannotStart) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


def listening(settings: Settings) -> socket.socket:
    """A listening socket; the next free port after the default one, if that is in use.

    Raises CannotServe if it cannot listen there.
    """
    spelling = settings.spellings.get("port")
    if spelling is not None:
        return servers.listen(settings.host, settings.port, spelling)
    listener = servers.listen_near(settings.host, settings.port)
    port = listener.getsockname()[1]
    if port != settings.port:
        click.echo(f"Port {settings.port} is in use: this server listens on {port}. Choose one with --port.")
    return listener


def supervise(make: Callable[[], Crew], workers: int, listener: socket.socket, on_start: Callable[[], None]) -> int:
    """Keep `workers` processes running until the server ends; return the exit code."""
    with sums.shared(workers):
        return Supervisor(make, workers, listener, say).run(on_start)


def say(text: str) -> None:
    """Log what happens to workers; ignore an error if standard error is closed."""
    with suppress(OSError):
        log.warning("%s", text)


class Launch:
    """Reads the settings at the start and at each reload.

    The server's name, the listening socket, the number of workers and the random key are the same
    for all reloads.
    """

    def __init__(self, read: Callable[[], Settings], settings: Settings, listener: socket.socket) -> None:
        self.read = read
        self.first = settings
        self.settings = settings
        self.listener = listener
        self.key = secrets.token_hex(32)
        self.is_first = True

    def crew(self) -> Crew:
        """A crew of workers for the settings as they are now.

        Raises CannotStart if they are wrong.
        """
        try:
            settings = with_host(with_key(self.read().decided(), self.key), self.first.host)
        except SettingsError as error:
            raise CannotStart(str(error)) from error
        for name in FIXED:
            if getattr(settings, name) != getattr(self.first, name):
                say(f"{settings.spelling(name)}: the server keeps {name} {getattr(self.first, name)} until it is started again")
        self.settings = settings
        logs.begin(settings.log_level, settings.log_format)
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
            make = functools.partial(application, settings, self.first.workers, is_shown=self.is_first)
            self.is_first = False
            limits = Limits(connections=settings.connections, request_timeout=settings.request_timeout)
            work = Work(
                make=make, server=self.first.server, listener=self.listener, limits=limits, shutdown_timeout=settings.shutdown_timeout
            )
            return work.run

        return start


def with_key(settings: Settings, key: str) -> Settings:
    """The settings, with `key` as the API key if the data are private and have none."""
    if settings.tiled is not None:
        return dataclasses.replace(settings, tiled=settings.tiled.sharing(key))
    return settings if settings.public or settings.api_key or settings.asks_tiled else dataclasses.replace(settings, api_key=key)


def with_host(settings: Settings, host: str) -> Settings:
    """The settings, with the host that we listen on among the names that we answer to."""
    return dataclasses.replace(settings, allowed_hosts=(*settings.allowed_hosts, addresses.in_address(host)))


def announce(settings: Settings, host: str, port: int) -> None:
    """Print the addresses. Each has the API key in its path, where every client keeps it."""
    tiled, key = settings.tiled, key_of(settings)
    server = f"http://{addresses.local(host)}:{port}"
    click.echo(f"tiled-zarr serves {' and '.join(described(settings))}\n")
    if tiled is not None:
        click.echo(f"    {'Tiled':8} {server}{f'?api_key={quote(key)}' if key else '/'}")
    base = server + in_path(key)
    for label, path in (("browse", "/" if tiled is None else "/view/"), ("Zarr v2", "/zarr/v2/"), ("Zarr v3", "/zarr/v3/")):
        click.echo(f"    {label:8} {base}{path}")
    network = addresses.network(host)
    if network is not None:
        click.echo(f"    {'network':8} http://{network}:{port}{in_path(key)}{'/' if tiled is None else '/view/'}")
    click.echo(f"\n{readers(settings)}")


def first_page(settings: Settings, host: str, port: int) -> str:
    """The address of the page to open in a browser."""
    path = "/" if settings.tiled is None else "/view/"
    return f"http://{addresses.local(host)}:{port}{in_path(key_of(settings))}{path}"


def key_of(settings: Settings) -> str | None:
    """The key that the printed addresses hold, if any."""
    return settings.api_key if settings.tiled is None else settings.tiled.key_of(settings.api_key)


def in_path(key: str | None) -> str:
    """A key as the beginning of a path; nothing without a key."""
    return f"/k/{quote(key)}" if key else ""


def readers(settings: Settings) -> str:
    """Who can read the data, in a sentence."""
    if settings.asks_tiled:
        return "Send the key or token that you send to Tiled, which decides who can read the data."
    tiled = settings.tiled
    if tiled is None:
        return "Anyone can read the data." if settings.public else "Anyone with one of these links can read the data."
    is_public = settings.public or tiled.is_public
    if tiled.has_users:
        who = "Anyone" if is_public else "Anyone who signs in"
        return f"{who} can, as far as the access policy of the configuration allows it, read the data."
    return "Anyone with one of these links can write and read the data." + (
        " Without the key, anyone can read the data." if is_public else ""
    )


def described(settings: Settings) -> list[str]:
    """The sources of the trees in words, one text for each tree, or the configuration of Tiled's."""
    if settings.tiled is not None:
        return [f"the configuration {settings.tiled.path} of Tiled"]
    return [f"{mount.source} {mount.shown}".rstrip() + (f" at /{mount.path}" if mount.path else "") for mount in settings.trees]
