"""The application that a configuration of Tiled's server describes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from ...settings import Settings
from ..server import front
from . import logs
from .overlay import for_front, overlaid
from .refusals import refused
from .startup import Startup
from .turns import Turn
from .workers import check_shared, may_create

log = logging.getLogger(__name__)


def application(settings: Settings, workers: int = 1, *, is_shown: bool = True) -> ASGIApp:
    """Tiled's whole server, and ours in front, in one of `workers` processes.

    `settings` are ours; who may read is up to the configuration. If `is_shown`, the log names the
    options of uvicorn that have no effect. Raises SettingsError with Tiled's words if it refuses
    the configuration.
    """
    deployment = settings.tiled
    assert deployment is not None
    if is_shown and deployment.unused:
        log.warning("%s: `tiled-zarr serve` has no such option, and goes on without", ", ".join(deployment.unused))
    with refused(deployment.path):
        config = parsed(deployment.path, settings, workers)
        turn = Turn(deployment.path if workers > 1 and may_create(config) else None)
        try:
            behind = built(config, settings.log_level, is_scaled=workers > 1)
            return Startup(front(behind, for_front(settings), workers), config.root_path, deployment.path, turn)
        except BaseException:
            turn.end()
            raise


def parsed(path: Path, settings: Settings, workers: int) -> Any:
    """The configuration as Tiled parses it, with our options. Raises SettingsError, and what Tiled raises."""
    from tiled.config import parse_configs

    config = overlaid(parse_configs(path), settings)
    if workers > 1:
        check_shared(config)
    return config


def built(config: Any, log_level: str, *, is_scaled: bool) -> Any:
    """Tiled's application. Raises what Tiled raises."""
    from tiled.server.app import build_app_from_config

    logs.take_over(log_level)
    return build_app_from_config(config, scalable=is_scaled)
