"""Asking a server about the claims of a hostile folder: each check returns what is wrong, as texts.

`at` is where the folder hangs in the served tree ("" is the root).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from hostile.serving import Answer, Served
from hostile.things import ABSENT, FAILED, Bad, Claim, Counted, Good, Short, joined

ADDRESS = re.compile(r"0x[0-9a-fA-F]{8,}")
LONGEST_REASON = 4096
"""Characters; a reason is a sentence in a document that every reader of the group loads."""
LARGEST_DOCUMENT = 32 * 2**20
JSON = {"accept": "application/json"}
FORMATS = (2, 3)
DOCUMENTS = {2: (".zarray", ".zgroup", ".zattrs"), 3: ("zarr.json",)}
OF_GROUPS = {2: (".zgroup", ".zattrs"), 3: ("zarr.json",)}


def chunk_key(version: int, index: tuple[int, ...]) -> str:
    return ".".join(map(str, index)) if version == 2 else "/".join(["c", *map(str, index)])


def group_problems(server: Served, group: str) -> Iterator[str]:
    """A group that is beside or above something bad has documents, listings and pages that are 200.

    JSON must be valid.
    """
    for version in FORMATS:
        base = f"/zarr/v{version}/{group}".rstrip("/")
        for name in OF_GROUPS[version]:
            yield from json_problems(server, f"{base}/{name}", {200})
        yield from json_problems(server, f"{base}/", {200}, JSON)
        yield from status_problems(server, f"{base}/", {200})
    yield from json_problems(server, joined("/zarr/v2", group, ".zmetadata"), {200, 404})
    yield from status_problems(server, f"/view/{group}" if group else "/", {200})


def json_problems(server: Served, path: str, statuses: set[int], headers: dict[str, str] | None = None) -> Iterator[str]:
    """The status, and that the body is UTF-8, JSON without NaN, and text that UTF-8 can spell."""
    answer = server.ask(path, headers=headers)
    if answer.status not in statuses:
        yield _unexpected(path, answer, statuses)
    elif answer.status == 200:
        try:
            json.dumps(json.loads(answer.body.decode("utf-8"), parse_constant=_no_constant), ensure_ascii=False).encode("utf-8")
        except ValueError as error:
            yield f"{path[:200]}: {type(error).__name__}: {str(error)[:200]}"
        if len(answer.body) > LARGEST_DOCUMENT:
            yield f"{path[:200]}: {len(answer.body)} bytes"


def status_problems(server: Served, path: str, statuses: set[int] | frozenset[int], method: str = "GET") -> Iterator[str]:
    answer = server.ask(path, method)
    if answer.status not in statuses:
        yield _unexpected(f"{method} {path}", answer, statuses)
    elif answer.status == 503 and "retry-after" not in answer.headers:
        yield f"{method} {path[:200]}: 503 without Retry-After"
    elif answer.status >= 500 and method == "GET" and not answer.body.strip():
        yield f"{path[:200]}: {answer.status} without a reason"


def _unexpected(path: str, answer: Answer, statuses: set[int] | frozenset[int]) -> str:
    expected = "5xx" if len(statuses) > 50 else "/".join(map(str, sorted(statuses)))
    return f"{path[:200]}: {answer.status}, expected {expected}: {answer.body[:160]!r}"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


@dataclass(frozen=True)
class Said:
    """What a group says of its children, and where.

    It has the reasons by name, for each place that gives them; the names in listings, by format;
    and the page.
    """

    reasons: dict[str, dict[str, Any]]
    children: dict[int, set[str]]
    page: str


def said_by(server: Served, group: str) -> Said:
    """What the attributes and listings of a group say in both formats, and its page."""
    reasons, children = {}, {}
    for version in FORMATS:
        base = joined(f"/zarr/v{version}", group)
        listing = document(server, f"{base}/", JSON)
        said = {"attributes": ours(server, group, version), "listing": listing}
        reasons |= {f"v{version} {where}": what.get("unavailable", {}) for where, what in said.items()}
        children[version] = {child["name"] for child in listing.get("children", [])}
    return Said(reasons, children, server.ask(f"/view/{group}" if group else "/").body.decode())


def ours(server: Served, path: str, version: int) -> dict[str, Any]:
    """The server's own attributes of a node; {} if it has no document."""
    found = document(server, f"{joined(f'/zarr/v{version}', path)}/{OF_GROUPS[version][-1]}")
    attributes = found.get("attributes", {}) if version == 3 else found
    return dict(attributes.get("tiled_zarr", {}))


def naming_problems(said: Said, bad: Bad, secret: str = "") -> Iterator[str]:
    """What is wrong with how the parent names a bad child.

    Its attributes and its listing, in both formats, and its page must name it and say why.
    """
    for where, reasons in said.reasons.items():
        yield from (f"{where}: {text}" for text in reason_problems(reasons, bad, secret))
    for version, names in said.children.items():
        if names & set(bad.names):
            yield f"v{version} listing shows it as a child"
    if not any(name in said.page for name in bad.names):
        yield "the page does not name it"


def short_problems(server: Served, at: str, short: Short) -> Iterator[str]:
    """The attributes of an array of which a part is missing say so."""
    for version in FORMATS:
        if "truncated" not in str(said := ours(server, joined(at, short.path), version).get("missing")):
            yield f"v{version}: what is missing is said to be {said!r}"


def document(server: Served, path: str, headers: dict[str, str] | None = None) -> Any:
    """A document as JSON; {} if it is not 200."""
    answer = server.ask(path, headers=headers)
    return json.loads(answer.body) if answer.status == 200 else {}


def reason_problems(reasons: dict[str, Any], bad: Bad, secret: str) -> Iterator[str]:
    named = [name for name in bad.names if name in reasons]
    if not named:
        yield f"not named; named are {list(reasons)[:8]}"
        return
    reason = reasons[named[0]]
    if not isinstance(reason, str) or not reason.strip():
        yield f"its reason is {reason!r}"
    elif len(reason) > LONGEST_REASON:
        yield f"its reason has {len(reason)} characters"
    elif ADDRESS.search(reason):
        yield f"its reason holds a process address: {reason[:200]!r}"
    elif secret and secret in reason:
        yield f"its reason holds a folder of the server: {reason[:200]!r}"


def key_problems(server: Served, at: str, bad: Bad) -> Iterator[str]:
    """The keys of a bad thing answer what the contract says, by GET and HEAD.

    Under its other spellings they may be absent too.
    """
    spellings = bad.names or (bad.path.rpartition("/")[2],)
    for spelling in spellings:
        maybe_absent = ABSENT if spelling != spellings[0] else frozenset()
        for version in FORMATS:
            base = joined(f"/zarr/v{version}", at, bad.parent, spelling)
            yield from _document_problems(server, base, version, bad.documents, maybe_absent)
            for method in ("GET", "HEAD"):
                yield from status_problems(server, f"{base}/{chunk_key(version, bad.index)}", bad.chunks | maybe_absent, method)


def _document_problems(
    server: Served, base: str, version: int, allowed: frozenset[int] | None, maybe_absent: frozenset[int]
) -> Iterator[str]:
    """Each document has an allowed status.

    If one of them may be 200, the others are absent: a group has no `.zarray`.
    """
    answers = {name: server.ask(f"{base}/{name}") for name in DOCUMENTS[version]}
    others = ABSENT if allowed is None or 200 in allowed else maybe_absent
    if not maybe_absent and 404 not in (allowed or ()) and all(answer.status == 404 for answer in answers.values()):
        yield f"{base}: its documents are absent"
    for name, answer in answers.items():
        if answer.status not in (allowed or FAILED | {200}) | others:
            yield _unexpected(f"{base}/{name}", answer, allowed or FAILED | {200})


def counted_problems(server: Served, at: str, counted: Counted) -> Iterator[str]:
    """Everything in the group is listed or named, or the group is named as unreadable."""
    path = joined(at, counted.path)
    above, _, name = path.rpartition("/")
    for version in FORMATS:
        answer = server.ask(joined(f"/zarr/v{version}", path) + "/", headers=JSON)
        if answer.status >= 500:
            if name not in document(server, joined(f"/zarr/v{version}", above) + "/", JSON).get("unavailable", {}):
                yield f"v{version}: {answer.status}, and its parent does not name it"
            continue
        listing = json.loads(answer.body) if answer.status == 200 else {}
        listed, named = len(listing.get("children", ())), len(listing.get("unavailable", ()))
        if listed + named < counted.entries:
            yield f"v{version}: {answer.status} with {listed} children and {named} unavailable of {counted.entries}"


def good_problems(url: str, at: str, claims: list[Claim], version: int) -> dict[str, str]:
    """By path what zarr-python reads wrong, of everything that is good."""
    root = zarr.open_group(f"{url}/zarr/v{version}", mode="r", zarr_format=version)  # type: ignore[arg-type]
    found = {}
    for good in goods(claims, version):
        try:
            read = root[joined(at, good.path)]
            assert isinstance(read, zarr.Array)
            np.testing.assert_array_equal(np.asarray(read[...]), good.values)
        except Exception as error:  # noqa: BLE001 - whatever a reader raises belongs into the report
            found[good.path[:200]] = f"{type(error).__name__}: {error}"[:300]
    return found


def goods(claims: list[Claim], version: int) -> list[Good]:
    return [claim for claim in claims if isinstance(claim, Good) and version in claim.formats]


def groups(claims: list[Claim]) -> list[str]:
    """The groups that directly hold something bad or good, and those above them.

    Of deep paths only the first levels count.
    """
    bad = {claim.path for claim in claims if isinstance(claim, Bad)}
    parents = {claim.path.rpartition("/")[0] for claim in claims if not isinstance(claim, Counted)}
    shallow = {"/".join(parent.split("/")[:3]) for parent in parents}
    above = {"/".join(parent.split("/")[:depth]) for parent in shallow for depth in range(4)}
    return sorted(path for path in above if not any(path == name or path.startswith(f"{name}/") for name in bad))


def percentile(seconds: list[float], part: float) -> float:
    """The value below which that part of them lies."""
    return sorted(seconds)[max(0, math.ceil(part * len(seconds)) - 1)]


Check = Callable[[Served, str, Any], Iterator[str]]
