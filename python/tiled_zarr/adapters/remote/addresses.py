"""Addresses of objects and of prefixes: the URL of the store, and the key in it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from ...nodes import Unavailable

STORES = frozenset({"s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})
WEB = frozenset({"http", "https"})
SCHEMES = STORES | WEB
CONTAINERS = frozenset({"abfs", "abfss"})
"""Schemes that name a container before `@`, where others may have a user and a password."""


class Address(NamedTuple):
    """`store` is what obstore opens. `key` has no slash at its ends, and `is_prefix` says that it had one.

    `store` may hold secrets, as the query of a signed URL. `str(address)` has none.
    """

    store: str
    key: str
    is_prefix: bool = False

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a URL spells. Raises Unavailable if obstore reads no such URLs.

        Keys of buckets are taken as they are written; those of web servers are percent-encoded.

        >>> Address.of("s3://bucket/a b/c.tif")
        Address(store='s3://bucket', key='a b/c.tif', is_prefix=False)
        >>> str(Address.of("https://me:secret@host/data/a%20b.npy?signature=1"))
        'https://host/data/a b.npy'
        """
        scheme, colon, rest = url.partition("://")
        if not colon or scheme.lower() not in SCHEMES:
            raise Unavailable(f"{scheme}:// is not read; known are {', '.join(f'{known}://' for known in sorted(SCHEMES))}")
        if scheme.lower() in WEB:
            return cls._of_web(url)
        host, _, path = rest.partition("/")
        if not host:
            raise Unavailable(f"{scheme}://{rest} names no bucket; write {scheme.lower()}://BUCKET/KEY")
        return cls(f"{scheme.lower()}://{host}", *_key(path))

    @classmethod
    def _of_web(cls, url: str) -> Address:
        """The store of a web server is the folder of the address, with the query, which signs all of it."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise Unavailable("an address without a host; write https://HOST/PATH")
        return cls(urlunsplit((parts.scheme, parts.netloc, "", parts.query, "")), *_key(unquote(parts.path)))

    @property
    def name(self) -> str:
        """The last part of the key, else that of the store."""
        return self.key.rpartition("/")[2] or shown(self.store).partition("://")[2]

    @property
    def is_web(self) -> bool:
        """True for a web server, which has no listings."""
        return self.store.startswith(("http://", "https://"))

    def below(self, name: str, *, is_prefix: bool = False) -> Address:
        """The address of an object or a prefix in this prefix."""
        return Address(self.store, f"{self.key}/{name}" if self.key else name, is_prefix)

    def __str__(self) -> str:
        return f"{shown(self.store)}/{self.key}{'/' if self.is_prefix and self.key else ''}"


def shown(url: str) -> str:
    """A URL without its user, password, query and fragment, which may be secrets.

    >>> shown("https://me:secret@host:81?signature=1"), shown("abfss://container@account.dfs.core.windows.net")
    ('https://host:81', 'abfss://container@account.dfs.core.windows.net')
    """
    parts = urlsplit(url)
    netloc = parts.netloc if parts.scheme in CONTAINERS else parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def _key(path: str) -> tuple[str, bool]:
    return path.strip("/"), path.endswith("/") or not path.strip("/")
