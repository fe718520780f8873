"""What landing needs of the place where the lake is, and the two kinds of place."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from goleakprobe_agents.landing.files import Footer, LocalLake
from goleakprobe_agents.landing.object_lake import ObjectLake
from goleakprobe_agents.object_store import is_object_url

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

__all__ = ["LakeStore", "open_lake"]


class LakeStore(Protocol):
    """Files by table and day, whole and durable once they are seen. Every method blocks.

    OSError is worth a retry.
    """

    def prepare(self) -> None:
        """Refuse a place where two could claim the same; UnsupportedStorageError."""

    def claim(self, table: str, day: str, name: str, rows: pa.Table, footer: Footer) -> Path | str:
        """Write rows under a name that must not exist yet; LandingConflictError if it does."""

    def days(self, table: str) -> list[str]:
        """The days of which there are folders, newest first; none for an unknown table."""

    def names(self, table: str, day: str) -> list[str]:
        """The names of the files of a day, in no order."""

    def path(self, table: str, day: str, name: str) -> str:
        """The full address of a file, for people and ``open``."""

    def open(self, path: str) -> BinaryIO:
        """A file to read from."""

    def drop_unfinished(self, table: str, prefix: str) -> int:
        """Remove what a killed writer of the same partition left behind; how many."""


def open_lake(path: str) -> LakeStore:
    """The lake at a folder or at an object store's URL.

    Raises UnsupportedStorageError or StorageMissingError; reaches for nothing yet.
    """
    return ObjectLake(path) if is_object_url(path) else LocalLake(path)
