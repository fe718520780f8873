"""A lake on an object store, where a put that must create the object is the claim."""

from __future__ import annotations

import io
from typing import BinaryIO

import pyarrow as pa

from goleakprobe_agents.errors import LandingConflictError, LandingFileError
from goleakprobe_agents.landing.files import Footer, day_of_folder, write_rows
from goleakprobe_agents.object_store import ObjectStore

__all__ = ["ObjectLake"]


class ObjectLake:
    """A lake below a URL.

    An answer that is lost on its way makes a claim that succeeded look taken. The worker then
    ends, as after any conflict, and its successor finds its own file and goes on behind it.
    """

    def __init__(self, url: str) -> None:
        self._store = ObjectStore(url)
        self._trusted = False

    def prepare(self) -> None:
        """Try once whether the store refuses to overwrite.

        UnsupportedStorageError if it does not, ObjectStoreError if it cannot be asked.
        """
        if not self._trusted:
            self._store.require_exclusive_puts()
            self._trusted = True

    def claim(self, table: str, day: str, name: str, rows: pa.Table, footer: Footer) -> str:
        """Put rows under a key that must not exist yet; durable when it returns.

        Raises LandingConflictError if it exists, UnsupportedStorageError if the store cannot tell,
        ObjectStoreError (the attempt may be repeated then).
        """
        self.prepare()
        path = self.path(table, day, name)
        body = io.BytesIO()
        try:
            write_rows(rows, footer, body)
        except pa.ArrowException as error:
            raise LandingFileError(path, f"cannot be written: {error}") from error
        try:
            self._store.put_new(_key(table, day, name), body.getvalue())
        except FileExistsError as error:
            raise LandingConflictError(path) from error
        return path

    def days(self, table: str) -> list[str]:
        """The days that have objects, newest first."""
        names = (day_of_folder(name) for name in self._store.folders(f"table={table}"))
        return sorted((day for day in names if day), reverse=True)

    def names(self, table: str, day: str) -> list[str]:
        """The names of a day's objects."""
        return self._store.names(f"table={table}/dt={day}")

    def path(self, table: str, day: str, name: str) -> str:
        """The URL of an object."""
        return f"{self._store.url}/{_key(table, day, name)}"

    def open(self, path: str) -> BinaryIO:
        """An object, read in parts as they are asked for."""
        return self._store.open(path.removeprefix(f"{self._store.url}/"))

    def drop_unfinished(self, table: str, prefix: str) -> int:
        """Nothing: a put that did not end left nothing."""
        return 0


def _key(table: str, day: str, name: str) -> str:
    return f"table={table}/dt={day}/{name}"
