"""What a file really is if it is not what its adapter expects, and what to do about it.

We tell it by the first bytes.
"""

from __future__ import annotations

from types import MappingProxyType

HEAD = 256
"""Bytes that are enough to recognize a kind."""
HDF5 = b"\x89HDF\r\n\x1a\n"
NETCDF_3 = "a NetCDF-3 file, which is not read; convert it to NetCDF-4 with: nccopy -k nc4 OLD NEW"
WEB_PAGE = "a web page, perhaps of a failed download; fetch the data again"
STARTS = (
    (b"CDF\x01", NETCDF_3),
    (b"CDF\x02", NETCDF_3),
    (b"CDF\x05", NETCDF_3),
    (b"\xcd\xf3\x00\x01\x00\x00\xff\xff", "a NASA CDF file, which is not read; convert it to NetCDF-4 with: cdf-to-netcdf OLD"),
    (
        b"\xcd\xf3\x00\x01\xcc\xcc\x00\x01",
        "a compressed NASA CDF file, which is not read; convert it to NetCDF-4 with: cdf-to-netcdf OLD",
    ),
    (b"\x0e\x03\x13\x01", "an HDF4 file, which is not read; convert it to HDF5 with: h4toh5 OLD NEW"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file of before version 7.3; save it with -v7.3, or as HDF5"),
    (HDF5, "an HDF5 file; give it the suffix .h5 or .nc"),
    (b"version https://git-lfs.github.com", "a pointer of Git LFS; fetch the data with: git lfs pull"),
    (b"<!DOCTYPE html", WEB_PAGE),
    (b"<html", WEB_PAGE),
    (b"\x1f\x8b", "compressed by gzip; unpack it with gunzip"),
    (b"PK\x03\x04", "a ZIP archive; unpack it, or give it the suffix of what it is"),
    (b"PAR1", "a Parquet file; give it the suffix .parquet"),
    (b"\x93NUMPY", "an NPY file; give it the suffix .npy"),
    (b"II*\x00", "a TIFF file; give it the suffix .tif"),
    (b"MM\x00*", "a TIFF file; give it the suffix .tif"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture; give it the suffix .png"),
    (b"\xff\xd8\xff", "a JPEG picture; give it the suffix .jpg"),
    (b"%PDF-", "a PDF document, which holds no arrays"),
)
"""The first bytes of files, with the kind that they mean."""
OWN = MappingProxyType(
    {
        "an HDF5 file": (HDF5,),
        "a Parquet file": (b"PAR1",),
        "an NPY array": (b"\x93NUMPY",),
        "an NPZ archive": (b"PK\x03\x04",),
        "a TIFF file": (b"II*\x00", b"MM\x00*"),
        "a picture": (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"),
        "a table of text": (b"\x1f\x8b",),
    }
)
"""The first bytes of files that adapters expect. A file that begins so is damaged."""


def other_kind(head: bytes, expected: str) -> str | None:
    r"""What a file is, with what to do; None if it is of the `expected` kind, or unknown.

    >>> other_kind(b"CDF\x01...", "an HDF5 file")
    'a NetCDF-3 file, which is not read; convert it to NetCDF-4 with: nccopy -k nc4 OLD NEW'
    >>> other_kind(b"PAR1...", "a Parquet file") is None
    True
    """
    if head.startswith(OWN.get(expected, ())):
        return None
    return next((said for start, said in STARTS if head.startswith(start)), None)
