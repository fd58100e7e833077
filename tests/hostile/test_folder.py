"""Nothing in a hostile folder or tree of objects harms its neighbours or reads as zeros.

The tests share one server, which the last test ends.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from clients import running
from hostile import checks, objects
from hostile.conftest import FILES, OBJECTS, UNTOUCHED, Setting
from hostile.serving import READ_TIMEOUT, SECRET, Served
from hostile.things import LATE, MAKERS, Bad, Claim, Counted, Good, Short, joined
from tiled_zarr.adapters import suffixes

MOST_MEMORY = 1024 * 2**20
"""Bytes of the server at its peak.

350 MB for libraries, 64 for chunks in flight, 64 for caches, and as much again for what is freed
late.
"""
P95_SECONDS = 10.0
"""Measured 2026-11 on an idle machine of two cores: 0.3 s; ten times as long at a load of 15."""
ASKERS = 6
UNEXPECTED = re.compile(
    r"Exception in ASGI|Error in ASGI|never retrieved|never awaited|Exception ignored|Fatal Python error|panicked at|PanicException"
    r"|Segmentation|AssertionError|UnboundLocalError|NameError"
)
"""Texts in a log that show faults that nobody foresaw; `tiled_zarr.http` logs those of sources."""
OF_RIGHTS = ("", "rights")
"""Kinds with things that another user has closed."""
T = TypeVar("T")


def everything(setting: Setting, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Every claim of a kind, with the tree that it is about."""
    for at, claims in setting.claims.items():
        yield from ((at, claim) for claim in claims if isinstance(claim, kind))


def problems(found: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Everything that was wrong, by path.

    If the server froze, everything from that request on is wrong.
    """
    wrong: dict[str, list[str]] = {}
    for path, texts in found:
        try:
            listed = list(texts)
        except AssertionError as error:
            listed = [str(error)]
        if listed:
            wrong[path[:200]] = listed
    return wrong


def report(wrong: dict[str, list[str]]) -> str:
    """All that is wrong, a line each."""
    return f"{len(wrong)} are wrong:\n" + "\n".join(f"{path}: {text}" for path, texts in wrong.items() for text in texts[:4])


def kinds() -> list[tuple[str, str, bool]]:
    """One test each: a tree, a kind of things in it, and whether it is about rights.

    The root of both trees is the tree "".
    """
    files = [(FILES, kind, False) for kind in dict.fromkeys([*MAKERS, *LATE])]
    rights = [(FILES, kind, True) for kind in OF_RIGHTS]
    kinds_of_objects = dict.fromkeys(claim.path.partition("/")[0] for claim in objects.claims())
    return [*files, *rights, *((OBJECTS, kind, False) for kind in kinds_of_objects)]


def kind_id(param: tuple[str, str, bool]) -> str:
    at, kind, is_of_rights = param
    return joined(at, kind) + (" unprivileged" if is_of_rights else "")


@pytest.fixture(params=kinds(), ids=kind_id)
def some(setting: Setting, request: pytest.FixtureRequest) -> tuple[Served, str, list[Claim]]:
    """The claims of one kind.

    Those about rights hold only for a server that is bound by them; else their tests are skipped.
    """
    at, kind, is_of_rights = request.param
    if is_of_rights and not setting.server.is_unprivileged:
        pytest.skip(UNTOUCHED)
    of_kind = [claim for claim in setting.claims[at] if claim.path.partition("/")[0] == kind]
    of_root = [claim for claim in setting.claims[at] if "/" not in claim.path]
    claims = [claim for claim in (of_kind if kind else of_root) if is_about_rights(claim) == is_of_rights]
    assert claims
    return setting.server, at, claims


def is_about_rights(claim: Claim) -> bool:
    return isinstance(claim, Bad) and claim.unprivileged


def test_documents_listings_and_pages_stay(some: tuple[Served, str, list[Claim]]) -> None:
    server, at, claims = some
    groups = {joined(at, group) for group in checks.groups(claims) if group or not any("/" in claim.path for claim in claims)}
    wrong = problems((group, checks.group_problems(server, group)) for group in sorted(groups))
    assert not wrong, report(wrong)


def test_what_is_bad_is_named_with_its_reason(some: tuple[Served, str, list[Claim]], setting: Setting) -> None:
    server, at, claims = some
    bad = [claim for claim in claims if isinstance(claim, Bad) and claim.names]
    said = {parent: checks.said_by(server, joined(at, parent)) for parent in {claim.parent for claim in bad}}
    wrong = problems((claim.path, checks.naming_problems(said[claim.parent], claim, str(setting.out))) for claim in bad)
    assert not wrong, report(wrong)


def test_what_is_bad_fails_under_its_own_keys(some: tuple[Served, str, list[Claim]]) -> None:
    server, at, claims = some
    bad = [claim for claim in claims if isinstance(claim, Bad)]
    with ThreadPoolExecutor(ASKERS) as pool, cancelling(pool):
        found = pool.map(lambda claim: problems([(claim.path, checks.key_problems(server, at, claim))]), bad)
        wrong = {path: texts for one in found for path, texts in one.items()}
    assert not wrong, report(wrong)


def test_nothing_is_left_out_silently(setting: Setting) -> None:
    wrong = problems((claim.path, checks.counted_problems(setting.server, at, claim)) for at, claim in everything(setting, Counted))
    wrong |= problems((claim.path, checks.short_problems(setting.server, at, claim)) for at, claim in everything(setting, Short))
    assert not wrong, report(wrong)


@pytest.mark.parametrize("version", checks.FORMATS, ids="v{}".format)
@pytest.mark.parametrize("at", [FILES, OBJECTS])
def test_what_is_good_is_read_by_zarr_python_3(setting: Setting, at: str, version: int) -> None:
    wrong = checks.good_problems(setting.server.url, at, setting.claims[at], version)
    assert not wrong, wrong


def test_what_is_good_is_read_by_zarr_python_2(setting: Setting, tmp_path: Path) -> None:
    """In the client environment, from a file with the truth."""
    good = {joined(at, claim.path): claim.values for at, claims in setting.claims.items() for claim in checks.goods(claims, 2)}
    np.savez(tmp_path / "truth.npz", **{str(number): values for number, values in enumerate(good.values())})
    (tmp_path / "paths.json").write_text(json.dumps(list(good)))
    script = Path(__file__).parent / "read_zarr2.py"
    printed = running.in_environment("zarr2", script, setting.server.url, tmp_path)
    assert json.loads(printed.splitlines()[-1]) == {}


def test_what_is_good_stays_right_while_what_is_bad_is_asked_for(setting: Setting) -> None:
    """While twelve reads hang and six threads request every bad thing, every good chunk is right.

    Each read that hangs gets a 503 at its deadline, and all other requests that block are answered
    meanwhile.
    """
    server = setting.server
    bad = [(at, claim) for at, claim in everything(setting, Bad) if server.is_unprivileged or not claim.unprivileged]
    random.Random(9).shuffle(bad)
    good = [(at, claim) for at, claim in everything(setting, Good) if 3 in claim.formats]
    first = {(at, claim.path): server.ask(_first_chunk(at, claim)).body for at, claim in good}
    seconds: list[float] = []
    with ThreadPoolExecutor(objects.HANGING) as hung, ThreadPoolExecutor(ASKERS) as pool, cancelling(pool):
        hanging = [hung.submit(server.ask, path, method) for path, method in reads_that_hang()]
        wait_for_work(server, objects.HANGING)
        asked = [pool.submit(lambda at, claim: list(checks.key_problems(server, at, claim)), at, claim) for at, claim in bad]
        for at, claim in itertools.cycle(good):
            start = time.monotonic()
            answer = server.ask(_first_chunk(at, claim))
            seconds.append(time.monotonic() - start)
            assert (answer.status, answer.body) == (200, first[at, claim.path]), claim.path
            assert server.ask("/healthz").status == 200
            if len(seconds) >= len(good) and all(future.done() for future in asked):
                break
        assert server.ask(f"/zarr/v3/{FILES}/", headers=checks.JSON).status == 200
        assert server.ask(f"/view/{FILES}").status == 200
        answers = [future.result() for future in hanging]
    wrong = {claim.path[:200]: texts for (_, claim), future in zip(bad, asked, strict=True) if (texts := future.result())}
    assert not wrong, report(wrong)
    assert [answer.status for answer in answers] == [503] * len(answers)
    assert all("retry-after" in answer.headers for answer in answers)
    assert server.ask("/readyz").status == 200
    assert checks.percentile(seconds, 0.95) < P95_SECONDS
    if not server.is_unprivileged:
        pytest.skip(UNTOUCHED)


def reads_that_hang() -> Iterator[tuple[str, str]]:
    """Paths of chunks whose reads never end, in both formats, with the methods to ask for them."""
    ways = itertools.cycle(itertools.product(checks.FORMATS, ("GET", "HEAD")))
    for number, (version, method) in zip(range(objects.HANGING), ways, strict=False):
        yield f"/zarr/v{version}/{OBJECTS}/hanging/read{number}/{checks.chunk_key(version, (0,))}", method


def wait_for_work(server: Served, count: int) -> None:
    """Return once so many requests wait for a thread or are in one."""
    end = time.monotonic() + READ_TIMEOUT
    while int(server.ask("/metrics").body.partition(b"\ntiled_zarr_work_pending ")[2].split()[0]) < count:
        assert time.monotonic() < end, "the reads did not begin"
        time.sleep(0.02)


@contextmanager
def cancelling(pool: ThreadPoolExecutor) -> Iterator[None]:
    """At a failure, what the pool has not begun is not begun."""
    try:
        yield
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise


def _first_chunk(at: str, claim: Good) -> str:
    return joined("/zarr/v3", at, claim.path, checks.chunk_key(3, (0,) * claim.values.ndim))


def test_a_file_that_is_rewritten_is_whole_or_an_error(setting: Setting) -> None:
    """Truncated and rewritten over and over: each answer is one of the two contents, or a 5xx."""
    server, at = setting.server, setting.out / "served" / "changing"
    at.mkdir()
    contents = [np.full(100_000, value, "u1") for value in (7, 9)]
    np.save(at / "file.npy", contents[0])
    path = f"/zarr/v3/{FILES}/changing/file"
    assert server.ask(f"{path}/c/0").status == 200
    whole = set()
    for values in contents:
        np.save(at / "file.npy", values)
        whole.add(_answer_of(server, f"{path}/c/0"))
    assert len(whole) == 2
    is_over = threading.Event()

    def rewrite() -> None:
        for values in itertools.cycle(contents):
            np.save(at / "file.npy", values)
            if is_over.wait(0.001):
                return

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        answers = [server.ask(f"{path}/{key}") for _ in range(75) for key in ("c/0", "zarr.json")]
    finally:
        is_over.set()
        writer.join()
    torn = [answer for answer in answers[::2] if answer.status < 500 and (answer.status != 200 or answer.body not in whole)]
    assert not torn, [(answer.status, answer.body[:40]) for answer in torn]
    assert {answer.status for answer in answers[1::2]} <= {200, *range(500, 600)}
    np.save(at / "file.npy", contents[0])
    assert _answer_of(server, f"{path}/c/0") in whole


def _answer_of(server: Served, path: str) -> bytes:
    """The body, as soon as the server sees the file whole."""
    for _ in range(100):
        answer = server.ask(path)
        if answer.status == 200:
            return answer.body
        time.sleep(0.05)
    raise AssertionError(f"{path}: {answer.status} {answer.body[:200]!r}")


def test_a_folder_that_comes_and_goes_harms_no_listing(setting: Setting) -> None:
    server, at = setting.server, setting.out / "served" / "vanishing"
    is_over = threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            for number in range(5):
                (at / f"sub{number}").mkdir(parents=True, exist_ok=True)
                np.save(at / f"sub{number}" / "x.npy", np.arange(3))
            shutil.rmtree(at)
            is_over.wait(0.02)

    mover = threading.Thread(target=come_and_go)
    mover.start()
    try:
        wrong = [text for _ in range(2) for text in checks.group_problems(server, FILES)]
        below = {server.ask(f"/zarr/v3/{FILES}/vanishing/{key}").status for _ in range(15) for key in ("", "zarr.json", "sub1/zarr.json")}
    finally:
        is_over.set()
        mover.join()
    assert not wrong, wrong[:4]
    assert below <= {200, 404, *range(500, 600)}


def test_a_name_is_bad_no_longer_than_its_file_is_there(setting: Setting) -> None:
    server, file = setting.server, setting.out / "served" / "arrays" / "gone.npy"
    file.write_bytes(b"garbage")
    path = f"/zarr/v3/{FILES}/arrays"
    assert server.ask(f"{path}/gone/zarr.json").status >= 500
    assert "gone" in _unavailable(server, path)
    file.unlink()
    assert server.ask(f"{path}/gone/zarr.json").status == 404
    assert "gone" not in _unavailable(server, path)
    np.save(file, np.arange(3))
    assert server.ask(f"{path}/gone/c/0").status == 200
    file.unlink()


def _unavailable(server: Served, path: str) -> Any:
    return json.loads(server.ask(f"{path}/zarr.json").body)["attributes"].get("tiled_zarr", {}).get("unavailable", {})


@pytest.mark.parametrize("prefix", ["zarr/v2", "zarr/v3", "ome-zarr/0.4", "ome-zarr/0.5", "view"])
def test_a_long_address_is_refused_before_any_walk(setting: Setting, prefix: str) -> None:
    """A path of 30 kB into a tree that never ends.

    A server may also refuse the request line itself.
    """
    answer = setting.server.ask(f"/{prefix}/{OBJECTS}/endless/tree/" + "again/" * 5000 + "c/0")
    assert answer.status in {400, 414, 431}


def test_a_table_of_many_columns_is_cheap(setting: Setting) -> None:
    """With 8,000 columns, a document costs no more (10.7 s of CPU at commit 8bcae71)."""
    assert setting.server.ask(f"/zarr/v3/{FILES}/wide/wide/c0/zarr.json", seconds=60).status == 200
    start = time.monotonic()
    for number in range(20):
        assert setting.server.ask(f"/zarr/v3/{FILES}/wide/wide/c{number}/zarr.json").status == 200
    assert time.monotonic() - start < 20 * P95_SECONDS


def test_memory_has_a_bound(setting: Setting) -> None:
    assert setting.server.is_alive()
    assert setting.server.memory() < MOST_MEMORY, f"{setting.server.memory() / 2**20:.0f} MiB"


def test_the_same_process_ends_in_time(setting: Setting) -> None:
    """After all other tests, the process that was started still answers.

    Its log holds no fault of ours, and after SIGTERM its exit code is 0.
    """
    server = setting.server
    assert server.is_alive()
    code, seconds = server.stop()
    printed = server.log.read_text(errors="replace")
    assert code == 0, f"exit code {code} after {seconds:.1f} s:\n{printed[-2000:]}"
    found = UNEXPECTED.search(printed)
    assert found is None, printed[max(0, found.start() - 3000) : found.end() + 300]
    assert SECRET.decode() not in printed


def test_every_claim_about_objects_is_about_one_of_them() -> None:
    """A claim that something is absent would hold of what was never made."""
    tree = objects.tree()
    names = {group: set(tree[group]) for group in tree if group != "endless"}
    parts = [(*claim.path.split("/"), "", "")[:2] for claim in objects.claims()]
    missing = [(group, name) for group, name in parts if group != "endless" and name not in {*names[group], ""}]
    assert not missing


def test_every_kind_of_file_is_there(hostile_folder: tuple[Path, list[Claim]]) -> None:
    """The folder holds files of every suffix that the server knows.

    The files of "suffixes" are all bad; other kinds also have good ones.
    """
    names = [path.name for path in (hostile_folder[0] / "served" / "suffixes").iterdir()]
    assert {suffix for suffix in suffixes() if any(name.endswith(suffix) for name in names)} == suffixes() != set()
