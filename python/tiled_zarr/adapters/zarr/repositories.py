"""Repositories of icechunk in folders: the newest snapshot of the branch `main`.

https://icechunk.io/en/latest/

A snapshot never changes, so its name is the revision of all that is in it. A commit replaces the
file `repo`; then the folder is opened again (stores.py). Virtual chunks, which lead to other files,
are refused by icechunk, since we authorize none.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from ...nodes import Damaged, Node
from ...resources import Resources
from ..common.snapshot import is_for_users
from .objects import adapt_store

BRANCH = "main"
INSTALL = "with Python 3.12 or newer: pip install 'icechunk>=2,<3'"


def open_repository(path: Path, resources: Resources | None = None) -> Node:
    """The array or group at the root of the newest snapshot. Raises Damaged if there is none."""
    if find_spec("icechunk") is None:
        raise Damaged(f"{path.name!r} is a repository of icechunk, which is not installed; {INSTALL}")
    import icechunk  # type: ignore[import-not-found,unused-ignore]  # Python 3.11 has none

    try:
        repository = icechunk.Repository.open(icechunk.local_filesystem_storage(os.path.realpath(path)))
        store = repository.readonly_session(BRANCH).store
    except Exception as error:
        if is_for_users(error):
            raise
        reason = f"{path.name!r} cannot be opened as a repository of icechunk with the branch {BRANCH!r}; restore it from a copy"
        raise Damaged(reason) from error
    return adapt_store(store, resources)
