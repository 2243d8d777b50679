"""Records as columns: one Arrow type per registered field, batch by batch, into Parquet files whose schema grows with the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from commodore.schema import Field, registry
from eye.query.values import address, held, leaves

ROW, RECORD, TIME = "_row", "_record", "@timestamp"
"""Number of the record in the index; its JSON line; nanoseconds since 1970 UTC."""

SKIPPED = frozenset({"escadre.all"})
_LONG = 2**63
_INSTANT = pa.timestamp("ns", "UTC")

ROWS, ROWS_BYTES = 8_192, 16_000_000
"""A row group: so many records or bytes, whichever comes first."""

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
    if type(value) is dict and set(map(type, value.values())) == {str}:
        return [f"{key}\0{text}" for key, text in value.items()]
    return list(leaves(value)) or None if isinstance(value, (dict, list)) else None


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "keyword": _string,
    "text": _string,
    "long": _long,
    "double": _double,
    "boolean": _boolean,
    "date": held,
    "ip": address,
    "flattened": _flattened,
}


_PLAIN: dict[str, frozenset[type]] = {
    "keyword": frozenset({str}),
    "text": frozenset({str}),
    "long": frozenset({int}),
    "double": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "date": frozenset({str}),
}
"""Python types that Arrow takes for a field type as they are."""


def _array(field: Field, values: list[Any]) -> pa.Array:
    """The values of one field, none of them None, as Arrow: at once where all are of the field's type, one by one otherwise."""
    kind = arrow_type(field)
    if field.type == "flattened" or field.type not in _PLAIN:
        return pa.array(_converted(field, values), kind)
    inner = [x for value in values for x in value] if field.many and all(type(value) is list for value in values) else values
    if set(map(type, inner)) <= _PLAIN[field.type] and (field.many == (inner is not values) or not values):
        try:
            return _dates(inner, values, many=field.many) if field.type == "date" else pa.array(values, kind)
        except (pa.ArrowInvalid, OverflowError):  # a number over 64 bits, a time that Arrow does not read: one by one
            pass
    return pa.array(_converted(field, values), kind)


def _dates(inner: list[str], values: list[Any], *, many: bool) -> pa.Array:
    """RFC 3339 times as nanoseconds. Raises ArrowInvalid where one is not of the common form or does not fit."""
    if min(map(len, inner), default=20) < len("2026-01-01T00:00:00Z"):
        raise pa.ArrowInvalid("a short time")
    flat = pa.array(inner, pa.string()).cast(_INSTANT).cast(pa.int64())
    if not many:
        return flat
    ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), flat)


def _converted(field: Field, values: list[Any]) -> list[Any]:
    convert = _CONVERT[field.type]
    if field.type == "flattened" or not field.many:
        return [convert(value) for value in values]
    return [[x for x in map(convert, value if isinstance(value, list) else [value]) if x is not None] or None for value in values]


def columns(fields: Iterable[Field], batch: list[dict[str, Any]]) -> list[pa.Array]:
    """One array per field, as long as the batch: null where a record has no such value."""
    gathered: dict[str, tuple[list[int], list[Any]]] = {field.name: ([], []) for field in fields}
    for n, record in enumerate(batch):
        for name, value in record.items():
            if value is not None and (place := gathered.get(name)) is not None:
                place[0].append(n)
                place[1].append(value)
    return [_spread(_array(field, gathered[field.name][1]), gathered[field.name][0], len(batch)) for field in fields]


def _spread(present: pa.Array, places: list[int], length: int) -> pa.Array:
    if len(places) == length:
        return present
    index = np.full(length, -1, dtype=np.int32)
    index[places] = np.arange(len(places), dtype=np.int32)
    return present.take(pa.array(index, mask=index < 0))


class Table:
    """Writes batches of records below `folder` as `<name>-0000.parquet`, `<name>-0001.parquet` …: a new file where a new field appears."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.fields = folder, name, {TIME: registry()[TIME]}
        self.files: list[str] = []
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._size = 0

    def write(self, first: int, batch: list[dict[str, Any]], lines: list[bytes]) -> None:
        """`batch[i]`, read from `lines[i]`, gets the number `first + i`."""
        known, seen = registry(), set().union(*batch)
        new = {name: known[name] for name in sorted(seen) if name in known and name not in self.fields and name not in SKIPPED}
        if new or self._writer is None:
            self.close()
            self.fields.update(new)
            self._open()
        assert self._writer is not None
        arrays = [pa.array(range(first, first + len(batch)), pa.int64()), pa.array(lines, pa.large_binary())]
        table = pa.Table.from_arrays(arrays + columns(self.fields.values(), batch), schema=self._writer.schema)
        self._waiting.append(table)
        self._size += table.nbytes
        if sum(t.num_rows for t in self._waiting) >= ROWS or self._size >= ROWS_BYTES:
            self._flush()

    def _open(self) -> None:
        coded = [field.name for field in self.fields.values() if field.type in ("keyword", "text", "boolean", "ip")]
        self.files.append(f"{self.name}-{len(self.files):04d}.parquet")
        self._writer = pq.ParquetWriter(
            self.folder / self.files[-1],
            self._schema(),
            compression="zstd",
            compression_level=1,
            use_dictionary=coded,
            write_statistics=[ROW, *self.fields],
        )

    def _flush(self) -> None:
        if self._writer is not None and self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._size = [], 0

    def _schema(self) -> pa.Schema:
        fixed = [pa.field(ROW, pa.int64()), pa.field(RECORD, pa.large_binary())]
        return pa.schema(fixed + [pa.field(name, arrow_type(field)) for name, field in self.fields.items()])

    def close(self) -> None:
        """End the present file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
