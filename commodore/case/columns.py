"""The columns of a dataset: its declared fields and those that the engine adds, as DuckDB reads them from the record files.

A table never touches the rest of the field registry, so its cost does not grow with the number of registered fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commodore import catalogue
from commodore.case.jsonl import objects
from commodore.case.reader import FINDING
from commodore.finding import Finding
from commodore.record import DEFAULTS, ENGINE_FIELDS
from commodore.schema import registry

if TYPE_CHECKING:
    import duckdb

MEMORY = "256MB"
"""what DuckDB may hold; beyond it the query fails with a message, nothing is spilled to disk"""
MAX_OBJECT = 16 << 20
"""bytes of one record; DuckDB reads in buffers of twice that"""
_DUCK = {"long": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN", "flattened": "JSON"}


def fields_of(dataset: str, paths: Sequence[Path]) -> list[str]:
    """Return the fields that records of a dataset may have, in the order of the registry.

    A dataset that no artefact of this version makes is read once for its field names.
    """
    known = catalogue.artefacts().get(dataset) or catalogue.derivations().get(dataset)
    if dataset == FINDING:
        names: Iterable[str] = {*Finding.__required_keys__, *Finding.__optional_keys__, "escadre.overflow"}
    elif known is not None:
        names = {*known.artefact.fields, *ENGINE_FIELDS, *DEFAULTS}
    else:
        names = {name for path in paths for record in objects(path) for name in record}
    order = {name: n for n, name in enumerate(registry())}
    return sorted((name for name in names if name in order), key=order.__getitem__)


def connect() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory that cannot reach the network and does not spill to disk."""
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": MEMORY,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "threads": "2",
            "preserve_insertion_order": "true",
        },
    )


def source(paths: Sequence[Path], names: Iterable[str]) -> str:
    """Return the SQL expression that reads these fields of record files, in order."""
    listed = ", ".join("'" + str(p).replace("'", "''") + "'" for p in paths)
    columns = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': '{duck_type(name)}'" for name in names)
    return (
        f"read_json([{listed}], format='newline_delimited', compression='zstd', columns={{{columns}}}, "
        f"maximum_object_size={MAX_OBJECT}, convert_strings_to_integers=false)"
    )


def duck_type(name: str) -> str:
    """Return DuckDB's type of a field: dates and addresses are text, so that nothing is rounded or refused."""
    known = registry()[name]
    base = _DUCK.get(known.type, "VARCHAR")
    return f"{base}[]" if known.many else base


def present(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Return those of these fields that have a value in any of the files; `@timestamp` also where no record has a time."""
    if not paths:
        return []
    counts = ", ".join(f"count({quoted(n)})" for n in names)
    (row,) = connection.execute(f"SELECT {counts} FROM {source(paths, names)}").fetchall()  # noqa: S608
    return [name for name, count in zip(names, row, strict=True) if count or name == "@timestamp"]


def quoted(name: str) -> str:
    """Return a field name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
