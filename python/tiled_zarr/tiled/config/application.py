"""The application that a configuration of Tiled's server describes."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp

from ...settings import Settings
from ...settings.deployments import Deployment
from ..front import front
from . import logs
from .overlay import for_front, overlaid
from .refusals import refused
from .startup import Startup
from .turns import Turn
from .workers import check_shared

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
    turn = Turn(deployment.path if workers > 1 else None)
    try:
        return made(deployment, settings, workers, turn)
    except BaseException:
        turn.end()
        raise


def made(deployment: Deployment, settings: Settings, workers: int, turn: Turn) -> ASGIApp:
    """The application; its startup ends the turn of this worker. Raises SettingsError."""
    with refused(deployment.path):
        from tiled.config import parse_configs
        from tiled.server.app import build_app_from_config

        logs.take_over(settings.log_level)
        config = overlaid(parse_configs(deployment.path), settings)
        if workers > 1:
            check_shared(config)
        behind = build_app_from_config(config, scalable=workers > 1)
    return Startup(front(behind, for_front(settings)), config.root_path, deployment.path, turn)
