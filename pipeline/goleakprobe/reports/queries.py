"""The SQL of the reports, one query a file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["query_text"]


@cache
def query_text(name: str) -> str:
    """The query in ``sql/<name>.sql``."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text("utf-8")
