"""The same under the other servers, and under two workers.

The root is a folder with everything except what takes long.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hostile import checks, folder
from hostile.conftest import UNTOUCHED
from hostile.serving import Served, served
from hostile.test_folder import is_about_rights, problems, report
from hostile.things import FAILED, Bad, Claim

KINDS = frozenset({"", "arrays", "bytes", "hdf5", "links", "rights", "special", "stores"})
STUCK = "objects that never answer"
SHORT = {"TILED_ZARR_READ_TIMEOUT": "8"}
"""Seconds. A document waits a quarter of it for each of three children that hang."""
MAY_ANSWER = {
    ("/zarr/v3/looked_up/zarr.json", 200),
    ("/zarr/v3/looked_up/", 200),
    ("/zarr/v3/listed/x/c/0", 200),
    ("/zarr/v3/listed/c/0", 404),
    ("/zarr/v3/revised/x/c/0", 404),
    ("/zarr/v3/revised/", 200),
}
"""What takes nothing that hangs, as long as nobody knows that it does."""
SERVERS = [("uvicorn", 1), ("granian", 1), ("hypercorn", 2)]

Outcomes: TypeAlias = dict[str, "Future[Any]"]


@pytest.fixture(scope="module")
def some_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Claim]]:
    out = tmp_path_factory.mktemp("some")
    return out / "served", folder.build(out, kinds=KINDS)


@pytest.fixture(scope="module")
def outcomes(some_folder: tuple[Path, list[Claim]]) -> Iterator[Outcomes]:
    """Asks two servers at a time, since most of the time is waiting for what hangs.

    More would make each wait for the processors until what is sound seems to hang too.
    """
    folder_path, claims = some_folder
    with ThreadPoolExecutor(2) as pool:
        asked = {name: pool.submit(ask_a_server, name, workers, folder_path, claims) for name, workers in SERVERS}
        yield {**asked, STUCK: pool.submit(ask_what_never_answers)}


@pytest.mark.parametrize("name", [name for name, _ in SERVERS])
def test_a_hostile_folder_under(name: str, outcomes: Outcomes) -> None:
    if not outcomes[name].result():
        pytest.skip(UNTOUCHED)


def ask_a_server(name: str, workers: int, folder_path: Path, claims: list[Claim]) -> bool:
    """Ask everything of a server; returns True if rights bind it, so it was asked about those."""
    with served("directory", folder_path, server=name, workers=workers) as server:
        ask_for_everything(server, claims)
        return server.is_unprivileged


def ask_for_everything(server: Served, everything: list[Claim]) -> None:
    """Everything bad is asked for, then everything good; then the server ends."""
    claims = [claim for claim in everything if server.is_unprivileged or not is_about_rights(claim)]
    bad = [claim for claim in claims if isinstance(claim, Bad)]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda claim: problems([(claim.path, checks.key_problems(server, "", claim))]), bad)
        wrong = {path: texts for one in found for path, texts in one.items()}
    assert not wrong, report(wrong)
    documents = problems((group, checks.group_problems(server, group)) for group in ("", *sorted(KINDS)))
    assert not documents, report(documents)
    good = checks.good_problems(server.url, "", claims, 3)
    assert not good, good
    code, seconds = server.stop()
    assert code == 0, f"exit code {code} after {seconds:.1f} s:\n{server.log.read_text(errors='replace')[-2000:]}"


def test_what_never_answers_holds_nobody_up(outcomes: Outcomes) -> None:
    outcomes[STUCK].result()


def ask_what_never_answers() -> None:
    """Groups that hang when they are listed or looked into.

    Requests for their neighbours are answered in time, and the server ends.
    """
    groups = ("listed", "looked_up", "opened", "revised")
    with served("pyobject", "hostile.objects:stuck", settings=SHORT) as running, ThreadPoolExecutor(len(groups) * 4) as pool:
        paths = [f"/zarr/v3/{group}/{key}" for group in groups for key in ("zarr.json", "x/c/0", "", "c/0")]
        asked = [pool.submit(running.ask, path) for path in paths]
        documents = problems([("", checks.group_problems(running, ""))])
        assert not documents, report(documents)
        assert running.ask("/zarr/v3/good/c/0").status == 200
        answers = {path: future.result() for path, future in zip(paths, asked, strict=True)}
        stuck = {path: answer.status for path, answer in answers.items() if answer.status not in FAILED}
        assert stuck.items() <= MAY_ANSWER, stuck
        assert running.ask("/readyz").status == 200
        code, seconds = running.stop()
        assert code == 0, f"exit code {code} after {seconds:.1f} s"
