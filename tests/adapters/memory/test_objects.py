"""Objects of libraries that hold arrays.

polars, torch, tensorstore and anndata need not be installed: stand-ins have their names, and those
of their methods that we call. Where tensorstore or anndata is installed, it is used.
"""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import dask.dataframe
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tifffile

from tiled_zarr.adapters.registry import adapt
from tiled_zarr.nodes import Damaged, Group, Unavailable
from tiled_zarr.testing import Contract, whole

DATA = np.arange(60 * 80, dtype="<u2").reshape(60, 80)
FRAME = pd.DataFrame({"n": np.arange(10, dtype="i8"), "x": np.linspace(0, 1, 10)}, pd.Index(np.arange(10, dtype="i8"), name="row"))
TABLE = {"row": np.arange(10, dtype="i8"), "n": np.arange(10, dtype="i8"), "x": np.linspace(0, 1, 10)}


class Tensor:
    """What a torch tensor has: DLPack on a device, and a gradient that it does not give away."""

    def __init__(self, data, device=1, *, has_gradient=False):
        self.data, self.device, self.has_gradient = data, device, has_gradient

    def detach(self):
        return Tensor(self.data, self.device)

    def __dlpack_device__(self):
        return (self.device, 0)

    def __dlpack__(self, **_):
        if self.has_gradient:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self.data.__dlpack__()


class OddTensor(Tensor):
    """One of a type that DLPack has, and numpy lacks; numpy can have a copy."""

    def detach(self):
        return self

    def __dlpack__(self, **_):
        raise BufferError("bfloat16")

    def __array__(self, dtype=None, copy=None):
        return self.data


class ByProtocol:
    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        return self.data


class ByInterface:
    def __init__(self, data):
        self.__array_interface__ = data.__array_interface__
        self.data = data


class ByRegions(ByProtocol):
    """What a variable of netCDF4 has."""

    chunks = (20, 20)

    def __init__(self, data):
        super().__init__(data)
        self.shape, self.dtype = data.shape, data.dtype

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("it is read by regions")

    def __getitem__(self, region):
        return self.data[region]


class Future(SimpleNamespace):
    def result(self):
        return self.data

    def read(self):
        return self


class TensorStoreStandIn:
    def __init__(self, data, origin):
        self.data, self.origin, self.rank = data, origin, data.ndim
        self.dtype = SimpleNamespace(numpy_dtype=data.dtype, name=str(data.dtype))
        self.domain = SimpleNamespace(shape=data.shape, origin=origin, labels=("y", ""))
        self.chunk_layout = SimpleNamespace(read_chunk=SimpleNamespace(shape=(20, 40)), grid_origin=origin)

    def __getitem__(self, region):
        return Future(data=self.data[tuple(slice(p.start - o, p.stop - o) for p, o in zip(region, self.origin, strict=True))])


TensorStoreStandIn.__module__, TensorStoreStandIn.__qualname__ = "tensorstore", "TensorStore"


def tensorstore_array(origin=(0, 0)):
    if find_spec("tensorstore") is None:
        return TensorStoreStandIn(DATA, origin)
    import tensorstore

    layout = {"chunk_shape": [20, 40]}
    metadata = {
        "shape": [60, 80],
        "data_type": "uint16",
        "dimension_names": ["y", ""],
        "chunk_grid": {"name": "regular", "configuration": layout},
    }
    spec = {"driver": "zarr3", "kvstore": "memory://", "metadata": metadata}
    array = tensorstore.open(spec, create=True).result()
    array[...] = DATA
    return array[tensorstore.d[:].translate_to[origin]]


class AnnDataStandIn:
    def __init__(self, X, **parts):  # noqa: N803 - its name there
        self.X, self.raw = X, None
        for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
            setattr(self, name, {})
        vars(self).update(parts)


AnnDataStandIn.__module__, AnnDataStandIn.__qualname__ = "anndata._core.anndata", "AnnData"


def annotated():
    if find_spec("anndata") is None:
        kind = AnnDataStandIn
    else:
        from anndata import AnnData as kind  # noqa: N813 - a class
    names = pd.Index([f"cell{i}" for i in range(4)], name="cell")
    genes = pd.Index([f"gene{i}" for i in range(3)], name="gene")
    dense = np.arange(12, dtype="f4").reshape(4, 3)
    parts = {
        "obs": pd.DataFrame({"n": np.arange(4)}, names),
        "var": pd.DataFrame({"m": np.arange(3.0)}, genes),
        "layers": {"raw": dense * 2},
        "obsm": {"pca": dense[:, :2]},
        "uns": {"how": {"deep": np.arange(3)}},
    }
    truth = {
        "X": dense,
        "obs": {"cell": names.to_numpy(object), "n": np.arange(4)},
        "var": {"gene": genes.to_numpy(object), "m": np.arange(3.0)},
        "layers": {"raw": dense * 2},
        "obsm": {"pca": dense[:, :2]},
        "varm": {},
        "obsp": {},
        "varp": {},
        "uns": {"how": {"deep": np.arange(3)}},
    }
    return kind(scipy.sparse.csr_matrix(dense), **parts), truth


def tiff(folder, **options):
    tifffile.imwrite(folder / "a.tif", DATA, tile=(16, 32), metadata={"axes": "YX"}, **options)
    return folder / "a.tif"


def on_disk(path):
    """The node of an open file, which is opened again by our own reader."""
    with tifffile.TiffFile(path) as file:
        return adapt(file)


def in_bytes(*images):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for image in images:
            writer.write(image, tile=(16, 32))
    return tifffile.TiffFile(io.BytesIO(file.getvalue()))


OBJECTS = {
    "tensor": lambda _: (Tensor(DATA), DATA),
    "tensor_with_gradient": lambda _: (Tensor(DATA, has_gradient=True), DATA),
    "tensor_that_numpy_copies": lambda _: (OddTensor(DATA), DATA),
    "tensor_pinned_by_a_gpu": lambda _: (Tensor(DATA, 3), DATA),
    "array_protocol": lambda _: (ByProtocol(DATA), DATA),
    "array_interface": lambda _: (ByInterface(DATA), DATA),
    "read_by_regions": lambda _: (ByRegions(DATA), DATA),
    "tensorstore": lambda _: (tensorstore_array(), DATA),
    "tensorstore_elsewhere": lambda _: (tensorstore_array((7, -3)), DATA),
    "anndata": lambda _: annotated(),
    "dask_frame": lambda _: (dask.dataframe.from_pandas(FRAME, npartitions=3), TABLE),
    "dask_series": lambda _: (dask.dataframe.from_pandas(FRAME["x"], npartitions=3), {"row": TABLE["row"], "x": TABLE["x"]}),
    "tiff_file": lambda folder: (on_disk(tiff(folder)), DATA),
    "tiff_in_memory": lambda _: (in_bytes(DATA), DATA),
    "tiff_of_two_series": lambda _: (in_bytes(DATA, DATA[:32, :32]), {"0": DATA, "1": DATA[:32, :32]}),
    "tiff_series": lambda _: (in_bytes(DATA).series[0], DATA),
    "tiff_page": lambda _: (in_bytes(DATA).pages[0], DATA),
}


def case(make):
    def adapted(folder):
        source, truth = make(folder)
        return adapt(source), truth

    return adapted


pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")


class TestObjects(Contract, cases={name: case(make) for name, make in OBJECTS.items()}): ...


def test_tensors_are_views():
    array = DATA.copy()
    block = whole(adapt(Tensor(array)))
    assert np.shares_memory(block, array)


@pytest.mark.parametrize("source", [Tensor(DATA, 2), SimpleNamespace(__cuda_array_interface__={})], ids=["dlpack", "cuda"])
def test_an_array_on_a_gpu_says_what_to_do(source):
    with pytest.raises(Unavailable, match=r"copy it to the CPU, as \.cpu\(\) does"):
        adapt(source)


def test_classes_are_no_arrays():
    with pytest.raises(Unavailable, match="no adapter"):
        adapt(ByProtocol)


def test_types_that_numpy_lacks():
    class Ragged(ByProtocol):
        def __array__(self, dtype=None, copy=None):
            raise ValueError("ragged")

    with pytest.raises(Unavailable, match="numpy cannot read"):
        adapt(Ragged(None))


def test_tensorstore_has_chunks_and_names():
    for node in (adapt(tensorstore_array()), adapt(tensorstore_array((7, -3)))):
        assert node.chunks == (20, 40)
        assert node.dimension_names == ("y", None)
        assert node.revision() is None


def test_a_tiff_file_on_disk_is_read_as_the_file(tmp_path):
    node, page = on_disk(tiff(tmp_path)), adapt(in_bytes(DATA).pages[0])
    assert node.revision() is not None
    assert page.revision() is None
    assert page.chunks == (16, 32)


def test_closed_and_damaged_tiff_files(tmp_path):
    path = tiff(tmp_path, compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[0]
    with pytest.raises(Damaged, match="closed"):
        adapt(file)
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = b"x" * 40
    source = tifffile.TiffFile(io.BytesIO(content))
    tree = Group(children={"good": adapt(DATA), "bad": adapt(source)})
    with pytest.raises(Damaged):
        whole(tree.children["bad"])
    np.testing.assert_array_equal(whole(tree.children["good"]), DATA)


def test_a_graph_that_fails_is_an_error():
    def fail(part):
        raise OSError("the disk is gone")

    frame = dask.dataframe.from_pandas(FRAME, npartitions=2).map_partitions(fail, meta=FRAME.iloc[:0])
    with pytest.raises(OSError, match="the disk is gone"):
        adapt(frame)


def test_nothing_is_imported_for_what_nobody_has():
    """Looking at an object imports none of the libraries."""
    names = {"polars", "torch", "tensorstore", "anndata", "h5netcdf"}
    code = f"import sys; from tiled_zarr.adapters.registry import adapt; adapt([1]); print(set(sys.modules) & {names})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "set()"
