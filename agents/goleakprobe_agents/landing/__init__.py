"""Events become Parquet rows, each exactly once."""

from __future__ import annotations

from goleakprobe_agents.landing.files import Footer, LocalLake, read_footer
from goleakprobe_agents.landing.lander import Lander
from goleakprobe_agents.landing.positions import LandedFile, file_name, landed_files, newest_files
from goleakprobe_agents.landing.rows import Landed, table_rows
from goleakprobe_agents.landing.store import LakeStore, open_lake

__all__ = [
    "Footer",
    "LakeStore",
    "Landed",
    "LandedFile",
    "Lander",
    "LocalLake",
    "file_name",
    "landed_files",
    "newest_files",
    "open_lake",
    "read_footer",
    "table_rows",
]
