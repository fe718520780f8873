"""All settings in one struct."""

from __future__ import annotations

import msgspec

from goleakprobe.config.scraping import CollectSettings, GlobalSettings, ScrapeConfig
from goleakprobe_agents.settings import StreamSettings

__all__ = ["Config"]


class Config(StreamSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything: what to scrape, how to collect, and all that the stream's workers need."""

    global_: GlobalSettings = msgspec.field(name="global", default=GlobalSettings())
    scrape_configs: tuple[ScrapeConfig, ...] = ()
    collect: CollectSettings = CollectSettings()
