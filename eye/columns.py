"""Records as columns: one Arrow type per registered field, batch by batch, into Parquet files whose schema grows with the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from commodore.schema import Field, registry
from eye.values import address, leaves, nanoseconds

ROW, RECORD, TIME = "_row", "_record", "@timestamp"
"""Number of the record in the index; its JSON line; nanoseconds since 1970 UTC."""

SKIPPED = frozenset({"escadre.all"})
_LONG = 2**63

_ARROW = {
    "keyword": pa.string(),
    "text": pa.string(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.int64(),
    "ip": pa.binary(16),
    "flattened": pa.list_(pa.string()),
}


def arrow_type(field: Field) -> pa.DataType:
    """Column type of a field: times are nanoseconds, addresses sixteen bytes, free-form objects lists of `key NUL value`."""
    plain = _ARROW[field.type]
    return pa.list_(plain) if field.many and field.type != "flattened" else plain


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None if value is None else str(value)


def _long(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -_LONG <= value < _LONG else None


def _double(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _flattened(value: Any) -> list[str] | None:
    return list(leaves(value)) or None if isinstance(value, (dict, list)) else None


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "keyword": _string,
    "text": _string,
    "long": _long,
    "double": _double,
    "boolean": _boolean,
    "date": nanoseconds,
    "ip": address,
    "flattened": _flattened,
}


def _values(field: Field, batch: list[dict[str, Any]]) -> list[Any]:
    convert, name = _CONVERT[field.type], field.name
    if field.type == "flattened" or not field.many:
        return [None if (value := record.get(name)) is None else convert(value) for record in batch]
    result = []
    for record in batch:
        value = record.get(name)
        many = value if isinstance(value, list) else [] if value is None else [value]
        result.append([x for x in map(convert, many) if x is not None] or None)
    return result


class Table:
    """Writes batches of records below `folder` as `rows-0000.parquet`, `rows-0001.parquet` …: a new file where a new field appears."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fields = folder, {TIME: registry()[TIME]}
        self._files = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, first: int, batch: list[dict[str, Any]], lines: Iterable[bytes]) -> None:
        """One row group: `batch[i]` gets the number `first + i`."""
        known, seen = registry(), set().union(*batch)
        new = {name: known[name] for name in sorted(seen) if name in known and name not in self.fields and name not in SKIPPED}
        if new or self._writer is None:
            self.close()
            self.fields.update(new)
            self._writer = pq.ParquetWriter(
                self.folder / f"rows-{self._files:04d}.parquet", self._schema(), compression="zstd", compression_level=1
            )
            self._files += 1
        arrays = [pa.array(range(first, first + len(batch)), pa.int64()), pa.array(lines, pa.large_binary())]
        arrays += [pa.array(_values(field, batch), arrow_type(field)) for field in self.fields.values()]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._writer.schema))

    def _schema(self) -> pa.Schema:
        fixed = [pa.field(ROW, pa.int64()), pa.field(RECORD, pa.large_binary())]
        return pa.schema(fixed + [pa.field(name, arrow_type(field)) for name, field in self.fields.items()])

    def close(self) -> None:
        """End the present file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
