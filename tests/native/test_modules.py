"""Rust modules have no import cycles, and unsafe code has one room in each crate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

RUST = Path(__file__).parents[2] / "rust"
Name = tuple[str, ...]
NOT_CODE = re.compile(r'//[^\n]*|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\\])\'', re.DOTALL)
"""Comments, strings and characters; a lifetime has no second quote two characters on."""
TEST = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]")
TOKEN = re.compile(
    r"\bmod (?P<inline>\w+) \{|\bmod (?P<child>\w+);|(?P<open>\{)|(?P<close>\})"
    r"|(?P<pub>pub(?:\([^)]*\))?\s+)?\buse (?P<tree>[^;]+);"
    r"|(?<![\w:])(?P<path>\w+(?:::\w+)+)"
)


@dataclass
class Module:
    """What a file says outside of its tests: the paths that it uses, the names it re-exports."""

    name: Name
    used: set[Name] = field(default_factory=set)
    handed_on: dict[str, Name] = field(default_factory=dict)


def leaves(tree: str, above: Name = ()) -> Iterator[tuple[Name, str]]:
    """Every path of a use declaration, with the name that it has from there on.

    >>> sorted(leaves("super::{self, a::{B as C, d}}"))
    [(('super',), 'super'), (('super', 'a', 'B'), 'C'), (('super', 'a', 'd'), 'd')]
    """
    depth, start, parts = 0, 0, []
    for at, letter in enumerate(tree):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            parts.append(tree[start:at])
            start = at + 1
    for part in filter(None, map(str.strip, [*parts, tree[start:]])):
        head, brace, inner = part.partition("{")
        path, _, alias = head.partition(" as ")
        name = above + tuple(filter(None, (step.strip() for step in path.split("::"))))
        if brace:
            yield from leaves(inner.rpartition("}")[0], name)
        else:
            name = name[:-1] if name[-1] in {"self", "*"} and len(name) > 1 else name
            yield name, alias.strip() or name[-1]


def absolute(path: Name, scope: Name, children: set[str]) -> Name | None:
    """The path from the crate on; None for what is of another crate or no module's."""
    match path[0]:
        case "crate":
            return path[1:]
        case "self":
            return scope + path[1:]
        case "super":
            while path and path[0] == "super":
                path, scope = path[1:], scope[:-1]
            return scope + path
        case first:
            return scope + path if first in children else None


def code(text: str) -> str:
    """A file without comments, strings and what is compiled for tests alone."""
    text = NOT_CODE.sub("_", text)
    while test := TEST.search(text):
        depth, end = 0, test.end()
        while text[end] not in ";}" or depth > (text[end] == "}"):
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
        text = text[: test.start()] + text[end + 1 :]
    return text


def parse(name: Name, text: str) -> Module:
    module, scopes, depth = Module(name), [(name, 0)], 0
    children = set(re.findall(r"\bmod (\w+);", text))
    for token in TOKEN.finditer(text):
        scope = scopes[-1][0]
        if token["open"] or token["inline"]:
            depth += 1
            scopes += [((*scope, token["inline"]), depth)] if token["inline"] else []
        elif token["close"]:
            scopes = scopes[:-1] if scopes[-1][1] == depth else scopes
            depth -= 1
        is_handed_on = token["pub"] and scope == name
        for path, known_as in leaves(token["tree"] or token["path"] or ""):
            full = absolute(path, scope, children)
            if full is not None and is_handed_on:
                module.handed_on[known_as] = full
            if full is not None and (not is_handed_on or len(re.findall(rf"\b{known_as}\b", text)) > 1):
                module.used.add(full)
    return module


def crate(source: Path) -> dict[Name, Module]:
    found = {}
    for path in sorted(source.rglob("*.rs")):
        parts = path.relative_to(source).with_suffix("").parts
        name = parts[:-1] if parts[-1] in {"mod", "lib"} else parts
        if parts[-1] != "tests":
            found[name] = parse(name, code(path.read_text()))
    return found


def owner(path: Name, modules: dict[Name, Module]) -> Name:
    """The module in whose file a path ends, by way of those that hand it on."""
    for length in range(len(path), -1, -1):
        if path[:length] in modules:
            module, rest = modules[path[:length]], path[length:]
            return owner(module.handed_on[rest[0]] + rest[1:], modules) if rest and rest[0] in module.handed_on else module.name
    raise AssertionError(path)


def arrows(source: Path) -> dict[Name, set[Name]]:
    modules = crate(source)
    return {name: {owner(path, modules) for path in module.used} - {name} for name, module in modules.items()}


def circle(source: Path) -> list[str]:
    """The modules of a circle, each of which uses the one before it; none if there is no circle."""
    try:
        TopologicalSorter(arrows(source)).prepare()
    except CycleError as error:
        return ["::".join(("crate", *name)) for name in error.args[1]]
    return []


@pytest.mark.parametrize("name", ["core", "py"])
def test_modules_use_each_other_in_no_circle(name: str) -> None:
    assert circle(RUST / name / "src") == []


def test_arrows_are_seen() -> None:
    """As of files that no one is likely to change in this regard."""
    core, py = arrows(RUST / "core" / "src"), arrows(RUST / "py" / "src")
    assert ("error",) in core["view",]
    assert ("raw", "buffer") in py["pool",]
    assert sum(map(len, core.values())) > 100


@pytest.mark.parametrize(
    "files",
    [
        {"a.rs": "use crate::b::B;", "b.rs": "fn f() { crate::a::g(); }"},
        {"a/mod.rs": "mod b; pub fn f() { b::g() }", "a/b.rs": "pub fn g() { super::f() }"},
        {"a/mod.rs": "mod b; mod c; pub use b::B;", "a/b.rs": "use super::c::C; pub struct B;", "a/c.rs": "use super::B; pub struct C;"},
        {"a/mod.rs": "mod b; pub use b::B; pub fn f(_: B) {}", "a/b.rs": "pub struct B; mod inner { use super::super::f; }"},
        {"a.rs": "use crate::{b::{self}, c};", "b.rs": "use crate::c::{x, y};", "c.rs": "use super::a as d;"},
    ],
    ids=["by a path", "with the parent", "by a name handed on", "from an inline module", "of three"],
)
def test_a_planted_circle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "lib.rs").write_text("mod a; mod b; mod c;")
    assert len(circle(tmp_path)) > 2


@pytest.mark.parametrize(
    "text",
    ["// use crate::b::B;", '#[doc = "crate::b::B"] fn f() {}', "#[cfg(test)] mod tests { use crate::b::B; }", "#[cfg(test)] mod tests;"],
)
def test_comments_strings_and_tests_are_no_arrows(tmp_path: Path, text: str) -> None:
    (tmp_path / "lib.rs").write_text("mod a; mod b;")
    (tmp_path / "a.rs").write_text(text)
    (tmp_path / "b.rs").write_text("use crate::a::A;")
    assert arrows(tmp_path)["a",] == set()


UNSAFE_ROOMS = {"core": "cpu", "py": "raw"}
"""The folder of each crate outside of which no code is unsafe or asks what the processor can do."""
UNSAFE = re.compile(r"\bunsafe\b|\bunsafe_code\b|\btarget_feature\b|is_\w+_feature_detected|\bextern\s+_|\barch::")


def unsafe_modules(source: Path) -> set[str]:
    """A crate's top folders and files with unsafe code or kernels for only some processors."""
    paths = {path.relative_to(source): NOT_CODE.sub("_", path.read_text()) for path in source.rglob("*.rs")}
    return {path.parts[0] for path, text in paths.items() if UNSAFE.search(text)}


@pytest.mark.parametrize("name", UNSAFE_ROOMS)
def test_unsafe_code_has_one_room(name: str) -> None:
    assert unsafe_modules(RUST / name / "src") == {UNSAFE_ROOMS[name]}


@pytest.mark.parametrize(
    "text",
    [
        "fn f() { unsafe { g() } }",
        '#[target_feature(enable = "avx2")] fn f() {}',
        '#[expect(unsafe_code, reason = "")] fn f() {}',
        'extern "C" fn f() {}',
        "use std::arch::x86_64::__cpuid;",
    ],
)
def test_unsafe_code_elsewhere_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "lib.rs").write_text("// unsafe is a word here\nmod a;")
    (tmp_path / "a.rs").write_text(text)
    assert unsafe_modules(tmp_path) == {"a.rs"}
