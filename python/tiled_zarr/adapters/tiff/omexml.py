"""The files that OME-XML names as those of its planes.

Each file of a set may hold the OME-XML of the whole set: every `TiffData` names the file of its
planes by UUID and FileName.
https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from ...nodes import Damaged

LONGEST_NUMBER = 20
"""Digits from which on a size is ignored."""
MOST_PLANES = 4_000_000
"""Planes that OME-XML may promise; tifffile takes 16 bytes for each when it opens the file."""


def other_files(xml: str, own: str) -> tuple[str, ...]:
    """The names of other files than the one that holds the XML and is called `own`, in order.

    Each name appears once. The file itself is recognized by the UUID at the root, or by its name if
    there is no UUID.
    """
    if "FileName" not in xml:
        return ()
    root = _parsed(xml)
    uuid = None if root is None else root.get("UUID")
    found = (element.get("FileName", "") for element in _uuids(root) if uuid is None or element.text != uuid)
    return tuple(name for name in dict.fromkeys(found) if name and name.lower() != own.lower())


def files(xml: str) -> tuple[str, ...]:
    """The names of all files, in order, each once.

    The first is that of the file which holds the OME-XML, if this file says that it is elsewhere.
    """
    root = _parsed(xml)
    elsewhere = (element.get("MetadataFile") for element in ([] if root is None else root) if element.tag.endswith("BinaryOnly"))
    return tuple(name for name in dict.fromkeys([*elsewhere, *(element.get("FileName") for element in _uuids(root))]) if name)


def with_paths(xml: str, paths: Mapping[str, str]) -> str:
    """The XML with some names replaced by paths."""
    root = ElementTree.fromstring(xml)  # noqa: S314 - as below
    for element in _uuids(root):
        name = element.get("FileName", "")
        element.set("FileName", paths.get(name, name))
    return ElementTree.tostring(root, encoding="unicode")


def check_planes(xml: str) -> None:
    """Raise Damaged if the images together promise more than MOST_PLANES planes.

    Images without readable sizes are not counted.
    """
    root = _parsed(xml)
    pixels = (element for element in ([] if root is None else root.iter()) if element.tag.endswith("}Pixels"))
    counts = ([element.get(name, "") for name in ("SizeZ", "SizeC", "SizeT")] for element in pixels)
    valid = [sizes for sizes in counts if all(size.isdecimal() and len(size) < LONGEST_NUMBER for size in sizes)]
    if sum(math.prod(map(int, sizes)) for sizes in valid) > MOST_PLANES:
        raise Damaged(f"OME-XML that promises more than {MOST_PLANES:,} planes; write it again")


def _uuids(root: ElementTree.Element | None) -> Iterator[ElementTree.Element]:
    """The elements that name files."""
    return (element for element in ([] if root is None else root.iter()) if element.tag.endswith("UUID"))


def _parsed(xml: str) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(xml)  # noqa: S314 - expat has refused bombs of entities since 2.4.1
    except ElementTree.ParseError:
        return None
