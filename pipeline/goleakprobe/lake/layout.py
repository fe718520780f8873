"""Where a table's files are: ``table=<name>/dt=YYYY-MM-DD/*.parquet``."""

from __future__ import annotations

import glob
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from goleakprobe.lake.time_window import TimeWindow
    from goleakprobe_agents.object_store import ObjectStore

__all__ = ["day_folders", "object_urls", "table_files", "table_patterns"]

# Files are linked into place when they are whole. Whatever is still being written, or was left
# behind by a crash, has a name that begins with a dot or an underscore.
_PATTERN = "[!._]*.parquet"


def day_folders(root: Path, table: str, window: TimeWindow | None = None) -> list[Path]:
    """The folders of the days a window can lie in, oldest first; of all days without one."""
    folder = root / f"table={table}"
    if not folder.is_dir():
        return []
    days = ((_day(each.name), each) for each in folder.iterdir() if each.is_dir())
    wanted = (
        each for day, each in days if day is not None and (window is None or window.may_hold(day))
    )
    return sorted(each for each in wanted if next(_files(each), None) is not None)


def table_patterns(root: Path, table: str, window: TimeWindow | None = None) -> list[str]:
    """One pattern per day folder, in the dialect of DuckDB; each matches a file at least."""
    return [f"{glob.escape(str(day))}/{_PATTERN}" for day in day_folders(root, table, window)]


def table_files(root: Path, table: str, window: TimeWindow | None = None) -> Iterator[Path]:
    """Every file that the patterns match now."""
    for day in day_folders(root, table, window):
        yield from sorted(_files(day))


def object_urls(store: ObjectStore, table: str, window: TimeWindow | None = None) -> list[str]:
    """Every file of a table below an object store's URL, oldest day first."""
    prefix = f"table={table}"
    days = ((_day(name), name) for name in store.folders(prefix))
    wanted = [
        name for day, name in days if day is not None and (window is None or window.may_hold(day))
    ]
    return [
        f"{store.url}/{prefix}/{folder}/{name}"
        for folder in sorted(wanted)
        for name in store.names(f"{prefix}/{folder}")
        if name.endswith(".parquet") and not name.startswith((".", "_"))
    ]


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.glob(_PATTERN) if each.is_file())


def _day(name: str) -> date | None:
    key, _, value = name.partition("=")
    try:
        return date.fromisoformat(value) if key == "dt" else None
    except ValueError:
        return None
