"""Profiles: how they are spelled, and the tree that they show.

The right values are numpy's own conversions, and what xarray makes of CF attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import tiled_zarr
from clients.every_type import RECORDS, TEXT, TIMES, array, group, numbers
from strategies import array_node
from tiled_zarr import Array, Group, Sparse
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Options
from tiled_zarr.views.profile import Profile, parse

WEB = Profile(is_web=True)
REFUSED = (
    *("~codec=", "~codec=bzip2", "~codec=zstd,codec=lz4", "~codec=zstd,", "~codec=zstd;chunks=4"),
    *("~chunks=", "~chunks=0x4", "~chunks=4x", "~chunks=-1", "~chunks=٣", f"~chunks={'1x' * 40}1", f"~chunks={'9' * 30}"),
    *("~dtype=json", "~size=3", "~="),
)
FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


def opened(root: Group, profile: Profile, zarr_format: int = 3) -> zarr.Group:
    return zarr.open_group(tiled_zarr.store(profile.view(root), zarr_format=zarr_format), mode="r")


def read(values: np.ndarray[Any, Any], zarr_format: int = 3) -> zarr.Array[Any]:
    found = opened(group({"x": array(values)}), WEB, zarr_format)["x"]
    assert isinstance(found, zarr.Array)
    return found


class TestSpelling:
    @pytest.mark.parametrize(
        ("part", "name"),
        [
            ("~codec=zstd", "~codec=zstd:1"),
            ("~chunks=256x256,codec=ZSTD:1", "~codec=zstd:1,chunks=256x256"),
            ("~dtype=web,chunks=07", "~chunks=7,dtype=web"),
        ],
    )
    def test_equal_profiles_have_one_name(self, part: str, name: str) -> None:
        assert parse(part).name == name
        assert parse(name) == parse(part)

    @pytest.mark.parametrize("part", REFUSED)
    def test_others_are_refused(self, part: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse(part)


class TestCodecAndChunks:
    ROOT = group(
        {"a": array(numbers("<i4"), options=Options(codec="gzip:9", chunk_shape=(3, 2))), "below": group({"b": array_node(np.arange(9))})}
    )

    @FORMATS
    def test_they_win_over_what_a_node_says(self, zarr_format: int) -> None:
        shown = opened(self.ROOT, Profile(codec="zstd:3", chunk_shape=(4, 5)), zarr_format)
        assert (shown["a"].chunks, shown["below/b"].chunks) == ((4, 5), (9,))
        assert {type(array.compressors[0]).__name__.lower().removesuffix("codec") for array in (shown["a"], shown["below/b"])} == {"zstd"}
        np.testing.assert_array_equal(shown["a"][...], numbers("<i4"))
        np.testing.assert_array_equal(shown["below/b"][...], np.arange(9))

    def test_one_alone_leaves_the_other_as_it_is(self) -> None:
        assert opened(self.ROOT, Profile(codec="none"))["a"].chunks == (3, 2)
        assert "gzip" in str(opened(self.ROOT, Profile(chunk_shape=(1, 1)))["a"].metadata).lower()

    def test_the_same_node_is_shown_as_the_same(self) -> None:
        shown = Profile(codec="none").view(self.ROOT)
        assert shown.children["below"] is shown.children["below"]
        assert shown.children["below"].children["b"] is shown.children["below"].children["b"]  # type: ignore[union-attr]

    @pytest.mark.parametrize("format_module", [v2, v3], ids=["v2", "v3"])
    def test_identities_of_chunks_differ(self, format_module: Any) -> None:
        """All views share the cache, so no two profiles may give one chunk the same identity."""
        views = [lambda root: root, *(Profile(codec=codec).view for codec in ("zstd:1", "zstd:2")), Profile(chunk_shape=(2, 2)).view]
        key = "a/0.0" if format_module is v2 else "a/c/0/0"
        chunks = [KeySpace(view(self.ROOT), format_module).resolve(key) for view in views]
        assert len({chunk.identity("r") for chunk in chunks}) == len(chunks)  # type: ignore[union-attr]


class TestWeb:
    @FORMATS
    @pytest.mark.parametrize("name", TEXT)
    def test_text(self, name: str, zarr_format: int) -> None:
        values = TEXT[name]
        found = read(values, zarr_format)
        if values.dtype.kind == "S":
            expected = np.frombuffer(values.tobytes(), "u1").reshape(*values.shape, values.dtype.itemsize)
            np.testing.assert_array_equal(found[...], expected)
        else:
            assert np.asarray(found[...]).tolist() == values.tolist()
            assert found.metadata.to_dict().get("data_type", "string") == "string"

    @FORMATS
    @pytest.mark.parametrize("name", TIMES)
    def test_times_are_those_that_xarray_decodes(self, name: str, zarr_format: int) -> None:
        values = TIMES[name]
        found = read(values, zarr_format)
        assert found.dtype == np.dtype("<i8")
        unit = np.datetime_data(values.dtype)[0]
        if unit in {"Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"}:
            attributes = {"_FillValue": np.iinfo("i8").min, **dict(found.attrs)}
            decoded = xr.decode_cf(xr.Dataset({"x": ("t", found[...], attributes)}), decode_timedelta=True)["x"].values
            whole = values.astype(f"{values.dtype.kind}8[ns]")
            np.testing.assert_array_equal(decoded.astype(whole.dtype), whole)

    @FORMATS
    def test_booleans_are_those_that_xarray_decodes(self, zarr_format: int) -> None:
        values = np.array([True, False, True])
        found = read(values, zarr_format)
        assert found.dtype == np.dtype("u1")
        decoded = xr.decode_cf(xr.Dataset({"x": ("t", found[...], dict(found.attrs))}))["x"]
        assert decoded.dtype == bool
        np.testing.assert_array_equal(decoded, values)

    @FORMATS
    @pytest.mark.parametrize("dtype", ["<c8", ">c16"])
    def test_complex_numbers(self, dtype: str, zarr_format: int) -> None:
        values = numbers(dtype)
        found = read(values, zarr_format)
        np.testing.assert_array_equal(found[...], np.stack([values.real, values.imag], axis=-1))
        np.testing.assert_array_equal(found[1:3, 2, 1], values.imag[1:3, 2])

    @FORMATS
    @pytest.mark.parametrize(
        "values", [np.array(b"a", "S4"), np.array(1 + 2j, ">c16"), np.array("2020-01-01", ">M8[s]"), np.array(True)], ids=str
    )
    def test_an_array_without_axes_may_give_a_scalar(self, values: np.ndarray[Any, Any], zarr_format: int) -> None:
        """numpy's `values[()]` has the machine's byte order, and no zeros at the end of bytes."""
        little = values.astype(values.dtype.newbyteorder("<"))
        node = Array(shape=(), dtype=values.dtype, read=lambda region: values[region])
        found = opened(group({"x": node}), WEB, zarr_format)["x"]
        parts = {"S": "u1", "c": "<f8", "M": "<i8", "b": "u1"}[values.dtype.kind]
        assert found[...].tobytes() == little.tobytes()
        assert found.dtype == np.dtype(parts)

    @FORMATS
    def test_a_source_may_return_the_other_byte_order(self, zarr_format: int) -> None:
        values = numbers(">c16")
        node = Array(shape=values.shape, dtype=values.dtype, read=lambda region: values[region].astype("<c16"))
        found = opened(group({"x": node}), WEB, zarr_format)["x"]
        np.testing.assert_array_equal(found[...], np.stack([values.real, values.imag], axis=-1))

    @pytest.mark.parametrize("name", RECORDS)
    def test_records_are_groups_of_their_fields(self, name: str) -> None:
        values = RECORDS[name]
        shown = opened(group({"x": array(values)}), WEB)["x"]
        assert isinstance(shown, zarr.Group)
        assert_fields(shown, values)

    def test_numbers_stay_the_same_nodes(self) -> None:
        root = group({"x": array(numbers("<f4"))})
        assert WEB.view(root).children["x"] is root.children["x"]

    def test_sparse_complex_numbers(self) -> None:
        coords, data = np.array([[0, 2, 2], [1, 0, 0]]), np.array([1 + 2j, 3 - 1j, 1j])
        shown = opened(group({"x": Sparse((3, 2), data.dtype, lambda: (coords, data))}), WEB)["x"]
        expected = np.zeros((3, 2), complex)
        np.add.at(expected, tuple(coords), data)
        np.testing.assert_array_equal(shown[...], np.stack([expected.real, expected.imag], axis=-1))

    def test_sparse_booleans_stay(self) -> None:
        """Entries of one place are added up, which would make 2 of two that are true."""
        node = Sparse((3,), np.dtype(bool), lambda: (np.array([[1, 1]]), np.array([True, True])))
        assert WEB.view(group({"x": node})).children["x"] is node

    @FORMATS
    def test_sparse_text_stays(self, zarr_format: int) -> None:
        node = Sparse((3,), np.dtype("<U3"), lambda: (np.array([[1]]), np.array(["abc"])))
        assert np.asarray(opened(group({"x": node}), WEB, zarr_format)["x"][...]).tolist() == ["", "abc", ""]

    def test_a_mark_is_converted(self) -> None:
        node = Array(
            shape=(2,),
            dtype=np.dtype("<M8[D]"),
            read=lambda region: np.array(["1970-01-02", "1970-01-03"], "M8[D]")[region],
            mark=np.datetime64("1970-01-02"),
        )
        assert WEB.view(group({"x": node})).children["x"].mark == 1  # type: ignore[union-attr]


def assert_fields(shown: zarr.Group, values: np.ndarray[Any, Any]) -> None:
    """Each field of records is what the group has under its name."""
    fields: Mapping[str, Any] = values.dtype.fields or {}
    assert set(shown) == set(fields)
    for name in fields:
        field = values[name]
        if field.dtype.names:
            assert_fields(shown[name], field)
        elif field.dtype.kind == "U":
            assert np.asarray(shown[name][...]).tolist() == field.tolist()
        elif field.dtype.kind in "Mm":
            np.testing.assert_array_equal(
                shown[name][...], field.view("i8") if field.dtype.isnative else field.astype(field.dtype.newbyteorder("=")).view("i8")
            )
        elif field.dtype.kind in "biuf":
            np.testing.assert_array_equal(shown[name][...], field)
