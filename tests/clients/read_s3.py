"""Lists and reads a server as a bucket with s3fs, and with GDAL's /vsis3.

    AWS_SECRET_ACCESS_KEY=KEY read_s3.py URL

Needs no package of ours. Prints, as its last line, what went wrong by client.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from urllib.parse import urlsplit

import numpy as np
import rasterio
import s3fs
import zarr
from zarr.storage import FsspecStore

IMAGE = np.arange(70 * 90, dtype="<u2").reshape(70, 90)


def with_s3fs(url: str) -> None:
    bucket = s3fs.S3FileSystem(endpoint_url=url, client_kwargs={"region_name": "us-east-1"})
    assert bucket.ls("zarr", detail=False) == ["zarr/v2", "zarr/v3"]
    for version in (2, 3):
        base = f"zarr/v{version}"
        for path, told in bucket.find(base, detail=True).items():
            assert told["size"] == len(bucket.cat_file(path)), path
        store = FsspecStore(s3fs.S3FileSystem(endpoint_url=url, asynchronous=True), path=base, read_only=True)
        loose = zarr.open_group(store, mode="r", zarr_format=version, use_consolidated=False)
        names = {name for name, _ in loose.members(max_depth=None)}
        assert names == {name for name, _ in zarr.open_group(store, mode="r", zarr_format=version).members(max_depth=None)}
        np.testing.assert_array_equal(loose["names/R&D/x"][...], IMAGE)


def with_gdal(url: str) -> None:
    os.environ.update(AWS_S3_ENDPOINT=urlsplit(url).netloc, AWS_HTTPS="NO", AWS_VIRTUAL_HOSTING="FALSE")
    with rasterio.open('ZARR:"/vsis3/zarr/v2/image"') as image:
        np.testing.assert_array_equal(image.read(1), IMAGE)


if __name__ == "__main__":
    failed: dict[str, str] = {}
    for check in (with_s3fs, with_gdal):
        try:
            check(sys.argv[1])
        except Exception:  # noqa: BLE001 - told to the test
            failed[check.__name__] = traceback.format_exc()
    sys.stdout.write(f"{json.dumps(failed)}\n")
