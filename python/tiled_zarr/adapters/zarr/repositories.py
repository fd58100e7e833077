"""Repositories of icechunk in folders and in S3: the newest snapshot of the branch `main`.

https://icechunk.io/en/latest/

A snapshot never changes, so its name is the revision of all that is in it. A commit replaces the
file `repo`; then the folder is opened again (stores.py), and what is in S3 as well (remote/items.py).
Virtual chunks, which lead to other files, are refused by icechunk, since we authorize none.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...nodes import Damaged, Node
from ...resources import Resources, default
from ..common.snapshot import Elsewhere, is_for_users
from .objects import adapt_store

BRANCH = "main"
S3 = ("s3", "s3a")
TRIES = 4
"""Attempts at a request, as for other objects."""
INSTALL = "with Python 3.12 or newer: pip install 'icechunk>=2,<3'"


def open_repository(path: Path | Elsewhere, resources: Resources | None = None) -> Node:
    """The array or group at the root of the newest snapshot. Raises Damaged if there is none."""
    if find_spec("icechunk") is None:
        raise Damaged(f"{path.name!r} is a repository of icechunk, which is not installed; {INSTALL}")
    import icechunk  # type: ignore[import-not-found,unused-ignore]  # Python 3.11 has none

    try:
        repository = icechunk.Repository.open(*_in_s3(path, resources) if isinstance(path, Elsewhere) else _in_folder(path))
        store = repository.readonly_session(BRANCH).store
    except Exception as error:
        if is_for_users(error):
            raise
        reason = f"{path.name!r} cannot be opened as a repository of icechunk with the branch {BRANCH!r}; restore it from a copy"
        raise Damaged(reason) from error
    return adapt_store(store, resources)


def _in_folder(path: Path) -> tuple[Any]:
    """Icechunk's storage for a folder."""
    import icechunk  # type: ignore[import-not-found,unused-ignore]

    return (icechunk.local_filesystem_storage(os.path.realpath(path)),)


def _in_s3(there: Elsewhere, resources: Resources | None) -> tuple[Any, Any]:
    """Icechunk's storage for a prefix of S3, with the options and credentials of its store.

    And the configuration that says how long it tries: its own default is 10 times.
    """
    import icechunk  # type: ignore[import-not-found,unused-ignore]

    scheme, _, rest = there.address.partition("://")
    if scheme not in S3:
        raise Damaged(f"{there.name!r} is a repository of icechunk in {scheme}://, of which only those in S3 are opened by address")
    bucket, _, prefix = rest.strip("/").partition("/")
    options = there.options()
    endpoint, is_anonymous = options.get("endpoint"), options.get("skip_signature") == "true"
    storage = icechunk.s3_storage(
        bucket=bucket,
        prefix=prefix or None,
        region=options.get("region"),
        endpoint_url=endpoint,
        allow_http=endpoint is not None and endpoint.startswith("http://"),
        force_path_style=endpoint is not None,
        **({"anonymous": True} if is_anonymous else {"from_env": True}),
    )
    timeout = round(1000 * (resources or default()).fetching.timeout)
    settings = icechunk.StorageSettings(
        retries=icechunk.StorageRetriesSettings(max_tries=TRIES),
        timeouts=icechunk.StorageTimeoutSettings(connect_timeout_ms=min(5000, timeout), operation_timeout_ms=timeout),
    )
    return storage, icechunk.RepositoryConfig(storage=settings)
