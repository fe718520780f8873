"""Progress of a long reading, on stderr and only on a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["reading"]


@contextmanager
def reading(name: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Call what it yields with the number of bytes just read."""
    import sys

    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("Decoding {task.description}"), BarColumn(), DownloadColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(name), total=total_bytes)
        yield lambda count: progress.advance(task, count)


def _silent(_: int) -> None:
    pass
