"""Files decide the position: their names, and finding the newest of every partition.

A file is named after the first offset it covers, so its name is a claim on everything from there
on: whoever owns the partition next begins behind the newest file, and two owners who believe they
own it want the same name, which only one can have.

The day in the folder name never falls from one file of a partition to the next (see lander.py),
so the newest file stands in the partition's last day. Compaction and retention must leave the
newest file of every partition alone, because it is the position, and had better leave the newest
RECENT_FILES: their footers name the events by which repetitions are known again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from goleakprobe_agents.landing.store import LakeStore

__all__ = [
    "RECENT_FILES",
    "LandedFile",
    "file_name",
    "landed_files",
    "newest_files",
    "recent_files",
]

RECENT_FILES = 32
"""How many files of a partition tell a new owner what was landed of late."""

_NAME = re.compile(
    r"(?P<topic>[a-zA-Z0-9._]+)-(?P<partition>\d{4,})-(?P<log>[0-9a-f]*)-(?P<first>\d{20})\.parquet"
)


class LandedFile(msgspec.Struct, frozen=True, order=True):
    """What the path of a landed file says."""

    topic: str
    log_id: str
    partition: int
    first_offset: int
    day: str
    path: str


def file_name(topic: str, partition: int, log_id: str, first_offset: int) -> str:
    """``<topic>-<partition>-<log id>-<first offset>.parquet``.

    The log id is a short form of the id that the broker gave the topic: a topic that was created
    anew counts from 0 again, and its files must not be taken for those of the one before it.
    """
    return f"{topic}-{partition:04d}-{log_id}-{first_offset:020d}.parquet"


def landed_files(lake: LakeStore, table: str) -> Iterator[LandedFile]:
    """All landed files of a table, newest day first; other files are passed over."""
    for day in lake.days(table):
        yield from _day_files(lake, table, day)


def newest_files(
    lake: LakeStore, table: str, topic: str, log_id: str, partitions: Iterable[int]
) -> dict[int, LandedFile]:
    """The newest file of each partition that has one."""
    recent = recent_files(lake, table, topic, log_id, partitions)
    return {partition: files[0] for partition, files in recent.items()}


def recent_files(
    lake: LakeStore, table: str, topic: str, log_id: str, partitions: Iterable[int]
) -> dict[int, list[LandedFile]]:
    """The newest files, newest first, of each partition that has any; at most RECENT_FILES.

    Reads days backwards and stops one day beyond that by which every partition was found, for a
    partition's newest day may just have begun.
    """
    wanted, found = set(partitions), dict[int, list[LandedFile]]()
    for day in lake.days(table):
        complete = wanted <= found.keys()
        for file in _day_files(lake, table, day):
            if (file.topic, file.log_id) == (topic, log_id) and file.partition in wanted:
                found.setdefault(file.partition, []).append(file)
        if complete:
            break
    return {
        partition: sorted(files, key=lambda file: file.first_offset, reverse=True)[:RECENT_FILES]
        for partition, files in found.items()
    }


def _day_files(lake: LakeStore, table: str, day: str) -> Iterator[LandedFile]:
    for name in lake.names(table, day):
        match = _NAME.fullmatch(name)
        if match is not None:
            yield LandedFile(
                topic=match["topic"],
                log_id=match["log"],
                partition=int(match["partition"]),
                first_offset=int(match["first"]),
                day=day,
                path=lake.path(table, day, name),
            )
