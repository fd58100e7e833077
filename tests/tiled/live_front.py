"""The application of tests/tiled/users.py behind a real server: `FRONT_FOLDER` has its databases."""

from __future__ import annotations

import os
from pathlib import Path

from tests.tiled.users import config
from tiled.server.app import build_app_from_config

from tiled_zarr.tiled import front

settings = config(Path(os.environ["FRONT_FOLDER"])) | {"allow_origins": [os.environ["FRONT_ORIGIN"]]}
app = front(build_app_from_config(settings))
