"""zarrita, in Node, reads every array of a type that JavaScript has, and refuses the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clients import compare, running
from live import Live
from tiled_zarr.hierarchy import headers
from tiled_zarr.hierarchy.names import wire
from tiled_zarr.nodes import Array, Options

READABLE = {"v2": "biufSUO", "v3": "biufO"}
"""Kinds of types by format; floats of two bytes need a newer JavaScript than Node 20's."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("served", ["demo", "every_type", "every_codec", "locked types"])
@pytest.mark.parametrize("format_name", ["v2", "v3"])
def test_every_array_is_equal(format_name: str, served: str, servers: dict[str, Live], truth_folders: dict[str, Path]) -> None:
    tree = compare.load(running.SERVED[served].truth)
    arrays = {path: node for path, node in compare.nodes(tree) if isinstance(node, Array)}
    jobs = {path: boxes(node) for path, node in arrays.items()}
    answers = ask(f"{compare.keyed(servers[served].url, running.SERVED[served].key)}/zarr/{format_name}", format_name, jobs)
    assert set(answers) == set(arrays)
    refused = {path for path, answer in answers.items() if "error" in answer}
    assert refused == {path for path, node in arrays.items() if not is_readable(path, node, format_name)}, answers
    truth = compare.Truth(tree, truth_folders[running.SERVED[served].truth])
    for path in set(arrays) - refused:
        for box, block in zip(jobs[path], answers[path]["blocks"], strict=True):
            assert_same(path, truth, arrays[path], box, block)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("served", ["demo", "every_type"])
@pytest.mark.parametrize("format_name", ["v2", "v3"])
def test_the_web_profile_has_what_is_refused_without_it(format_name: str, served: str, servers: dict[str, Live], tmp_path: Path) -> None:
    """Times, text, bytes, records, booleans and complex numbers, each equal to what numpy makes of them."""
    tree = compare.load(running.SERVED[served].truth)
    truth = compare.Truth(tree, tmp_path)
    arrays = {
        path: node for path, node in compare.nodes(tree) if isinstance(node, Array) and node.dtype.kind in "MmUSVbc" and 0 not in node.shape
    }
    wanted = {part: values for path, node in arrays.items() for part, values in for_web(path, truth.block(node, whole(node)))}
    wanted = {path: values for path, values in wanted.items() if values.dtype != np.float16}
    jobs = {path: [tuple((0, size) for size in values.shape)] for path, values in wanted.items()}
    assert jobs
    answers = ask(f"{servers[served].url}/zarr/{format_name}/~dtype=web", format_name, jobs)
    for path, values in wanted.items():
        assert "error" not in answers[path], answers[path]
        (block,) = answers[path]["blocks"]
        if values.dtype == object:
            assert block["items"] == values.ravel().tolist(), path
        else:
            assert block["sha256"] == hashlib.sha256(values.tobytes()).hexdigest(), path


def whole(node: Array) -> compare.Box:
    return tuple((0, size) for size in node.shape)


def for_web(path: str, values: np.ndarray[Any, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The arrays that JavaScript gets in place of one, each with its path."""
    little = values.dtype.newbyteorder("<")
    match values.dtype.kind:
        case "V":
            for name in values.dtype.names or ():
                yield from for_web(f"{path}/{wire(name)}", values[name])
        case "M" | "m":
            unit = np.datetime_data(values.dtype)[0]
            yield path, values.astype(f"<{values.dtype.kind}8[{'D' if unit in {'Y', 'M', 'W'} else unit}]").view("<i8")
        case "U":
            yield path, values.astype(object)
        case "S":
            yield path, np.frombuffer(values.tobytes(), "u1").reshape(*values.shape, values.dtype.itemsize)
        case "c":
            yield path, np.stack([values.real, values.imag], axis=-1).astype(f"<f{values.dtype.itemsize // 2}")
        case "b":
            yield path, values.astype("u1")
        case _:
            yield path, values.astype(little)


def boxes(node: Array) -> list[compare.Box]:
    chunk_shape = headers.chunk_grid(node, Options()).chunk_shape
    return compare.regions(node.shape, chunk_shape, compare.nbytes(node))


def ask(base: str, format_name: str, jobs: dict[str, list[compare.Box]]) -> dict[str, dict[str, Any]]:
    script = running.HERE / "read_zarrita.mjs"
    given = json.dumps([{"path": path, "boxes": boxes} for path, boxes in jobs.items()])
    return {answer["path"]: answer for answer in json.loads(running.run([running.node(), script, base, format_name], given=given))}


def is_readable(path: str, node: Array, format_name: str) -> bool:
    """zarrita has no checksums in v2, and no arrays without items."""
    is_checked = format_name == "v2" and "crc32c" in path
    return node.dtype.kind in READABLE[format_name] and node.dtype != np.float16 and 0 not in node.shape and not is_checked


def assert_same(path: str, truth: compare.Truth, node: Array, box: compare.Box, block: dict[str, Any]) -> None:
    expected = truth.block(node, box)
    assert tuple(block["shape"]) == expected.shape, path
    if "items" in block:
        assert block["items"] == [as_javascript(item) for item in expected.ravel().tolist()], path
    elif node.revision() is not None:
        assert block["sha256"] == hashlib.sha256(expected.tobytes()).hexdigest(), path


def as_javascript(item: Any) -> Any:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else item
