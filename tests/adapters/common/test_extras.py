"""What an adapter says when a package is missing is a command that installs it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tiled_zarr.adapters.common import extras
from tiled_zarr.extras import command
from tiled_zarr.nodes import Damaged

ROOT = Path(__file__).parents[3]
NAME = re.compile(r"[\w.-]+")


def asked_for() -> Iterator[tuple[str, str]]:
    """Every module that an adapter asks for, with the extra that it names."""
    for path in (ROOT / "python" / "tiled_zarr" / "adapters").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("require" | "check_installed"), args=[ast.Constant(str(module)), extra]):
                    yield module, extra.value if isinstance(extra, ast.Constant) else "images"


def installs(line: str) -> set[str]:
    """The distributions that a pip command installs, with what they need themselves."""
    pip, install, *requirements = shlex.split(line)
    assert (pip, install) == ("pip", "install")
    names = {found[0].lower() for requirement in requirements if (found := NAME.match(requirement))}
    needed = (line for name in names for line in metadata.requires(name) or () if "extra ==" not in line)
    return names | {found[0].lower() for line in needed if (found := NAME.match(line))}


@pytest.mark.parametrize(("module", "extra"), sorted(set(asked_for())))
def test_the_command_installs_what_is_asked_for(module: str, extra: str) -> None:
    [distribution] = set(metadata.packages_distributions()[module.partition(".")[0]])
    assert distribution.lower() in installs(command(extra))


def test_a_module_that_is_missing() -> None:
    said = r"^the package 'no_such_module' is not installed; pip install 'pillow>=11,<13'$"
    for ask in (extras.require, extras.check_installed):
        with pytest.raises(Damaged, match=said):
            ask("no_such_module", "images")
