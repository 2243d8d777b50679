"""Parquet export: times are UTC timestamps with nanoseconds; beside a time that no such timestamp holds stands its text, in `<field>.raw`.

A timestamp of 64 bits with nanoseconds spans 1677-09-21 to 2262-04-11. Source: Apache Parquet format, LogicalTypes.md, TIMESTAMP.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.case import private
from commodore.case.columns import connect, fields_of, present, quoted, source
from commodore.schema import registry

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROWS = 8192
"""records that are held at a time"""
RAW = ".raw"


def write(dataset: str, paths: Sequence[Path], target: Path) -> int:
    """Write the records of a dataset as a Parquet file. Returns the number of records. Raises OSError."""
    import pyarrow.parquet as pq

    connection = connect()
    count = 0
    try:
        names = present(connection, paths, fields_of(dataset, paths))
        table = source(paths, names)
        raw = _lossy(connection, table, [name for name in names if registry()[name].type == "date"])
        chosen = ", ".join(part for name in names for part in _selected(name, raw=name in raw))
        batches: pa.RecordBatchReader = connection.sql(f"SELECT {chosen} FROM {table}").to_arrow_reader(ROWS)  # noqa: S608
        schema = _utc(batches.schema)
        with private.created(target) as file, pq.ParquetWriter(file, schema, compression="zstd") as out:
            for batch in batches:
                out.write_batch(batch.cast(schema))
                count += batch.num_rows
    finally:
        connection.close()
    return count


def _time(name: str) -> str:
    """Return the SQL that makes a timestamp of a time field, or a list of them; null where it does not fit."""
    field = quoted(name)
    return f"list_transform({field}, lambda t: {_CAST.format('t')})" if registry()[name].many else _CAST.format(field)


_CAST = "TRY_CAST({} AS TIMESTAMP_NS)"


def _unfit(name: str) -> str:
    """Return the SQL condition that a time, or one of a list, has no timestamp."""
    field = quoted(name)
    if registry()[name].many:
        return f"len(list_filter({field}, lambda t: {_CAST.format('t')} IS NULL)) > 0"
    return f"({field} IS NOT NULL AND {_time(name)} IS NULL)"


def _lossy(connection: duckdb.DuckDBPyConnection, table: str, times: Sequence[str]) -> frozenset[str]:
    """Return the time fields in which some value has no timestamp."""
    if not times:
        return frozenset()
    counts = ", ".join(f"count(*) FILTER ({_unfit(name)})" for name in times)
    (row,) = connection.execute(f"SELECT {counts} FROM {table}").fetchall()  # noqa: S608
    return frozenset(name for name, count in zip(times, row, strict=True) if count)


def _selected(name: str, *, raw: bool) -> list[str]:
    field, kind = quoted(name), registry()[name].type
    if kind == "flattened":
        return [f"CAST({field} AS VARCHAR) AS {field}"]
    if kind != "date":
        return [field]
    text = [f"CASE WHEN {_unfit(name)} THEN {field} END AS {quoted(name + RAW)}"] if raw else []
    return [f"{_time(name)} AS {field}", *text]


def _utc(schema: pa.Schema) -> pa.Schema:
    """Return the schema with every timestamp in UTC."""
    import pyarrow as pa

    instant = pa.timestamp("ns", "UTC")

    def kind(old: Any) -> Any:
        if pa.types.is_timestamp(old):
            return instant
        return pa.list_(instant) if pa.types.is_list(old) and pa.types.is_timestamp(old.value_type) else old

    return pa.schema([field.with_type(kind(field.type)) for field in schema])
