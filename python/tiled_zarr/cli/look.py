"""The commands `ls` and `info`: what a tree holds, and what one node is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from ..hierarchy.openings import reason
from ..settings import SettingsError
from .options import files, of_files
from .places import CannotLook, Made, Place, by, first_key, joined, looked_at

DEPTH, MOST = 3, 200
"""How deep `ls` goes and how many nodes it prints, unless it is told otherwise."""

key = click.option("--api-key", "-k", metavar="KEY", help="Key of the server; else the one in the address, or TILED_ZARR_API_KEY.")
as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@click.command("ls")
@click.argument("words", metavar="ANYTHING...", nargs=-1, required=True, type=click.Path())
@click.option("--depth", type=click.IntRange(1), default=DEPTH, show_default=True, help="How many groups deep to go.")
@click.option("--most", type=click.IntRange(1), default=MOST, show_default=True, help="How many nodes to print.")
@as_json
@key
@of_files
def ls(words: tuple[str, ...], depth: int, most: int, is_json: bool, api_key: str | None, **options: Any) -> None:
    """Print the tree of ANYTHING that `serve` takes, or of a running server at an address.

    FILE::PATH begins at a node inside. Every node that is printed is opened, but no data are read.
    """
    with failures(), looked_at(words, api_key, files(options)) as (place, path):
        found = Tree(place, depth, most)
        nodes = list(found.nodes(path, 0))
        if is_json:
            click.echo(json.dumps({"nodes": nodes, "left_out": found.left_out, "cut": found.cut}, indent=2))
            return
        for node in nodes:
            click.echo(line(node))
        for name, why in found.left_out.items():
            click.echo(f"left out: {name}: {why}")
        for sentence in found.cut:
            click.echo(sentence)


@click.command()
@click.argument("node", type=click.Path())
@as_json
@key
@of_files
def info(node: str, is_json: bool, api_key: str | None, **options: Any) -> None:
    """Print what NODE is, and make one chunk of it.

    NODE is a file, FILE::PATH for a node inside, or the address of a node on a running server. In
    process the chunk is made twice without a cache; a server is asked for it once.
    """
    with failures(), looked_at((node,), api_key, files(options)) as (place, path):
        facts = known(place, path)
        if is_json:
            click.echo(json.dumps(facts, indent=2))
            return
        width = max(map(len, facts))
        for name, value in facts.items():
            click.echo(f"{name:{width}}  {value}")


@contextmanager
def failures() -> Iterator[None]:
    """Turn whatever fails in here into one line for people."""
    try:
        yield
    except (CannotLook, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    except (click.ClickException, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        raise click.ClickException(reason(error)) from error


class Tree:
    """The nodes of a tree, up to a depth and a number; `left_out` and `cut` say what is not there."""

    def __init__(self, place: Place, depth: int, most: int) -> None:
        self.place, self.depth, self.most = place, depth, most
        self.left_out: dict[str, str] = {}
        self.cut: list[str] = []
        self.count = 0

    def nodes(self, path: str, depth: int) -> Iterator[dict[str, Any]]:
        """Yield the node at a path and those below it, each as a JSON object."""
        document = self.place.document(path)
        self.count += 1
        yield {"path": f"/{path}", "depth": depth, **described(document)}
        if document["node_type"] != "group":
            return
        names, left_out = self.place.children(path)
        self.left_out |= {f"/{joined(path, name)}": why for name, why in left_out.items()}
        if names and depth == self.depth:
            self.cut.append(f"/{path} holds {len(names)} more; --depth {depth + 1} goes there")
            return
        for number, name in enumerate(names):
            if self.count >= self.most:
                self.cut.append(f"/{path} holds {len(names) - number} more; --most {2 * self.most} prints twice as many")
                return
            yield from self.child(joined(path, name), depth + 1)

    def child(self, path: str, depth: int) -> Iterator[dict[str, Any]]:
        """Yield the nodes from a child down; one that fails is left out."""
        try:
            yield from self.nodes(path, depth)
        except Exception as error:  # noqa: BLE001 - one bad child is one that is left out
            self.left_out[f"/{path}"] = str(error) if isinstance(error, CannotLook) else reason(error)


def described(document: Mapping[str, Any]) -> dict[str, Any]:
    """The kind of a node, and the shape, type and chunks of an array."""
    if document["node_type"] == "group":
        return {"kind": "group"}
    kind = document["data_type"]
    return {
        "kind": "array",
        "shape": document["shape"],
        "data_type": kind if isinstance(kind, str) else kind["name"],
        "chunks": document["chunk_grid"]["configuration"]["chunk_shape"],
    }


def line(node: Mapping[str, Any]) -> str:
    """A node in one line, indented by its depth."""
    name = f"{'  ' * node['depth']}{node['path'].rpartition('/')[2] or '/'}"
    if node["kind"] == "group":
        return f"{name}  group"
    return f"{name}  array  {by(node['shape'])}  {node['data_type']}  chunks {by(node['chunks'])}"


def known(place: Place, path: str) -> dict[str, Any]:
    """What is known of a node, in words, with the time of one chunk."""
    document = place.document(path)
    if document["node_type"] == "group":
        names, left_out = place.children(path)
        return {"path": f"/{path}", "kind": "group", "children": len(names), "left out": len(left_out)}
    array = described(document)
    facts = {"path": f"/{path}", "kind": "array", "shape": by(array["shape"]), "type": array["data_type"]}
    facts |= {"chunks on the wire": by(array["chunks"]), **place.details(path)}
    if 0 in array["shape"]:
        return facts
    return facts | timed(place.chunk(path, first_key(document)))


def timed(made: Made) -> dict[str, Any]:
    """A chunk that was made: its size, and the time that it took."""
    times = {"time": f"{1000 * made.seconds:.3f} ms"}
    again = {} if made.again is None else {"time again": f"{1000 * made.again:.3f} ms"}
    return {"one chunk": f"{made.key}, {made.nbytes} bytes", **times, **again}
