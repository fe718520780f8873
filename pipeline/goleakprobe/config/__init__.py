"""The configuration file: Prometheus' vocabulary for what to scrape, ours for the rest.

Secrets are never in the file, only the names of files that hold them. Relative names of files that
are only read (``credentials_file``, ``ca_file``, target lists...) start from the configuration
file's folder, as in Prometheus; ``lake.path`` and ``state.path`` start from the working folder.
"""

from __future__ import annotations

from goleakprobe.config.loading import ENVIRONMENT_PREFIX, check_config, load_config, parse_config
from goleakprobe.config.scraping import (
    AuthorizationSettings,
    BasicAuthSettings,
    CollectSettings,
    FileSdConfig,
    GlobalSettings,
    ScrapeConfig,
    StaticConfig,
)
from goleakprobe.config.settings import Config

__all__ = [
    "ENVIRONMENT_PREFIX",
    "AuthorizationSettings",
    "BasicAuthSettings",
    "CollectSettings",
    "Config",
    "FileSdConfig",
    "GlobalSettings",
    "ScrapeConfig",
    "StaticConfig",
    "check_config",
    "load_config",
    "parse_config",
]
