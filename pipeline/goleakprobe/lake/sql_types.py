"""Column types of the contract in DuckDB's words."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["empty_select", "quoted_name", "quoted_text", "sql_type"]

_SCALARS = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
}


def sql_type(kind: pa.DataType) -> str:
    """The DuckDB type that a Parquet column of an Arrow type reads as.

    Raises TypeError for types the contract does not use.
    """
    if pa.types.is_dictionary(kind):
        return sql_type(kind.value_type)
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_map(kind):
        return f"MAP({sql_type(kind.key_type)}, {sql_type(kind.item_type)})"
    if pa.types.is_struct(kind):
        fields = (f"{quoted_name(field.name)} {sql_type(field.type)}" for field in kind)
        return f"STRUCT({', '.join(fields)})"
    if kind in _SCALARS:
        return _SCALARS[kind]
    raise TypeError(f"no DuckDB type is named for Arrow's {kind}")


def empty_select(schema: pa.Schema) -> str:
    """A SELECT of no rows with a table's columns and types, and its partition column ``dt``."""
    columns = [f"NULL::{sql_type(field.type)} AS {quoted_name(field.name)}" for field in schema]
    return f"SELECT {', '.join(columns)}, NULL::DATE AS dt WHERE false"


def quoted_name(name: str) -> str:
    """An identifier that means only itself."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A string literal that means only itself."""
    return "'" + text.replace("'", "''") + "'"
