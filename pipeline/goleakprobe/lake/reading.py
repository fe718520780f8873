"""A lake, in a folder or on an object store, opened for questions in SQL."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from goleakprobe.lake.errors import (
    LakeEmptyError,
    LakeFileDamagedError,
    LakeMissingError,
    LakeQueryError,
)
from goleakprobe.lake.layout import object_urls, table_files, table_patterns
from goleakprobe.lake.sql_types import empty_select, quoted_name, quoted_text
from goleakprobe_agents.errors import StreamError
from goleakprobe_agents.object_store import ObjectStore, duckdb_files, is_object_url
from goleakprobe_schemas.arrow import TABLES, table_schema

if TYPE_CHECKING:
    from goleakprobe.lake.time_window import TimeWindow

__all__ = ["STATE_TABLES", "Lake"]

T = TypeVar("T")

STATE_TABLES = frozenset({"findings", "stacks"})
"""Their newest row of a key is true until the next one, however old: no window cuts them."""

_NAMED_FILE = re.compile(r"'([^']+\.parquet)'")
# Reading every file to find the guilty one takes long; these errors have no guilty file.
_NOT_OF_A_FILE = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.InterruptException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
)


class Lake:
    """The tables of the contract as DuckDB views, one per table, for the time of a ``with``.

    Each view has the columns of its Arrow schema, nulls where files lack one, and ``dt``; a table
    nothing has landed in is empty. ``window`` keeps files of other days unread, and rows of other
    times out, of all tables but STATE_TABLES. Files that land while the lake is open are seen
    whole or not at all; files of a day that had none may be missed.

    Raises LakeMissingError and LakeEmptyError when made; on entering LakeFileDamagedError or, for
    an unusable ``memory_limit``, LakeQueryError. Nothing is written to the lake, and DuckDB loads
    no extension, so nothing is fetched from a network.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        window: TimeWindow | None = None,
        memory_limit: str = "1GB",
        threads: int | None = None,
    ) -> None:
        self._window = window
        self._url = str(path) if is_object_url(str(path)) else ""
        self.path = path if self._url else _folder(path)
        self._patterns = self._remote_files() if self._url else self._local_patterns()
        if not any(self._patterns.values()) and not self._holds_any_file():
            raise LakeEmptyError(self.path)
        self._memory_limit = memory_limit
        self._threads = threads
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            spill = opening.enter_context(tempfile.TemporaryDirectory(prefix="goleakprobe-duckdb-"))
            self._connection = opening.enter_context(self._connect(spill))
            self._guarded(self._create_views)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def query(self, sql: str, into: type[T], **parameters: Any) -> list[T]:
        """All rows of a query, as structs with a field per column.

        ``$name`` in the SQL stands for a parameter. A null column takes the field's default.
        Raises LakeFileDamagedError naming the file, or LakeQueryError.
        """

        def fetch() -> list[dict[str, Any]]:
            result = self._connection.execute(sql, parameters or None)
            names = [column[0] for column in result.description or ()]
            return [
                {name: value for name, value in zip(names, row, strict=True) if value is not None}
                for row in result.fetchall()
            ]

        rows = self._guarded(fetch)
        try:
            return msgspec.convert(rows, list[into])  # type: ignore[valid-type]
        except msgspec.ValidationError as error:
            raise LakeQueryError(f"a row is none that this version can read: {error}") from error

    def _connect(self, spill: str) -> duckdb.DuckDBPyConnection:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": self._memory_limit,
            "temp_directory": spill,
            "preserve_insertion_order": "false",
        }
        if self._threads is not None:
            settings["threads"] = str(self._threads)
        try:
            connection = duckdb.connect(config=settings)
        except duckdb.Error as error:
            raise LakeQueryError(f"DuckDB refuses its settings: {_first_line(error)}") from error
        if self._url:
            connection.register_filesystem(duckdb_files(self._url))
        return connection

    def _local_patterns(self) -> dict[str, list[str]]:
        root = Path(self.path)
        return {table: table_patterns(root, table, self._window_of(table)) for table in TABLES}

    def _remote_files(self) -> dict[str, list[str]]:
        try:
            store = ObjectStore(self._url)
            return {t: object_urls(store, t, self._window_of(t)) for t in TABLES}
        except (StreamError, OSError) as error:
            raise LakeMissingError(self.path, f"cannot be read: {error}") from error

    def _holds_any_file(self) -> bool:
        if self._url:
            store = ObjectStore(self._url)
            return any(object_urls(store, table) for table in TABLES)
        root = Path(self.path)
        return any(next(table_files(root, table), None) is not None for table in TABLES)

    def _window_of(self, table: str) -> TimeWindow | None:
        return None if table in STATE_TABLES else self._window

    def _create_views(self) -> None:
        for table in TABLES:
            self._connection.execute(f"CREATE VIEW {quoted_name(table)} AS {self._view(table)}")

    def _view(self, table: str) -> str:
        schema = table_schema(table)
        patterns = self._patterns[table]
        if not patterns:
            return empty_select(schema)
        listed = ", ".join(quoted_text(pattern) for pattern in patterns)
        columns = ", ".join(quoted_name(name) for name in [*schema.names, "dt"])
        # The typed empty select gives columns that no file has, and every column its type.
        rows = (
            f"SELECT {columns} FROM ({empty_select(schema)} UNION ALL BY NAME "  # noqa: S608 - quoted
            f"SELECT * FROM read_parquet([{listed}], union_by_name = true, "
            "hive_partitioning = true, hive_types = {'dt': DATE}))"
        )
        window = self._window_of(table)
        if window is None or "time_ns" not in schema.names:
            return rows
        return f"{rows} WHERE time_ns BETWEEN {window.from_ns} AND {window.to_ns}"

    def _guarded(self, work: Any) -> Any:
        try:
            return work()
        except duckdb.Error as error:
            self._blame_file(error)
            raise LakeQueryError(_first_line(error)) from error

    def _blame_file(self, error: duckdb.Error) -> None:
        """Raise LakeFileDamagedError if a damaged file explains the error."""
        named = _NAMED_FILE.search(str(error))
        if named and isinstance(error, duckdb.InvalidInputException):
            raise LakeFileDamagedError(named[1], _first_line(error)) from error
        if isinstance(error, _NOT_OF_A_FILE):
            return
        if self._url:
            return
        # DuckDB says what is wrong inside a damaged file, but not always in which.
        for table in TABLES:
            for path in table_files(Path(self.path), table, self._window_of(table)):
                damage = _damage(path)
                if damage:
                    raise LakeFileDamagedError(path, damage) from error


def _folder(path: Path | str) -> Path:
    folder = Path(path)
    if not folder.exists():
        raise LakeMissingError(folder, "no such folder")
    if not folder.is_dir():
        raise LakeMissingError(folder, "is not a folder")
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise LakeMissingError(folder, f"cannot be listed: {error.strerror}") from error
    return folder


def _damage(path: Path) -> str:
    """What is wrong with a file; empty if it can be read to its end."""
    try:
        with pq.ParquetFile(path) as parquet:
            for _ in parquet.iter_batches():
                pass
    except (pa.ArrowException, OSError) as error:
        return _first_line(error)
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
