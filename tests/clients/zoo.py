"""A folder of files of every kind, as people have reported them, written by their own libraries."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import hdf5plugin
import imagecodecs
import numcodecs
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
import tifffile
import zarr
from h5py import h5d, h5s, h5t, h5z
from PIL import Image

RAMP = np.add.outer(np.arange(123), np.arange(211)) % 1000
LATIN = np.array(["µm".encode("latin-1"), "Å".encode("latin-1")], object)
REASONS = {
    "hdf5/edge/null": "has no shape",
    "hdf5/edge/up": "a cycle",
    "hdf5/edge/gone": "leads nowhere",
    "hdf5/edge/lost": "'not_here.h5', which is missing",
    "hdf5/types/int24": "numpy has no equivalent",
    "hdf5/records/ragged": "a ragged array",
    "hdf5/records/references": "references to other objects",
    "hdf5/filters/unknown": "the HDF5 filter 31999",
    "hdf5/notebook/cell": "references to other objects",
    "hdf5/classic": "a NetCDF-3 file",
    "hdf5/hollow": "is empty",
    "stores/three/unknown_codec": "cannot be read as Zarr",
    "stores/three/unknown_type": "cannot be read as Zarr",
    "arrays/many/objects": "pickled Python objects",
    "arrays/objects": "pickled Python objects",
    "tables/nested/lists": "flatten it",
    "tables/nested/pairs": "flatten it",
    "pictures/junk": "cannot be read as a picture",
}
"""What cannot be served, and a part of what is said of it."""


def write(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr-python's, of types that v3 does not specify
        for name, fill in {"hdf5": hdf5, "stores": stores, "arrays": arrays, "tables": tables, "pictures": pictures}.items():
            (folder / name).mkdir()
            fill(folder / name)


def hdf5(folder: Path) -> None:
    for name, fill in {"types": types, "records": records, "edge": edges, "text": texts, "filters": filters, "virtual": virtual}.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            fill(file)
    with h5py.File(folder / "master.nxs", "w") as file:
        file["entry/detector/counts"] = h5py.ExternalLink("filters.h5", "/plain")
        file["entry/data/counts"] = h5py.SoftLink("/entry/detector/counts")
        file["entry/title"], file["entry/definition"] = "naïve", np.bytes_("NXmx")
    with h5py.File(folder / "notebook.mat", "w", userblock_size=512) as file:
        file["#refs#/a"], file["flat"] = np.arange(3.0), RAMP[:5]
        file.create_dataset("m", data=RAMP, chunks=(40, 64), compression="gzip")
        file.create_dataset("cell", (1,), h5py.ref_dtype)[0] = file["#refs#/a"].ref
    (folder / "classic.nc").write_bytes(b"CDF\x01" + bytes(28))
    (folder / "hollow.h5").write_bytes(b"")


def types(file: h5py.File) -> None:
    bfloat16, int24, uint12, opaque = h5t.IEEE_F32LE.copy(), h5t.STD_I32LE.copy(), h5t.STD_U16LE.copy(), h5t.create(h5t.OPAQUE, 6)
    bfloat16.set_fields(15, 7, 8, 0, 7)
    bfloat16.set_size(2)
    bfloat16.set_ebias(127)
    int24.set_size(3)
    uint12.set_precision(12)
    stored(file, "bits", h5t.STD_B16BE, h5t.NATIVE_B16, np.array([0, 1, 513], "u2"))
    stored(file, "bfloat16", bfloat16, h5t.NATIVE_FLOAT, np.array([1.0, -2.5, 0.15625], "f4"))
    stored(file, "int24", int24, h5t.NATIVE_INT32, np.array([1, -2, 8388607], "i4"))
    stored(file, "uint12", uint12, h5t.NATIVE_UINT16, np.array([1, 4095, 77], "u2"))
    stored(file, "opaque", opaque, opaque, np.array([b"abcdef", b"\x00\x01\x02\x03\x04\x05"], "V6"))
    file.create_dataset("state", data=[0, 2, 1], dtype=h5py.enum_dtype({"OFF": 0, "ON": 1, "FAULT": 2}, basetype="u1"))
    file["state"].attrs["dx"] = np.longdouble("0.1")
    file["when"] = np.array(["2020-01-02", "NaT"], "M8[s]").astype(h5py.opaque_dtype(np.dtype("M8[s]")))
    for name, values in {
        "half": np.array([1.5, np.inf, np.nan], "f2"),
        "long": np.array([1.5, 2.5], "g"),
        "big": np.arange(5, dtype=">f8"),
    }.items():
        file[name] = values
    file.create_dataset("rows", (2,), np.dtype(("f4", (3,))))[...] = np.arange(6, dtype="f4").reshape(2, 3)
    file["flags"], file["complex"] = np.array([True, False]), np.array([1 + 2j, -3j])


def stored(file: h5py.File, name: str, kind: h5t.TypeID, memory: h5t.TypeID, values: np.ndarray) -> None:
    h5d.create(file.id, name.encode(), kind, h5s.create_simple(values.shape)).write(h5s.ALL, h5s.ALL, values, mtype=memory)


def records(file: h5py.File) -> None:
    inner = np.dtype([("re", "f4"), ("im", "f4")])
    file["nested"] = np.array([((1, 2), True), ((3, 4), False)], [("z", inner), ("ok", "?")])
    file["arrays"] = np.array([(1, [1, 2, 3], [[1, 2], [3, 4]])], [("id", "u1"), ("v", "f4", (3,)), ("m", "i2", (2, 2))])
    file["padded"] = np.array([(1, 2.5)], np.dtype([("a", "u1"), ("b", ">f8")], align=True))
    file["scalar"] = np.array((7, b"cd"), [("a", "i4"), ("n", "S3")])
    file["wide"] = np.zeros(3, [(f"c{i}", "f8") for i in range(60)])
    file["with_text"] = np.array([(1, "zwölf"), (2, "")], [("id", "i4"), ("name", h5py.string_dtype())])
    file.create_dataset("references", (1,), h5py.ref_dtype)[0] = file["wide"].ref
    file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))[0] = [1, 2]


def edges(file: h5py.File) -> None:
    file["null"], file["title"], file["one"] = h5py.Empty("f4"), "hello ü", np.array(["only"], object)
    file.create_dataset("unwritten", (0, 64, 64), "u2", maxshape=(None, 64, 64), chunks=(1, 64, 64), compression="gzip")
    file.create_dataset("never", (30, 40), "i4", fillvalue=-3, chunks=(7, 11))
    file.create_dataset("no_text", (0,), h5py.string_dtype())
    file["no_columns"], file["seven"] = np.zeros((4, 0), "f4"), np.arange(128, dtype="i2").reshape((2,) * 7)
    file["largest"], file["special"] = np.array([2**64 - 1, 0], "u8"), np.array([np.nan, np.inf, -0.0])
    file["up"], file["gone"], file["lost"] = h5py.SoftLink("/"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("not_here.h5", "/x")
    for name in ("a b", "[1]", "100%", "ä", "__x", "zarr.json", "q?x#f"):
        file[f"names/{name}"] = np.arange(3)


def texts(file: h5py.File) -> None:
    file.create_dataset("ascii", data=LATIN, dtype=h5py.string_dtype("ascii"))
    file.create_dataset("utf8", data=LATIN, dtype=h5py.string_dtype("utf-8"))
    file["fixed"], file["square"] = LATIN.astype("S2"), np.array([["a", "b"], ["", "dé"]], object)


def filters(file: h5py.File) -> None:
    whole, real = RAMP.astype("u2"), np.sin(RAMP).astype("f4")
    plugin = hdf5plugin
    file["plain"] = whole
    for name, options in {
        "gzip": {"compression": "gzip", "shuffle": True, "fletcher32": True},
        "lzf": {"compression": "lzf"},
        "szip": {"compression": "szip"},
        "packed": {"scaleoffset": 0},
        **{one.__name__: dict(one()) for one in (plugin.Bitshuffle, plugin.Blosc, plugin.Blosc2, plugin.BZip2, plugin.LZ4, plugin.Zstd)},
    }.items():
        file.create_dataset(name, data=whole, chunks=(40, 64), **options)
    for name, options in {"Zfp": dict(plugin.Zfp(reversible=True)), "big": {"dtype": ">f4", "compression": "gzip"}}.items():
        file.create_dataset(name, data=real, chunks=(40, 64), **options)
    file.create_dataset("holes", RAMP.shape, "u2", chunks=(40, 64), compression="gzip", fillvalue=7)[50:60, 70:80] = 1
    file.create_dataset("skipped", (80, 64), "u2", chunks=(40, 64), compression="gzip")[40:] = 5
    file["skipped"].id.write_direct_chunk((0, 0), whole[:40, :64].tobytes(), filter_mask=1)
    for name, mask in {"optional": 1, "unknown": 0}.items():
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((4,))
        created.set_filter(31999, h5z.FLAG_OPTIONAL, (1, 2))
        h5d.create(file.id, name.encode(), h5t.STD_U16LE, h5s.create_simple((4,)), created).write_direct_chunk((0,), b"abcdefgh", mask)


def virtual(file: h5py.File) -> None:
    """Over another file, with a gap, and over a virtual one in this file."""
    layout = h5py.VirtualLayout((200, 211), "u2")
    layout[77:] = h5py.VirtualSource("filters.h5", "gzip", RAMP.shape)
    file.create_virtual_dataset("gap", layout, fillvalue=9)
    nested = h5py.VirtualLayout((200, 211), "u2")
    nested[...] = h5py.VirtualSource(".", "gap", (200, 211))
    file.create_virtual_dataset("nested", nested)


def stores(folder: Path) -> None:
    whole = RAMP[:35, :48].astype("i4")
    two = zarr.open_group(folder / "two.zarr", mode="w", zarr_format=2)
    for name, (values, options) in {
        "fortran": (whole, {"order": "F"}),
        "big": (whole.astype(">i4"), {}),
        "slash": (whole, {"chunk_key_encoding": {"name": "v2", "separator": "/"}}),
        "delta": (whole, {"filters": [numcodecs.Delta("i4")]}),
        "offset": ((whole / 8).astype("f4"), {"filters": [numcodecs.FixedScaleOffset(offset=0, scale=8, dtype="f4", astype="i4")]}),
        "bits": (whole % 2 == 0, {"filters": [numcodecs.PackBits()]}),
        "shuffled": (whole, {"filters": [numcodecs.Shuffle(4)], "compressors": numcodecs.Zlib(3)}),
        "lzma": (whole, {"compressors": numcodecs.LZMA()}),
        "fill": (whole, {"fill_value": -9}),
        "text": (np.array(["ab", "ü"], "U3"), {}),
        "record": (np.array([(1, 2.5, b"x")], [("a", "<i4"), ("b", ">f8"), ("s", "S2")]), {}),
    }.items():
        two.create_array(name, shape=values.shape, dtype=values.dtype, chunks=(10, 20)[: values.ndim], **options)[...] = values
    zarr.consolidate_metadata(folder / "two.zarr", zarr_format=2)
    two.create_array("after_consolidation", shape=(4,), chunks=(2,), dtype="i4")[...] = [1, 2, 3, 4]
    two.create_array("mostly_missing", shape=(100, 100), chunks=(10, 10), dtype="f4", fill_value=3.5)[45:47, 45:47] = 1
    three = zarr.open_group(folder / "three.zarr", mode="w", zarr_format=3)
    for name, (values, options) in {
        "plain": (whole, {}),
        "sharded": (whole[:20, :40], {"shards": (20, 40)}),
        "transposed": (whole, {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]}),
        "big": (whole, {"serializer": zarr.codecs.BytesCodec(endian="big")}),
        "checked": (whole, {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]}),
        "dots": (whole, {"chunk_key_encoding": {"name": "default", "separator": "."}}),
        "texts": (np.array(["a", "ü", ""], np.dtypes.StringDType()), {}),
        "days": (np.array(["2020-01-01", "NaT"], "M8[D]"), {}),
        "beyond": (whole[:3, :3], {"chunks": (64, 64)}),
    }.items():
        given = {"chunks": (10, 20)[: values.ndim], **options}
        three.create_array(name, shape=values.shape, dtype=values.dtype, **given)[...] = values
    document = (folder / "three.zarr/plain/zarr.json").read_text()
    for name, (old, new) in {"unknown_codec": ('"zstd"', '"acme"'), "unknown_type": ('"int32"', '"int4"')}.items():
        (folder / "three.zarr" / name).mkdir()
        (folder / "three.zarr" / name / "zarr.json").write_text(document.replace(old, new))


def arrays(folder: Path) -> None:
    cube = np.arange(60).reshape(3, 4, 5)
    for name, values in {
        "f": np.asfortranarray(cube),
        "big": cube.astype(">i2"),
        "scalar": np.array(3.5),
        "days": np.array(["2020", "NaT"], "M8[D]"),
    }.items():
        np.save(folder / f"{name}.npy", values)
    np.save(folder / "objects.npy", np.array([1, None], object), allow_pickle=True)
    np.savez_compressed(folder / "many.npz", objects=np.array([None], object), s=np.array("hi"), **{"sub/x": cube, "0": cube})
    scipy.sparse.save_npz(folder / "sparse.npz", scipy.sparse.random(50, 40, 0.1, format="csr", random_state=0))


def tables(folder: Path) -> None:
    texts = {
        "latin": "Zeit;Temp °C\n1;20.5\n2;21.0\n".encode("latin-1"),
        "comma": b"t;v\n0,5;1,25\n1,0;2,50\n",
        "comments": b"# instrument: made up\nx,y\n1,2\n3,4\n",
        "headless": b"0,1.5\n1,2.5\n2,3.5\n",
        "wide": "a,b\n1,2\n".encode("utf-16"),
        "blanks": b"x y z\n1 2 3\n4 5 6\n",
        "quoted": b'"name","note"\r\n"x, y","two\r\nlines"\r\n"z","he said ""hi"""\r\n',
        "holes": b"i,f,s\n1,1.5,x\n,,\n3,nan,y\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.csv").write_bytes(text)
    frame = pd.DataFrame({"x": np.arange(10_000), "y": np.arange(10_000) / 3, "word": np.arange(10_000).astype(str)})
    frame.to_parquet(folder / "groups.parquet", row_group_size=777)
    pairs = pa.array([{"a": 1}, None])
    pq.write_table(
        pa.table({"lists": [[1, 2], [3]], "pairs": pairs, "largest": pa.array([2**64 - 1, 0], pa.uint64())}), folder / "nested.parquet"
    )


def pictures(folder: Path) -> None:
    grey = RAMP.astype("u1")
    colours = np.dstack([grey, grey.T[:123, :123].repeat(2, 1)[:, :211], 255 - grey])
    for suffix in ("png", "jpg"):
        Image.fromarray(colours).save(folder / f"colours_{suffix}.{suffix}")
    for mode in ("CMYK", "P", "LA", "RGBA", "1"):
        Image.fromarray(colours).convert(mode).save(folder / f"{mode.lower()}.{'jpg' if mode == 'CMYK' else 'png'}")
    Image.fromarray(colours).save(folder / "really_png.jpg", "PNG")
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(colours.astype("u2") * 200))
    (folder / "junk.png").write_bytes(b"not a picture")
    planes = np.moveaxis(colours, -1, 0)
    for name, values, options in (
        ("white", grey, {"photometric": "miniswhite"}),
        ("half", RAMP.astype("f2"), {}),
        ("predicted", RAMP.astype("f8"), {"predictor": 3, "compression": "zlib", "tile": (32, 32)}),
        ("big_endian", RAMP.astype("u2"), {"predictor": 2, "compression": "lzw", "byteorder": ">", "bigtiff": True}),
        ("planar", planes, {"planarconfig": "separate", "photometric": "rgb", "tile": (32, 48), "compression": "zlib"}),
        ("subsampled", colours, {"photometric": "ycbcr", "compression": "jpeg", "subsampling": (2, 2), "tile": (48, 64)}),
        ("imagej", RAMP.astype("u2").reshape(3, 41, 211), {"imagej": True, "metadata": {"axes": "ZYX"}}),
    ):
        tifffile.imwrite(folder / f"{name}.tif", values, **options)
    with tifffile.TiffWriter(folder / "mixed.tif") as file:
        file.write(grey, metadata=None)
        file.write(RAMP[:40].astype("f4"), metadata=None)
