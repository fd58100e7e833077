"""HDF5 files that hang, lie, or say what no document can hold."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from hostile.things import Claim, Counted, Good, broken, damaged_kinds, flipped, formless, hostile, refused, too_large, unreadable

TEN = np.arange(10)
MANY = np.arange(1000)
NOT_UTF8 = "Höhe".encode("latin-1")
SURROGATE = b"\xed\xa0\x80"
"""U+D800 as UTF-8 would spell it if it were allowed to."""
HUGE = 512 * 2**20


def _text(size: int, charset: int = h5py.h5t.CSET_UTF8) -> h5py.h5t.TypeStringID:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_cset(charset)
    return kind


def _raw_attribute(item: h5py.Dataset | h5py.Group, name: bytes, value: bytes) -> None:
    """An attribute whose name and text are these bytes, whatever they are."""
    kind = _text(len(value))
    attribute = h5py.h5a.create(item.id, name, kind, h5py.h5s.create(h5py.h5s.SCALAR))
    attribute.write(np.array(value, f"S{len(value)}"), mtype=kind)


def _latest(path: Path, writer: str = "") -> bytes:
    """A file of the newest format, in which each piece of metadata has a checksum.

    With `swmr` or `alone`, it is as a dead writer of that kind left it.
    """
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = TEN
        file.create_dataset("c", data=MANY, chunks=(10,), maxshape=(None,))
        if writer == "swmr":
            file.swmr_mode = True
        file.flush()
        left = path.read_bytes()
    return left if writer else path.read_bytes()


@hostile("hdf5")
def other_kinds(at: Path) -> Iterable[Claim]:
    """Files of other formats under names that HDF5 has too: NetCDF-3, HDF4, MATLAB's older one."""
    starts = {"old.cdf": b"CDF\x01", "older.nc4": b"CDF\x02", "hdf4.hdf": b"\x0e\x03\x13\x01", "five.mat": b"MATLAB 5.0 MAT-file"}
    for name, start in starts.items():
        (at / name).write_bytes(start + b"\0" * 200)
    return [broken(name.partition(".")[0]) for name in starts]


@hostile("hdf5")
def good(at: Path) -> Iterable[Claim]:
    with h5py.File(at / "good.h5", "w") as file:
        file.create_dataset("plain", data=MANY.reshape(10, 100))
        file.create_dataset("packed", data=MANY, chunks=(100,), compression="gzip", shuffle=True)
    return [Good(path="good/plain", values=MANY.reshape(10, 100)), Good(path="good/packed", values=MANY), *damaged_kinds(at / "good.h5")]


@hostile("hdf5")
def netcdf_suffixes(at: Path) -> Iterable[Claim]:
    """The other suffixes of HDF5, with files of no format behind them."""
    for suffix in ("hdf5", "hdf", "nc", "nxs", "nx5"):
        (at / f"no_{suffix}.{suffix}").write_bytes(b"this is no HDF5 file" * 100)
    return [broken(f"no_{suffix}", f"no_{suffix}.{suffix}") for suffix in ("hdf5", "hdf", "nc", "nxs", "nx5")]


@hostile("hdf5")
def long_double_attribute(at: Path) -> Iterable[Claim]:
    with h5py.File(at / "long_double.h5", "w") as file:
        file["d"] = TEN
        file["d"].attrs["dx"] = np.longdouble("0.1")
        file["d"].attrs["z"] = np.clongdouble(1 + 2j)
    return [Good(path="long_double/d", values=TEN)]


@hostile("hdf5")
def attributes_not_utf8(at: Path) -> Iterable[Claim]:
    """Names and texts of attributes in Latin-1, and with half of a surrogate pair."""
    with h5py.File(at / "attributes.h5", "w") as file:
        file["d"] = TEN
        for item in (file, file["d"]):
            _raw_attribute(item, NOT_UTF8, NOT_UTF8)
            _raw_attribute(item, b"surrogate", SURROGATE)
            _raw_attribute(item, SURROGATE, b"x")
    return [Good(path="attributes/d", values=TEN)]


@hostile("hdf5")
def attributes_in_our_name(at: Path) -> Iterable[Claim]:
    """Attributes that call themselves what the server's own are called."""
    with h5py.File(at / "ours.h5", "w") as file:
        file["d"] = TEN
        for item in (file, file["d"]):
            item.attrs["tiled_zarr"] = "mine"
            item.attrs["_ARRAY_DIMENSIONS"] = 7
            item.attrs["dimension_names"] = [1, 2]
    return [Good(path="ours/d", values=TEN)]


@hostile("hdf5")
def attribute_without_numpy_type(at: Path) -> Iterable[Claim]:
    """An attribute that h5py cannot read: a time of HDF5 1.4, for which there is no numpy type."""
    with h5py.File(at / "time_attribute.h5", "w") as file:
        file["d"] = TEN
        h5py.h5a.create(file["d"].id, b"when", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR))
    return [Good(path="time_attribute/d", values=TEN)]


@hostile("hdf5")
def large_attributes(at: Path) -> Iterable[Claim]:
    """Three thousand attributes, one of 4 MB and one text of 1 MB, beside data of 80 bytes."""
    with h5py.File(at / "large_attributes.h5", "w", libver="latest") as file:
        file["d"] = TEN
        file["d"].attrs["table"] = np.zeros(500_000)
        file["d"].attrs["text"] = "x" * 2**20
        for number in range(3000):
            file.attrs[f"k{number}"] = number
    return [Good(path="large_attributes/d", values=TEN)]


@hostile("hdf5")
def links_not_utf8(at: Path) -> Iterable[Claim]:
    with h5py.File(at / "links.h5", "w") as file:
        file["fine"] = TEN
        dataset = h5py.h5d.create(file.id, b"Temperatur_\xb0C", h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((10,)))
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, TEN)
        h5py.h5g.create(file.id, b"Gr\xfcn")
        h5py.h5g.create(file.id, SURROGATE)
    return [Good(path="links/fine", values=TEN), Counted(path="links", entries=4)]


@hostile("hdf5")
def labels_and_scales_not_utf8(at: Path) -> Iterable[Claim]:
    """Axes whose label, scale name or scale's link is not UTF-8, or has half a surrogate pair."""
    with h5py.File(at / "labels.h5", "w") as file:
        for number, name in enumerate((NOT_UTF8, SURROGATE)):
            file[f"labelled{number}"] = TEN
            h5py.h5ds.set_label(file[f"labelled{number}"].id, 0, name)
            scale = h5py.h5d.create(file.id, b"scale_" + name, h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((10,)))
            h5py.h5ds.set_scale(scale, name)
            file[f"scaled{number}"] = TEN
            h5py.h5ds.attach_scale(file[f"scaled{number}"].id, scale, 0)
    return [Good(path=f"labels/{name}{number}", values=TEN) for name in ("labelled", "scaled") for number in (0, 1)]


@hostile("hdf5")
def flipped_superblock(at: Path) -> Iterable[Claim]:
    """One flipped bit in the superblock, for which HDF5 refuses the file.

    If it is then opened as a SWMR reader, HDF5 waits 2^100 ns for the checksum, and holds the GIL.
    """
    raw = _latest(at / "flipped_superblock.h5")
    (at / "flipped_superblock.h5").write_bytes(flipped(raw, 20))
    return [broken("flipped_superblock", "flipped_superblock.h5")]


@hostile("hdf5")
def flipped_root(at: Path) -> Iterable[Claim]:
    """One bit of the root group's header: the file opens, its root does not."""
    raw = _latest(at / "flipped_root.h5")
    (at / "flipped_root.h5").write_bytes(flipped(raw, raw.index(b"OHDR") + 20))
    return [broken("flipped_root", "flipped_root.h5")]


@hostile("hdf5")
def flipped_child(at: Path) -> Iterable[Claim]:
    """One bit of one dataset's header: the other dataset is good."""
    raw = _latest(at / "flipped_child.h5")
    (at / "flipped_child.h5").write_bytes(flipped(raw, raw.rindex(b"OHDR") + 20))
    return [broken("flipped_child/c"), Good(path="flipped_child/x", values=TEN)]


@hostile("hdf5")
def stale_writer(at: Path) -> Iterable[Claim]:
    """A file whose SWMR writer died: its data are whole, and its flag stands."""
    (at / "stale.h5").write_bytes(_latest(at / "stale.h5", "swmr"))
    return [Good(path="stale/x", values=TEN), Good(path="stale/c", values=MANY)]


@hostile("hdf5")
def stale_writer_on_damaged_files(at: Path) -> Iterable[Claim]:
    """The same with one bit flipped.

    It is right to open these files as a SWMR reader, and that hangs: at open, at a look-up, in a
    read.
    """
    raw = _latest(at / "stale_read.h5", "swmr")
    (at / "stale_open.h5").write_bytes(flipped(raw, 20))
    (at / "stale_root.h5").write_bytes(flipped(raw, raw.index(b"OHDR") + 20))
    (at / "stale_read.h5").write_bytes(flipped(raw, raw.index(b"EAIB") + 12))
    return [broken("stale_open", "stale_open.h5"), broken("stale_root", "stale_root.h5"), unreadable("stale_read/c", (0,))]


@hostile("hdf5")
def locked_by_a_dead_writer(at: Path) -> Iterable[Claim]:
    """The flag of a writer that lets nobody read; the file was never closed."""
    (at / "dead_writer.h5").write_bytes(_latest(at / "dead_writer.h5", "alone"))
    return [broken("dead_writer", "dead_writer.h5")]


@hostile("hdf5")
def links_to_pipes(at: Path) -> Iterable[Claim]:
    """Links and virtual datasets that lead to a named pipe, which waits for ever for a writer."""
    os.mkfifo(at / "pipe_behind_links.h5")
    with h5py.File(at / "to_pipes.h5", "w") as file:
        file["fine"] = TEN
        file["linked"] = h5py.ExternalLink("pipe_behind_links.h5", "/x")
        layout = h5py.VirtualLayout((10,), "i8")
        layout[:] = h5py.VirtualSource("pipe_behind_links.h5", "x", (10,))
        file.create_virtual_dataset("virtual", layout, fillvalue=-1)
        file["soft"] = h5py.SoftLink("/linked")
    return [Good(path="to_pipes/fine", values=TEN), broken("to_pipes/linked"), refused("to_pipes/soft"), unreadable("to_pipes/virtual")]


@hostile("hdf5")
def links_that_lead_nowhere(at: Path) -> Iterable[Claim]:
    """Out of the folder, to no file, to no object, in a circle, and to itself."""
    with h5py.File(at.parents[1] / "outside.h5", "w") as file:
        file["x"] = TEN
    with h5py.File(at / "astray.h5", "w") as file:
        file["fine"] = TEN
        file["outside"] = h5py.ExternalLink("../../outside.h5", "/x")
        file["absolute"] = h5py.ExternalLink(str(at.parents[1] / "outside.h5"), "/x")
        file["missing"] = h5py.ExternalLink("not_there.h5", "/x")
        file["dangling"] = h5py.SoftLink("/nothing")
        file["one"], file["two"] = h5py.SoftLink("/two"), h5py.SoftLink("/one")
        file["up"] = h5py.SoftLink("/")
    names = ("outside", "absolute", "missing", "dangling", "one", "two", "up")
    return [Good(path="astray/fine", values=TEN), *(refused(f"astray/{name}") for name in names)]


@hostile("hdf5")
def damaged_chunks(at: Path) -> Iterable[Claim]:
    """Chunks that gzip, Fletcher's checksum or LZF refuse, each in a dataset with a good one."""
    with h5py.File(at / "chunks.h5", "w") as file:
        for name, options in {"gzip": {"compression": "gzip"}, "fletcher": {"fletcher32": True}, "lzf": {"compression": "lzf"}}.items():
            dataset = file.create_dataset(name, data=np.zeros(40_000), chunks=(20_000,), **options)
            dataset.id.write_direct_chunk((20_000,), b"\xff" * 160_000)
    return [unreadable(f"chunks/{name}", (1,)) for name in ("gzip", "fletcher", "lzf")]


@hostile("hdf5")
def unknown_filter(at: Path) -> Iterable[Claim]:
    """A dataset behind a filter that nobody has."""
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((10,))
    created.set_filter(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FLAG_OPTIONAL, (1,))
    with h5py.File(at / "unknown_filter.h5", "w") as file:
        dataset = h5py.h5d.create(file.id, b"d", h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((10,)), created)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, TEN)
        file["fine"] = TEN
    raw = (at / "unknown_filter.h5").read_bytes()
    of_deflate = b"\x01\x00\x08\x00\x01\x00\x01\x00deflate\x00"
    assert raw.count(of_deflate) == 1
    (at / "unknown_filter.h5").write_bytes(raw.replace(of_deflate, b"\xe7\x7f\x08\x00\x00\x00\x01\x00unknown\x00"))
    return [broken("unknown_filter/d"), Good(path="unknown_filter/fine", values=TEN)]


@hostile("hdf5")
def huge_chunks(at: Path) -> Iterable[Claim]:
    """Chunks of 512 MiB in a file of 2 MB: each of twelve small requests would decode one."""
    with h5py.File(at / "huge_chunks.h5", "w") as file:
        dataset = file.create_dataset("d", (12, HUGE), "u1", chunks=(1, HUGE), compression="gzip")
        for row in range(12):
            dataset.id.write_direct_chunk((row, 0), _zeros(HUGE))
        file["fine"] = TEN
    return [Good(path="huge_chunks/fine", values=TEN), *(too_large("huge_chunks/d", (row, 0)) for row in range(12))]


def _zeros(size: int) -> bytes:
    """`size` zeros in zlib's format, from one compressed block that is repeated.

    A full flush before a block makes it independent of what precedes it.
    """
    step = 2**20
    packer = zlib.compressobj(9)
    first = packer.compress(b"\0" * step) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b"\0" * step) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (size % 65521 << 16) | 1
    return first + block * (size // step - 1) + b"\x03\x00" + adler.to_bytes(4, "big")


@hostile("hdf5")
def deep_and_wide(at: Path) -> Iterable[Claim]:
    """200 datasets in one group, and 40 groups in each other, the innermost linked to the root."""
    with h5py.File(at / "deep.h5", "w", libver="latest") as file:
        for number in range(200):
            file[f"events/ev{number:04d}"] = TEN
        group = file
        for level in range(40):
            group = group.create_group(f"level{level}")
        group["x"] = TEN
        group["up"] = h5py.SoftLink("/")
    path = "/".join(f"level{level}" for level in range(40))
    return [Good(path=f"deep/{path}/x", values=TEN), Good(path="deep/events/ev0199", values=TEN), refused(f"deep/{path}/up")]


@hostile("hdf5")
def odd_types(at: Path) -> Iterable[Claim]:
    """Types that have no form in Zarr, next to one that has.

    References, ragged rows, a named type, and a dataset without a shape.
    """
    with h5py.File(at / "types.h5", "w") as file:
        file["fine"] = TEN
        file["references"] = np.array([file["fine"].ref], h5py.ref_dtype)
        ragged = file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1], [1, 2]
        file["named"] = np.dtype("f8")
        file["null"] = h5py.Empty("f4")
    return [Good(path="types/fine", values=TEN), *(formless(f"types/{name}") for name in ("references", "ragged", "named", "null"))]
