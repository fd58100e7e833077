from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tiled_zarr import logs

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z]+) tiled-zarr\[(\d+)\]: (.*)")
log = logging.getLogger("tiled_zarr.tests")


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Levels and handlers as they were."""
    root, ours = logging.getLogger(), logging.getLogger(logs.ROOT)
    before = root.level, ours.level
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])
    for handler in [handler for handler in root.handlers if isinstance(handler, logs.Lines)]:
        root.removeHandler(handler)


def fail(text: str = "boom") -> None:
    raise ValueError(text)


def failed(text: str = "boom", *, once: bool = False) -> None:
    try:
        fail(text)
    except ValueError:
        log.exception("it failed: %s", text, extra={"once": once})


def test_a_line_of_text_has_the_time_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("warning", "text")
    log.warning("a %s", "message")
    match = LINE.fullmatch(capsys.readouterr().err.rstrip("\n"))
    assert match
    assert abs(datetime.fromisoformat(match[1]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert match.groups()[1:] == ("WARNING", str(os.getpid()), "a message")


def test_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("info", "json")
    log.info("two\nlines", extra={"fields": {"status": 200}})
    failed()
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo == UTC
    assert first == {"level": "info", "pid": os.getpid(), "logger": "tiled_zarr.tests", "message": "two\nlines", "status": 200}
    assert second["traceback"].startswith("Traceback (most recent call last):\n")
    assert second["traceback"].endswith("\nValueError: boom")


@pytest.mark.parametrize(
    ("level", "shown"), [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")], ids=["debug", "info", "warning", "error"]
)
def test_levels(level: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin(level, "text")
    for kind in ("debug", "info", "warning", "error"):
        getattr(log, kind)(kind[0])
    assert [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()] == list(shown)


def test_of_libraries_only_warnings_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("debug", "text")
    for kind in ("debug", "info", "warning"):
        getattr(logging.getLogger("some.library"), kind)(kind)
    assert capsys.readouterr().err.endswith(": warning\n")
    logs.begin("error", "text")
    logging.getLogger("some.library").warning("x")
    assert capsys.readouterr().err == ""


def test_of_dask_only_warnings_and_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its package sets the level of its loggers to INFO when it is imported."""
    logs.begin("info", "text")
    loud = logging.getLogger("distributed.tests")
    loud.propagate, loud.level = True, logging.INFO
    monkeypatch.setattr(loud, "parent", logging.getLogger())  # wherever `distributed` was imported first
    loud.info("State start")
    loud.warning("it is late")
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()] == ["it is late"]


def test_beginning_again_replaces_the_handler(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("warning", "json")
    logs.begin("warning", "text")
    log.warning("x")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_message_cannot_make_a_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("warning", "text")
    log.warning("a\r\n2026-11-26T00:00:00.000Z ERROR tiled-zarr[1]: forged\x1b[2J \u2028 \udce9 é")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(r"a\r\n2026-11-26T00:00:00.000Z ERROR tiled-zarr[1]: forged\x1b[2J \u2028 \udce9 é")


def test_each_place_has_one_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("warning", "text")
    for text in ("first", "second"):
        failed(text)
    try:
        json.loads("{")
    except ValueError:
        log.exception("elsewhere")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("Traceback")] == ["Traceback (most recent call last):"] * 2
    assert [LINE.fullmatch(line)[4] for line in lines if LINE.fullmatch(line)] == [  # type: ignore[index] # it matches
        "it failed: first",
        "it failed: second",
        "elsewhere",
    ]


def test_a_record_may_be_for_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("warning", "text")
    failed("first", once=True)
    failed("second", once=True)
    assert "second" not in capsys.readouterr().err


def test_only_so_many_places_are_remembered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logs, "MOST_PLACES", 0)
    logs.begin("warning", "text")
    for _ in range(2):
        failed()
    assert capsys.readouterr().err.count("Traceback") == 2


def test_a_closed_stream_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "w") as closed:  # noqa: PTH123 - it is closed before it is used
        pass
    monkeypatch.setattr("sys.stderr", closed)
    logs.begin("warning", "text")
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log.warning("x")
