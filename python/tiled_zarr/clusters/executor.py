"""Where the tasks of dask run: what the setting `scheduler` stands for."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from .clients import configured, connected, of_process, require_module, share, started
from .cluster import Cluster

MAX_BYTES = 1024**3
"""Bytes of source blocks on the workers, unless a setting says it."""


class Executor:
    """Runs tasks in threads of this process, or on a cluster.

    `scheduler` is `threads` if a setting says so; `cluster` is the one that a setting asks for.
    """

    def __init__(
        self, scheduler: str | None = None, cluster: Cluster | None = None, max_bytes: int = MAX_BYTES, abandoned: Collection[int] = ()
    ) -> None:
        self.scheduler = scheduler
        self._own = cluster
        self._others: Cluster | None = None
        self._max_bytes = max_bytes
        self._abandoned = abandoned
        self.cluster()

    @classmethod
    def of(cls, setting: str | None, max_bytes: int, servers: int = 1, abandoned: Collection[int] = ()) -> Executor:
        """The executor of a setting, for one of `servers` processes on this machine.

        It is `threads`, `processes`, the address of a scheduler, or None. Blocks while it connects;
        raises CannotConnect.
        """
        if setting in {None, "threads"}:
            return cls(setting, None, max_bytes, abandoned)
        assert setting is not None
        connect = partial(started, share(servers)) if setting == "processes" else partial(connected, setting)
        return cls(None, Cluster(connect(), max_bytes, abandoned, connect), max_bytes, abandoned)

    def cluster(self) -> Cluster | None:
        """The cluster on which arrays are computed that are made now, None if there is none.

        Without a setting it is that of the client which dask uses by default, in this thread or in
        the one that made this object.
        """
        if self._own is not None or self.scheduler is not None:
            return self._own
        client = of_process()
        if client is not None and (self._others is None or self._others.client is not client):
            self._others = Cluster(client, self._max_bytes, self._abandoned)
        return None if self._others is None or self._others.client.status == "closed" else self._others

    def local(self) -> str | None:
        """What `compute(scheduler=...)` of dask takes to compute in this process.

        It is the thread that asks, unless a setting or dask's own configuration says another.
        """
        return self.scheduler or ("synchronous" if configured() is None else None)

    def computable(self, source: object, module: str) -> object:
        """The object. Raises CannotConnect if a cluster computes it and cannot import its module.

        Blocks.
        """
        cluster = self.cluster()
        if cluster is not None and is_computed(source):
            require_module(cluster.client, module)
        return source

    def close(self) -> None:
        """Close what this object has started. Blocks."""
        for cluster in (self._own, self._others):
            if cluster is not None:
                cluster.close()


def is_computed(source: object) -> bool:
    """True if an object or a value of it consists of tasks of dask."""
    values = [source, *source.values()] if isinstance(source, dict) else [source]
    return any(getattr(value, "__dask_graph__", dict)() for value in values if not isinstance(value, type))
