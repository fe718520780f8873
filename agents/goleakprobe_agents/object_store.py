"""Object stores by URL (``s3://``, ``gs://``, ``az://``…), reduced to what exactness can rest on.

A put either happens whole or not at all, and a put of a new object fails if its key exists
(``If-None-Match: *`` on S3, https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
pyarrow's own file systems cannot ask for that (https://github.com/apache/arrow/issues/44281), so
this goes through ``obstore``. Addresses and credentials come from the environment, in the store's
own words (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ``GOOGLE_APPLICATION_CREDENTIALS``…).
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from goleakprobe_agents.errors import StorageMissingError, UnsupportedStorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OBJECT_SCHEMES", "ObjectStore", "ObjectStoreError", "duckdb_files", "is_object_url"]

OBJECT_SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss")

_PROBE = ".goleakprobe-exclusive-puts"
_TIMEOUT = "30s"
_CONNECT_TIMEOUT = "5s"
# Longer waits are the caller's: it tells of them.
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}


class ObjectStoreError(OSError):
    """The store cannot be reached, or refuses; worth a retry."""


def is_object_url(path: str) -> bool:
    """Whether a path names an object store rather than a folder."""
    return "://" in path


def _store_options() -> dict[str, Any]:
    """Client options for every store: who names an endpoint without TLS wants it so."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    plain = endpoint.startswith("http://")
    return {"timeout": _TIMEOUT, "connect_timeout": _CONNECT_TIMEOUT, "allow_http": plain}


class ObjectStore:
    """The objects below one URL; keys are relative to it. Every method blocks.

    Raises UnsupportedStorageError for another kind of URL and StorageMissingError without
    ``obstore`` when made; later ObjectStoreError, or FileNotFoundError for an absent object.
    """

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0]
        if scheme not in OBJECT_SCHEMES:
            raise UnsupportedStorageError(url, f"is none of {', '.join(OBJECT_SCHEMES)}")
        self.url = url.rstrip("/")
        # Not at the top: its threads would not survive the fork that workers begin with.
        try:
            import obstore
            from obstore.exceptions import AlreadyExistsError, BaseError
            from obstore.store import from_url
        except ModuleNotFoundError as error:
            raise StorageMissingError(url) from error
        self._obstore: Any = obstore
        self._exists, self._failed = AlreadyExistsError, BaseError
        try:
            self._store: Any = from_url(
                self.url, client_options=_store_options(), retry_config=_RETRIES
            )
        except BaseError as error:
            raise UnsupportedStorageError(url, f"cannot be used: {_first_line(error)}") from error

    def put_new(self, key: str, body: bytes) -> None:
        """Store an object whose key must not exist; FileExistsError if it does."""
        with self._failing(key):
            try:
                self._obstore.put(self._store, key, body, mode="create", use_multipart=False)
            except self._exists as error:
                raise FileExistsError(f"{self.url}/{key} exists") from error

    def put(self, key: str, body: bytes) -> None:
        """Store an object, in place of one of the same key."""
        with self._failing(key):
            self._obstore.put(self._store, key, body, use_multipart=False)

    def get(self, key: str) -> bytes:
        """A whole object."""
        with self._failing(key):
            return bytes(self._obstore.get(self._store, key).bytes())

    def delete(self, key: str) -> None:
        """Remove an object; harmless if it is gone."""
        with self._failing(key), suppress(FileNotFoundError):
            self._obstore.delete(self._store, key)

    def open(self, key: str) -> BinaryIO:
        """An object to read parts of."""
        with self._failing(key):
            size = int(self._obstore.head(self._store, key)["size"])
        return cast("BinaryIO", io.BufferedReader(_Object(self, key, size)))

    def read(self, key: str, start: int, length: int) -> bytes:
        """A part of an object."""
        with self._failing(key):
            return bytes(self._obstore.get_range(self._store, key, start=start, length=length))

    def names(self, prefix: str) -> list[str]:
        """The names of the objects directly below ``prefix``, in order."""
        listed = self._list(prefix)["objects"]
        return sorted(str(each["path"]).rpartition("/")[2] for each in listed)

    def folders(self, prefix: str) -> list[str]:
        """The names of what has objects below it, directly below ``prefix``, in order."""
        listed = self._list(prefix)["common_prefixes"]
        return sorted(str(each).rstrip("/").rpartition("/")[2] for each in listed)

    def require_exclusive_puts(self) -> None:
        """UnsupportedStorageError if the store overwrites what it was told not to.

        Some stores ignore the condition in silence, and then two owners could both win.
        """
        with suppress(FileExistsError):
            self.put_new(_PROBE, b"")
        try:
            self.put_new(_PROBE, b"")
        except FileExistsError:
            return
        raise UnsupportedStorageError(
            self.url, "ignores If-None-Match, so two workers could claim the same offsets"
        )

    def _list(self, prefix: str) -> Any:
        with self._failing(prefix):
            return self._obstore.list_with_delimiter(self._store, prefix)

    @contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        try:
            yield
        except self._failed as error:
            raise ObjectStoreError(f"{self.url}/{key}: {_first_line(error)}") from error


def duckdb_files(url: str) -> Any:
    """The same store as a file system that DuckDB can be given for its URLs (fsspec)."""
    from obstore.fsspec import FsspecStore

    scheme = cast("Any", url.partition("://")[0])
    return FsspecStore(scheme, client_options=_store_options(), retry_config=_RETRIES)


class _Object(io.RawIOBase):
    """An object as a file to read from and seek in."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        super().__init__()
        self._store, self._key, self._size, self._at = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        part = self._store.read(self._key, self._at, length)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:500] if str(error).strip() else repr(error)
