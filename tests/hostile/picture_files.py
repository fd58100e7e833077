"""Bad pictures: TIFF files that end early, point back at themselves or promise too much.

There are bombs in PNG too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from hostile.things import FAILED, Bad, Claim, Good, Short, broken, damaged_kinds, hostile, too_large, unreadable

GREY = (np.add.outer(np.arange(96), np.arange(64)) % 251).astype("u1")
PAGES = np.stack([np.full((256, 256), page, "u1") for page in range(27)])
"""Each page is a chunk."""
TAG = struct.Struct("<HHII")


@hostile("pictures")
def good(at: Path) -> Iterable[Claim]:
    tifffile.imwrite(at / "good_tif.tif", GREY, tile=(32, 32), compression="zlib", photometric="minisblack")
    tifffile.imwrite(at / "good_tiff.tiff", GREY, photometric="minisblack")
    tifffile.imwrite(at / "good_ome.ome.tif", PAGES, photometric="minisblack", metadata={"axes": "ZYX"})
    Image.fromarray(GREY).save(at / "good_png.png")
    Image.fromarray(GREY).save(at / "good_jpg.jpg")
    jpeg = np.asarray(Image.open(at / "good_jpg.jpg"))
    truth = {"good_tif": GREY, "good_tiff": GREY, "good_ome": PAGES, "good_png": GREY, "good_jpg": jpeg}
    return [Good(path=path, values=values) for path, values in truth.items()]


@hostile("pictures")
def damaged(at: Path) -> Iterable[Claim]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), "u1")
    claims: list[Claim] = []
    for name in ("photo.png", "photo.jpg", "photo.jpeg"):
        Image.fromarray(noise).save(at / name)
        claims += _damaged(at / name)
    for name in ("page.tif", "page.tiff", "page.btf", "page.svs", "page.ome.tif", "page.ome.tiff"):
        tifffile.imwrite(at / name, noise, photometric="minisblack")
        claims += _damaged(at / name)
    return claims


def _damaged(file: Path) -> list[Bad]:
    """The three damages, under names that have the suffix.

    Of half a picture, at least its only chunk cannot be read.
    """
    file = file.rename(
        file.with_name(f"{file.name.partition('.')[0]}_{file.name.partition('.')[2].replace('.', '_')}.{file.name.partition('.')[2]}")
    )
    claims = damaged_kinds(file, (0, 0))
    file.unlink()
    cut = claims[0]
    return [Bad(path=cut.path, chunks=FAILED, index=(0, 0)), *claims[1:]]


@hostile("pictures")
def cut_chains(at: Path) -> Iterable[Claim]:
    """Stacks of 27 pages, cut at a third, so that nothing in the file says how many there were.

    Each page points only to the next one. The last page whose header is there is cut, and fails.
    tifffile reads what is left of an ImageJ stack as its first page.
    """
    writers = {"cut_chain.tif": write_chain, "cut_ome_chain.ome.tif": write_ome_chain, "cut_imagej.tif": write_imagej}
    for name, write in writers.items():
        write(at / name)
        cut_at_a_third(at / name)
    names = ("cut_chain", "cut_ome_chain", "cut_imagej")
    return [*(Short(path=name) for name in names), unreadable("cut_chain", (8, 0, 0)), unreadable("cut_ome_chain", (9, 0, 0))]


def write_chain(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for page in PAGES:
            file.write(page, contiguous=False, metadata=None, photometric="minisblack")


def write_run(path: Path) -> None:
    tifffile.imwrite(path, PAGES, photometric="minisblack")


def write_imagej(path: Path) -> None:
    tifffile.imwrite(path, PAGES, imagej=True, metadata={"axes": "ZYX"})


def write_described_chain(path: Path) -> None:
    """An OME-TIFF whose description lies in its first page, as Bio-Formats writes it."""
    xml = tifffile.OmeXml()
    xml.addimage("uint8", PAGES.shape, (27, 1, 1, 256, 256, 1), axes="ZYX")
    with tifffile.TiffWriter(path, ome=False) as file:
        for number, page in enumerate(PAGES):
            text = xml.tostring(declaration=True).encode() if number == 0 else None
            file.write(page, contiguous=False, metadata=None, photometric="minisblack", description=text)


def write_ome_chain(path: Path) -> None:
    """The description of an OME-TIFF that tifffile writes lies at its end."""
    tifffile.imwrite(path, PAGES, photometric="minisblack", metadata={"axes": "ZYX"}, compression="zlib")


def cut_at_a_third(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 3])


@hostile("pictures")
def cut_stacks(at: Path) -> Iterable[Claim]:
    """The same if the file begins with the number of pages.

    The last page is promised and missing, and never reads as zeros.
    """
    writers = {"cut_run.tif": write_run, "cut_ome.ome.tif": write_described_chain}
    claims: list[Claim] = []
    for name, write in writers.items():
        write(at / name)
        cut_at_a_third(at / name)
        stem = name.partition(".")[0]
        claims += [Short(path=stem), unreadable(stem, (26, 0, 0))]
    return claims


@hostile("pictures")
def looping_directories(at: Path) -> Iterable[Claim]:
    """A TIFF whose only page says that it is also the next one: at most its one page is read."""
    (at / "loop.tif").write_bytes(
        _tiff([(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 4096), (279, 4, 1, 64)], 8)
    )
    return []


@hostile("pictures")
def promising_tags(at: Path) -> Iterable[Claim]:
    """Tags that promise 4 billion values, 2^31 by 2^31 pixels, and strips past the file's end."""
    size = [(256, 4, 1, 2**31 - 1), (257, 4, 1, 2**31 - 1), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 4096), (279, 4, 1, 64)]
    counts = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 2**32 - 1, 8), (279, 4, 2**32 - 1, 8)]
    behind = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 2**31), (279, 4, 1, 64)]
    for name, tags in {"endless": size, "counts": counts, "behind": behind}.items():
        (at / f"{name}.tif").write_bytes(_tiff(tags, 0))
    return [unreadable(name, (0, 0)) for name in ("endless", "counts", "behind")]


def _tiff(tags: list[tuple[int, int, int, int]], following: int) -> bytes:
    """A little-endian TIFF of one page with these tags, and the offset of the page after it.

    A tag is (code, type, count, value).
    """
    body = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(TAG.pack(*tag) for tag in tags)
    return body + struct.pack("<I", following) + b"\0" * 200


@hostile("pictures")
def broken_ome_xml(at: Path) -> Iterable[Claim]:
    """Descriptions that are no XML, name a missing file, or expand entities without end.

    The pixels are good, or refused.
    """
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY e0 "x">{entities}]><OME>&e11;</OME>'
    lost = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0"><Pixels '
        'ID="P:0" DimensionOrder="XYZCT" Type="uint8" SizeX="64" SizeY="96" SizeZ="2" SizeC="1" SizeT="1"><TiffData IFD="0" FirstZ="1">'
        '<UUID FileName="/etc/passwd">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>'
    )
    for name, xml in {
        "entities": bomb,
        "lost_file": lost,
        "half": "<?xml version='1.0'?><OME xmlns='http://www.openmicroscopy.org/'><Im",
    }.items():
        tifffile.imwrite(at / f"{name}.ome.tif", GREY, photometric="minisblack", description=xml, metadata=None)
    return []


@hostile("pictures")
def png_bomb(at: Path) -> Iterable[Claim]:
    """A PNG of 60,000 x 60,000 zeros in 4 MB of zeros' zlib."""
    row = zlib.compressobj(9)
    lines = row.compress(b"\0" * 2**20) + row.flush(zlib.Z_FULL_FLUSH)
    block = row.compress(b"\0" * 2**20) + row.flush(zlib.Z_FULL_FLUSH)
    pixels = lines + block * 3433
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    (at / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks))
    return [too_large("bomb", (0, 0))]


@hostile("pictures")
def tiff_bomb(at: Path) -> Iterable[Claim]:
    """A TIFF whose tiles of 32 x 32 are 128 MiB of zeros each."""
    tifffile.imwrite(at / "bomb_tile.tif", GREY[:32, :32], tile=(32, 32), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(at / "bomb_tile.tif") as file:
        tags = file.pages[0].tags
        counts, offsets = tags["TileByteCounts"].valueoffset, tags["TileOffsets"].valueoffset
    raw, tile = bytearray((at / "bomb_tile.tif").read_bytes()), zlib.compress(bytes(2**27), 9)
    raw[offsets : offsets + 4], raw[counts : counts + 4] = struct.pack("<I", len(raw)), struct.pack("<I", len(tile))
    (at / "bomb_tile.tif").write_bytes(bytes(raw) + tile)
    return [too_large("bomb_tile", (0, 0))]


@hostile("pictures")
def png_wrong_checksum(at: Path) -> Iterable[Claim]:
    """A bit of the pixels flipped: PNG and zlib both notice."""
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64), "u1")).save(at / "flipped.png")
    raw = (at / "flipped.png").read_bytes()
    middle = raw.index(b"IDAT") + 2000
    (at / "flipped.png").write_bytes(raw[:middle] + bytes([raw[middle] ^ 16]) + raw[middle + 1 :])
    return [unreadable("flipped", (0, 0))]


@hostile("pictures")
def wrong_suffixes(at: Path) -> Iterable[Claim]:
    """A text that calls itself a picture, and a picture that calls itself HDF5."""
    (at / "text.png").write_text("not a picture")
    Image.fromarray(GREY).save(at / "png.h5", "PNG")
    return [broken("text", "text.png"), broken("png", "png.h5")]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
