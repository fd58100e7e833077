"""No mutable object at module level: what applications share is passed on in `Resources`.

These values count as mutable if a module or a class body binds them to a name:
- a list, dict or set (displays, comprehensions and calls), also inside a tuple;
- an object of one of our classes, except frozen dataclasses, named tuples, enums and exceptions;
- anything else that other code could change, such as a lock, a deque or a weak map;
- a function that caches its results, unless the cache is bounded.

A table is a `MappingProxyType`, a `frozenset` or a tuple. A `ContextVar` is allowed: it holds only
what a caller has set for the calls below it.

We parse the source for what a module writes down, and look at the imported modules for what their
own functions have made.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import io
import queue
import threading
import weakref
from collections import deque
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from concurrent.futures import Executor
from functools import cache, lru_cache
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest
from house import Module, modules

from tiled_zarr import _native

ALLOWED = {
    ("app", "app"): "the ASGI application that servers import by this name, made at its first use",
    ("resources", "default"): "for who opens a file without an application: notebooks and tests have one process to share",
    ("revisions", "launch_nonce"): "a text; workers and applications of one launch must give the same tags",
    ("adapters.registry", "_table"): "the entry points that are installed, read-only",
    ("demo.images", "moonrise"): "a megabyte of read-only pictures, the same in every application",
    ("http.site.templates", "environment"): "compiled templates; nothing of an application goes in",
    ("attributes", "NOTHING"): "an empty `Said`, whose type says that nobody changes it, of all nodes that say nothing",
    ("cli.commands", "anything"): "a command of click's, complete once its module is imported",
    ("cli.commands", "serve"): "a command of click's, complete once its module is imported",
    ("adapters.hdf5.files", "FILES"): "of a helper process, whose functions are called by name; no server imports this module",
    ("tiled.catalog.stamps", "stamps"): "counts what an engine writes, for all who read it; engines are of the process, and held weakly",
    ("adapters.files.npy", "PARSING"): "a lock around a fault of CPython, which is the process's",
}
"""What stays at module level, with the reason."""

DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
CALLS = frozenset({"list", "dict", "set", "bytearray", "deque", "defaultdict", "Counter", "OrderedDict", "local", "Lock", "RLock"})
CACHES = frozenset({"cache", "lru_cache"})
MUTABLE = (
    MutableMapping,
    MutableSequence,
    MutableSet,
    deque,
    threading.local,
    weakref.ref,
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    queue.Queue,
    queue.SimpleQueue,
    io.IOBase,
    SimpleNamespace,
    Iterator,
    Executor,
)

CACHED = type(lru_cache(1)(len))


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def is_written_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Tuple):
        return any(map(is_written_mutable, value.elts))
    return isinstance(value, DISPLAYS) or (isinstance(value, ast.Call) and (name_of(value.func) in CALLS or "Weak" in name_of(value.func)))


def is_unbounded(decorator: ast.expr) -> bool:
    """True for `cache`, and for `lru_cache` without a bound; without arguments it has one, 128."""
    if not isinstance(decorator, ast.Call):
        return name_of(decorator) == "cache"
    bounds = [*decorator.args, *(keyword.value for keyword in decorator.keywords if keyword.arg == "maxsize")]
    return name_of(decorator.func) in CACHES and any(isinstance(bound, ast.Constant) and bound.value is None for bound in bounds)


def written(body: list[ast.stmt]) -> Iterator[str]:
    """Names to which a module, or a class in it, binds what is mutable."""
    for statement in body:
        match statement:
            case ast.Assign(targets=targets, value=value) if is_written_mutable(value):
                yield from map(name_of, targets)
            case ast.AnnAssign(target=target, value=value) if is_written_mutable(value):
                yield name_of(target)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if any(map(is_unbounded, statement.decorator_list)):
                yield statement.name
            case ast.ClassDef():
                yield from (f"{statement.name}.{name}" for name in written(statement.body))
            case ast.If() | ast.Try() | ast.With():
                yield from written([part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt)])


def is_mutable(value: object) -> bool:
    """True for an object that its users can change; a native codec has no method that does."""
    kind = type(value)
    if isinstance(value, MUTABLE):
        return True
    if isinstance(value, CACHED):  # also one that is made by a call: `kept = cache(f)`
        return value.cache_parameters()["maxsize"] is None
    if (
        kind is _native.Codec
        or not kind.__module__.startswith("tiled_zarr.")
        or isinstance(value, type | tuple | BaseException | str | int)
    ):
        return isinstance(value, tuple) and any(map(is_mutable, value))
    return not (dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen)  # type: ignore[attr-defined] # of dataclasses


def held(module: ModuleType) -> Iterator[str]:
    """Names by which a module holds what is mutable, and was made by itself."""
    for name, value in vars(module).items():
        if not name.startswith("__") and not isinstance(value, ModuleType | FunctionType) and is_mutable(value):
            yield name


def breaches(module: Module, found: Iterator[str]) -> list[str]:
    return [name for name in found if name != "__all__" and (".".join(module), name) not in ALLOWED]


@pytest.mark.parametrize("module", modules(), ids=".".join)
def test_nothing_mutable_is_written_at_module_level(module: Module) -> None:
    assert breaches(module, written(ast.parse(modules()[module].read_text()).body)) == []


@pytest.mark.parametrize("module", modules(), ids=".".join)
def test_nothing_mutable_is_held_at_module_level(module: Module) -> None:
    if module in {("__init__",), ("__main__",)}:  # the second runs the program
        return
    try:
        found = importlib.import_module(".".join(("tiled_zarr", *module)))
    except ModuleNotFoundError as why:
        assert why.name in {"granian", "uvicorn"}, why  # noqa: PT017 - a server that is not installed
        return
    imported = {alias for other in ast.walk(ast.parse(modules()[module].read_text())) for alias in aliases(other)}
    assert breaches(module, (name for name in held(found) if name not in imported)) == []


def aliases(node: ast.AST) -> list[str]:
    """Names that an import binds."""
    return [alias.asname or alias.name.partition(".")[0] for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []


@pytest.mark.parametrize("name", ALLOWED, ids=".".join)
def test_what_is_allowed_is_there(name: tuple[str, str]) -> None:
    assert hasattr(importlib.import_module(f"tiled_zarr.{name[0]}"), name[1])


PLANTED = {
    "a dict": "KEPT = {}",
    "an annotated dict": "KEPT: dict[str, int] = {}",
    "a set by a call": "KEPT = set()",
    "a list in a tuple": "KEPT = (1, [2])",
    "a comprehension": "KEPT = {i: i for i in range(3)}",
    "a weak map": "KEPT = WeakValueDictionary()",
    "a lock": "KEPT = threading.Lock()",
    "what belongs to threads": "KEPT = threading.local()",
    "in a condition": "if True:\n    KEPT = []",
    "in a class": "class KEPT:\n    kept = {}",
    "a cache": "@cache\ndef KEPT(a): ...",
    "a cache without a bound": "@functools.lru_cache(maxsize=None)\ndef KEPT(a): ...",
    "a cache of a method": "class KEPT:\n    @cache\n    def of(self): ...",
}
HARMLESS = {
    "a table": "KEPT = MappingProxyType({1: 2})",
    "a set": "KEPT = frozenset({1})",
    "a tuple": "KEPT = (1, (2, 3))",
    "a type": "KEPT = np.dtype([('a', 'i4')])",
    "a bounded cache": "@lru_cache(100)\ndef KEPT(a): ...",
    "a local variable": "def KEPT():\n    kept = {}",
    "a context": "KEPT = ContextVar('kept')",
}


@pytest.mark.parametrize("source", PLANTED.values(), ids=PLANTED)
def test_a_planted_breach_is_seen(source: str) -> None:
    assert [name.partition(".")[0] for name in written(ast.parse(source).body)] == ["KEPT"]


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_what_is_harmless_is_let_be(source: str) -> None:
    assert list(written(ast.parse(source).body)) == []


def test_a_planted_object_is_seen() -> None:
    """What functions make is seen too, and what is frozen is not."""
    from tiled_zarr.caches.recent import Recent
    from tiled_zarr.hangs import Hangs
    from tiled_zarr.nodes import Options

    planted = ModuleType("planted")
    made: dict[str, Any] = {"a": Hangs(), "b": Recent(1), "c": ({},), "d": Options(), "e": (1, "x"), "f": threading.RLock()}
    made |= {"g": threading.Event(), "h": queue.Queue(), "i": SimpleNamespace(), "j": iter([1]), "k": cache(len), "l": lru_cache(9)(len)}
    vars(planted).update(made)
    assert list(held(planted)) == ["a", "b", "c", "f", "g", "h", "i", "j", "k"]
