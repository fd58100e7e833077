"""Runs the fenced blocks of a Markdown document as a reader would: in order, section by section.

A ```bash block whose last command starts a server runs on its own port until the next such block or
the end of the section; port 8000 is replaced by that port everywhere. So is port 8001, of a server
that stands behind it. Other ```bash, ```python and
```js blocks must succeed, and must print what the comments after `print(...)`, `console.log(...)`
and `curl ...` say. A block whose first line is a comment with a file name is written to that file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from live import START_SECONDS, free_port, stop, wait

ADDRESS = "127.0.0.1:8000"
BEHIND = re.compile(r"(?<=127\.0\.0\.1:)8001|(?<=--port )8001")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
SERVING = re.compile(r"^(?:\w+=\S+ )*(?:tiled-zarr serve|hypercorn|uvicorn) .*\Z", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"^(?:print\(|console\.log\(|curl ).*\S\s+(?:#|//) (.+)$", re.MULTILINE)
COMMANDS = {"bash": ["bash", "-euo", "pipefail"], "python": ["python", "-W", "ignore"], "js": ["node"]}
FILE = re.compile(r"# (\S+\.(?:py|yml))\n")
SCRIPTS = {"bash": "snippet.sh", "python": "snippet.py", "js": "snippet.mjs"}
RUN = {*COMMANDS, "yaml"}
SECONDS = 120
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Section:
    """A heading and the (language, text) of the blocks below it."""

    title: str
    text: str

    @property
    def blocks(self) -> list[tuple[str, str]]:
        return [(language, text) for language, text in FENCE.findall(self.text) if language in RUN]


def sections(document: Path) -> list[Section]:
    """The sections of a document that have blocks to run.

    The text before the first heading is a section without a title.
    """
    parts = ["", *SECTION.split(document.read_text(encoding="utf-8"))]
    found = [Section(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True)]
    return [section for section in found if section.blocks]


def environment(*commands: Path) -> dict[str, str]:
    """The reader's environment, without settings: programs of the folders `commands`, then ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TILED_", "PYTHON"))}
    path = os.pathsep.join(map(str, [*commands, Path(sys.executable).parent, os.environ["PATH"]]))
    return {**inherited, "PATH": path, "PYTHONUNBUFFERED": "1"}


def checkout() -> dict[str, str]:
    """The reader's environment, in which Python finds this checkout's package."""
    return {**environment(), "PYTHONPATH": str(ROOT / "python")}


def furnish(folder: Path) -> None:
    """Make a folder the reader's: scripts in it find npm's packages."""
    (folder / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)


def run(section: Section, folder: Path, environment: Mapping[str, str]) -> None:
    """Run each block of a section in `folder`. Raises AssertionError with block and output."""
    with ExitStack() as servers:
        address = ADDRESS
        for language, text in section.blocks:
            block = text.replace(ADDRESS, address)
            if language == "bash" and SERVING.search(text.strip()):
                servers.close()
                address = servers.enter_context(served(text.strip(), folder, environment))
            elif file := FILE.match(text):
                (folder / file[1]).write_text(block, encoding="utf-8")
            else:
                execute(language, block, folder, environment)


@contextmanager
def served(text: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a block that serves; gives the address at which it does."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    text = BEHIND.sub(str(free_port()), text) if BEHIND.search(text) else text
    command = text.replace(ADDRESS, address) if ADDRESS in text else f"{text} --port {port}"
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-euc", command], stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment, start_new_session=True
        )
    try:
        wait(process, port, log, START_SECONDS)
        yield address
    finally:
        stop(process)


def execute(language: str, block: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a block to its end and compare what it prints with what its comments say."""
    (folder / SCRIPTS[language]).write_text(block, encoding="utf-8")
    command = [*COMMANDS[language], SCRIPTS[language]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    said = SAID.findall(block)
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{block}\nexited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert not said or printed == said, f"{block}\nsaid {said}\nbut printed {printed}"
