"""What the options of `tiled-zarr serve` change in a configuration of Tiled's, and what it changes in ours."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ...settings import Settings, SettingsError
from ...settings.deployments import KEY

SECRETS = "TILED_SECRET_KEYS"
"""Tiled's variable for the secrets that sign its tokens."""


def overlaid(config: Any, settings: Settings) -> Any:
    """The parsed configuration, with what was given as an option, and with generated keys.

    Tiled would generate the keys in each worker; a client would then be known to one of them alone.
    """
    access = config.authentication
    if settings.public:
        access.allow_anonymous_access = True
    if settings.api_key:
        access.single_user_api_key = settings.api_key
    if "allow_origins" in settings.spellings:
        config.allow_origins = list(settings.allow_origins)
    if settings.tiled is not None and settings.tiled.generated is not None:
        key, secret = settings.tiled.generated
        if access.single_user_api_key is None and KEY not in os.environ:
            access.single_user_api_key = key
        if not access.secret_keys and SECRETS not in os.environ:
            access.secret_keys = [secret]
    check_key(config)
    return config


def check_key(config: Any) -> None:
    """Raise SettingsError if Tiled would generate a key for its single user that nobody gets to know."""
    from tiled.server.settings import get_settings

    access = config.authentication
    is_public = get_settings().allow_anonymous_access if access.allow_anonymous_access is None else access.allow_anonymous_access
    if not (access.providers or is_public or access.single_user_api_key or KEY in os.environ):
        raise SettingsError(
            f"these data are private: set authentication.single_user_api_key in the configuration, or {KEY}, to a secret that clients "
            "send; only `tiled-zarr serve config` generates one, and prints it"
        )


def for_front(settings: Settings) -> Settings:
    """Our settings for what stands in front of Tiled's server, which has no key of its own.

    Names that Tiled's server answers to are answered in front too.
    """
    hosts = settings.allowed_hosts if "allowed_hosts" in settings.spellings else ("*",)
    return replace(settings, api_key=None, public=None, allowed_hosts=hosts)
