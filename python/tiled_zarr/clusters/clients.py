"""Connects to a scheduler of Dask's, or starts one in processes of this machine.

https://distributed.dask.org/en/stable/client.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from ..extras import cure
from ..nodes import Busy

Client: TypeAlias = Any
"""A `distributed.Client`, which is typed in part."""
Future: TypeAlias = Any
"""A `distributed.Future`: a value on a worker, or on its way there."""

CONNECT = 10.0
"""Seconds for a connection to the scheduler, at the start and after it was lost."""
SAME = MappingProxyType({"python": 2, "dask": 2, "distributed": 2})
"""The leading numbers of versions that must be equal here, on the scheduler and on its workers.

Tasks are pickled code: another Python cannot read it, nor another release of Dask its graphs.
"""
MOST_NAMED = 3
"""Machines that one message names, at most."""


class CannotConnect(Busy):
    """The scheduler cannot be used; the text says why and what to do."""


def connected(address: str, seconds: float = CONNECT) -> Client:
    """A client of the scheduler at an address like `tcp://10.0.0.5:8786`.

    It is not made the default of the process. Blocks; raises CannotConnect if nothing answers
    there within `seconds`, or if the versions of Dask or Python differ.
    """
    with imported() as made:
        try:
            client = made(address, timeout=seconds, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise CannotConnect(
                f"no Dask scheduler answers at {address} within {seconds:g} s; start one with `dask scheduler`, "
                "or check the address and the firewall"
            ) from error
    return checked(client)


def started(workers: int) -> Client:
    """A client of a new scheduler in this process, with `workers` processes on this machine.

    They end when the client is closed, and when this process dies. Raises CannotConnect.
    """
    with imported() as made, found_here():
        try:
            client: Client = made(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs="CRITICAL",  # what fails is in the log of the server
                set_as_default=False,
                direct_to_workers=True,
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise CannotConnect(f"cannot start {workers} processes of Dask: {error}") from error
    return client


@contextmanager
def found_here() -> Iterator[None]:
    """A context in which new processes find modules of the current folder, as `module:name` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def share(servers: int) -> int:
    """How many processes each of so many servers on this machine starts: its processors."""
    return max(1, (os.cpu_count() or 1) // servers)


def of_process() -> Client | None:
    """The client that dask uses by default in this thread, None if it uses none."""
    if "distributed" not in sys.modules:
        return None
    owner = getattr(configured(), "__self__", None)
    return owner if hasattr(owner, "scheduler_info") and not getattr(owner, "asynchronous", True) else None


def configured() -> object:
    """The function with which dask computes by its configuration in this thread, None if none."""
    import dask

    try:
        found: object = dask.base.get_scheduler()  # type: ignore[no-untyped-call]  # dask is typed in part
    except RuntimeError:  # a client is the current one in another thread alone
        return None
    return found


@contextmanager
def imported() -> Iterator[Callable[..., Client]]:
    """The class of clients. Raises CannotConnect if it is not installed."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise CannotConnect(f"this needs the package {error.name!r}{cure(error.name)}") from error
    yield Client


def checked(client: Client) -> Client:
    """The client. Closes it and raises CannotConnect if versions differ too much."""
    found = client.get_versions(check=False)
    here = found["client"]["packages"]
    others = {"the scheduler": found["scheduler"], **{f"the worker {name}": of for name, of in found["workers"].items()}}
    for package, numbers in SAME.items():
        differ = {
            who: there for who, of in others.items() if (there := version(of, package)).split(".")[:numbers] != leading(here, package)
        }
        if differ:
            client.close()
            raise CannotConnect(
                f"{package} is {here[package]} here, and {next(iter(differ.values()))} on {named(differ)}; "
                f"tasks cannot be exchanged: install the same version of {package} everywhere"
            )
    return client


def leading(packages: Mapping[str, Any], package: str) -> list[str]:
    """The leading numbers of the version of a package."""
    return str(packages[package]).split(".")[: SAME[package]]


def version(found: Mapping[str, Any] | None, package: str) -> str:
    """The version of a package on a machine; `none` if it has none."""
    return str(((found or {}).get("packages") or {}).get(package) or "none")


def require_module(client: Client, module: str) -> None:
    """Raise CannotConnect if the scheduler or a worker cannot import a module. Blocks."""

    def importing(name: str) -> str:  # nested, so that it is sent as code: nobody there has to import this package
        import importlib

        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            return f"{type(error).__name__}: {error}"
        return ""

    found = {"the scheduler": client.run_on_scheduler(importing, module)}
    found |= {f"the worker {address}": why for address, why in client.run(importing, module).items()}
    failed = {who: why for who, why in found.items() if why}
    if failed:
        raise CannotConnect(
            f"the module {module!r} cannot be imported on {named(failed)} ({next(iter(failed.values()))}), and tasks of its data need it: "
            "install it there, or start them in its folder, with that in PYTHONPATH"
        )


def named(who: Mapping[str, str]) -> str:
    """Some machines, in words."""
    names = list(who)
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
