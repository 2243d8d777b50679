"""Records as pandas tables: `read` through DuckDB, `astype` for what pandas read from the JSON lines itself. Same columns, same dtypes.

One dtype per type of the registry: keyword, text, ip → str; long → Int64; double → Float64; boolean → boolean; date → datetime64[ns,
UTC], or object (the original strings) where a
value is outside its range (1677 to 2262); lists and free-form objects → object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.case.columns import connect, fields_of, present, quoted, source
from commodore.case.reader import FINDING, CaseReader
from commodore.schema import registry
from scout.console import WRONG_USE, Complaint

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

_DTYPE = {"keyword": "str", "text": "str", "ip": "str", "long": "Int64", "double": "Float64", "boolean": "boolean"}


def read(
    case: str | Path, datasets: str | Iterable[str] | None = None, columns: Sequence[str] | None = None, where: str | None = None
) -> pd.DataFrame:
    """Return records of a case as a table.

    datasets   names of artefacts, derived datasets, or `finding` (None: all)
    columns    field names (None: every field that has a value, in the order of the registry)
    where      SQL expression over quoted field names: `"event.code" = '4624' AND "source.ip" IS NOT NULL`

    Rows are ordered by dataset, collection, and place in the file. Only the fields of the datasets are read. Raises Complaint for a case,
    dataset or field that does not exist and for a wrong expression.
    """
    import duckdb
    import pandas as pd

    unknown = [c for c in columns or () if c not in registry()]
    if unknown:
        raise Complaint(f"No such field: {', '.join(unknown)}.", "`commodore artefacts NAME` lists fields.", WRONG_USE)
    paths = by_dataset(files(Path(case), datasets))
    connection = connect()
    try:
        parts = [_part(connection, dataset, found, columns, where) for dataset, found in paths.items()]
    except duckdb.Error as e:
        raise Complaint(
            f"{where or 'The records'}: {str(e).splitlines()[0]}", "Put field names in double quotes and text in single quotes.", WRONG_USE
        ) from None
    finally:
        connection.close()
    order = {name: n for n, name in enumerate(registry())}
    names = columns if columns is not None else sorted({n for part in parts for n in part.column_names}, key=order.__getitem__)
    count = sum(part.num_rows for part in parts)
    table: dict[str, pd.Series[Any]] = {}
    for name in names:
        values = _values(parts, name)
        if columns is not None or name == "@timestamp" or not count or values.null_count < count:
            table[name] = column(name, values.to_pandas(integer_object_nulls=True))
    return pd.DataFrame(table, columns=list(table))


def _part(
    connection: duckdb.DuckDBPyConnection, dataset: str, paths: Sequence[Path], columns: Sequence[str] | None, where: str | None
) -> pa.Table:
    """Return the records of one dataset as an Arrow table, which takes a fraction of the memory of Python objects."""
    own = fields_of(dataset, paths)
    asked = [name for name in registry() if where and name in where]
    names = list(columns) if columns is not None else present(connection, paths, own)
    chosen, condition = ", ".join(map(_as_text, names)), f" WHERE {where}" if where else ""
    table = source(paths, dict.fromkeys([*names, *asked]))
    return connection.sql(f"SELECT {chosen} FROM {table}{condition}").to_arrow_table()  # noqa: S608  (the analyst's own SQL)


def _as_text(name: str) -> str:
    """Return the SQL of a column; a free-form object is its JSON text."""
    return f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" if registry()[name].type == "flattened" else quoted(name)


def _values(parts: Sequence[pa.Table], name: str) -> pa.ChunkedArray:
    """Return the values of a field over all datasets, null where a dataset lacks it."""
    import pyarrow as pa

    kind = next((part.schema.field(name).type for part in parts if name in part.column_names), pa.null())
    missing = [pa.chunked_array([pa.nulls(part.num_rows, kind)]) if name not in part.column_names else part[name] for part in parts]
    return pa.chunked_array([chunk for chunked in missing for chunk in chunked.chunks], kind)


def files(case: Path, datasets: str | Iterable[str] | None = None) -> list[Path]:
    """Return the files of the datasets (None: all), by dataset and collection. Raises Complaint for a dataset that nothing makes."""
    reader = CaseReader(case)
    there = reader.datasets()
    wanted = there if datasets is None else [datasets] if isinstance(datasets, str) else list(datasets)
    from commodore import catalogue

    known = {*catalogue.artefacts(), *catalogue.derivations(), FINDING, *there}
    missing = [d for d in wanted if d not in known]
    if missing:
        raise Complaint(f"No such dataset: {', '.join(missing)}.", f"This case has {', '.join(there) or 'none'}.", WRONG_USE)
    return [path for dataset in wanted for path in reader.files(dataset)]


def by_dataset(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Return record files by dataset, in their order."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(FINDING if path.parent.name == "findings" else path.parent.name, []).append(path)
    return found


def astype(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns have the dtypes and the order of the registry. Empty columns are left out, except `@timestamp`.

    For the result of `pandas.read_json(path, lines=True, dtype=False, convert_dates=False)`. Unknown columns come last, unchanged.
    """
    order = {name: i for i, name in enumerate(registry())}
    filled = [c for c in frame.columns if not len(frame) or c == "@timestamp" or frame[c].notna().any()]
    names = sorted(filled, key=lambda c: order.get(c, len(order)))
    return _typed(frame, names)


def _typed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: column(name, frame[name]) for name in names}, columns=list(names)).reset_index(drop=True)


def column(name: str, values: pd.Series[Any]) -> pd.Series[Any]:
    """Return one column in the dtype of its field."""
    known = registry().get(name)
    if known is None:
        return values
    if known.many or known.type == "flattened":
        return _objects(values, flattened=known.type == "flattened")
    if known.type == "date":
        return _dates(values)
    if known.type in ("keyword", "text", "ip"):
        return values.astype("object").where(values.notna(), None).astype("str")
    typed: pd.Series[Any] = values.astype(_DTYPE[known.type])  # type: ignore[call-overload]
    return typed


def _objects(values: pd.Series[Any], *, flattened: bool) -> pd.Series[Any]:
    """Return lists as lists and free-form objects as dicts; None where there is no value."""
    import pandas as pd

    def made(value: Any) -> Any:
        if value is None or value is pd.NA or isinstance(value, float):
            return None
        if flattened:
            return json.loads(value) if isinstance(value, str) else dict(value)
        return list(value)

    return pd.Series([made(v) for v in values], index=values.index, dtype="object")


def _dates(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return UTC nanoseconds, or the original strings where one of them is not a time in that range."""
    import pandas as pd

    text = values.astype("object").where(values.notna(), None)
    try:
        times = pd.to_datetime(text, utc=True, format="ISO8601").astype("datetime64[ns, UTC]")
    except (ValueError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return text
    return times if int(times.notna().sum()) == int(text.notna().sum()) else text
