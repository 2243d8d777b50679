"""Records as pandas tables: `read` through DuckDB, `astype` for what pandas read from the JSON lines itself. Same columns, same dtypes.

One dtype per type of the registry: keyword, text, ip → str; long → Int64; double → Float64; boolean → boolean; date → datetime64[ns,
UTC], or object
(the strings as they are) where a value lies outside its range (1677 to 2262); lists and free-form objects → object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.case.reader import FINDING, CaseReader
from commodore.schema import registry
from scout.console import WRONG_USE, Complaint

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MEMORY = "512MB"
"""what DuckDB may hold; beyond it spills nothing to disk and says so"""
_DUCK = {"long": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN", "flattened": "JSON"}
_DTYPE = {"keyword": "str", "text": "str", "ip": "str", "long": "Int64", "double": "Float64", "boolean": "boolean"}


def read(
    case: str | Path, datasets: str | Iterable[str] | None = None, columns: Sequence[str] | None = None, where: str | None = None
) -> pd.DataFrame:
    """Records of a case.

    datasets   names of artefacts or derived datasets (None: all); columns: field names (None: every column that has a value, in the
    order of the registry)
    where      SQL expression over quoted field names: `"event.code" = '4624' AND "source.ip" IS NOT NULL`

    Rows are ordered by dataset, collection, and place in the file. Raises Complaint for a case, dataset, field or expression that is not
    there.
    """
    import duckdb

    connection = connect()
    try:
        paths = files(Path(case), datasets)
        names = list(columns) if columns is not None else present(connection, paths)
        unknown = [c for c in names if c not in registry()]
        if unknown:
            raise Complaint(f"no such field: {', '.join(unknown)}.", "`commodore artefacts NAME` lists fields.", WRONG_USE)
        if not paths:
            return astype(_empty(names))
        chosen = ", ".join(_quote(c) for c in names)
        condition = f" WHERE {where}" if where else ""
        frame = connection.execute(f"SELECT {chosen} FROM {source(paths)}{condition}").df()  # noqa: S608  (the analyst's own SQL)
    except duckdb.Error as e:
        raise Complaint(
            f"{where or 'the records'}: {str(e).splitlines()[0]}", "Field names stand in double quotes, text in single ones.", WRONG_USE
        ) from None
    finally:
        connection.close()
    return _typed(frame, list(frame.columns)) if columns is not None else astype(frame)


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that cannot reach the network and does not spill to disk."""
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


def files(case: Path, datasets: str | Iterable[str] | None = None) -> list[Path]:
    """Return the files of the datasets (None: all), by dataset and collection. Raises Complaint for a dataset that nothing makes."""
    reader = CaseReader(case)
    there = reader.datasets()
    wanted = there if datasets is None else [datasets] if isinstance(datasets, str) else list(datasets)
    from commodore.engine import catalogue

    known = {*catalogue.artefacts(), *catalogue.derivations(), FINDING, *there}
    missing = [d for d in wanted if d not in known]
    if missing:
        raise Complaint(f"No such dataset: {', '.join(missing)}.", f"This case has {', '.join(there) or 'none'}.", WRONG_USE)
    return [path for dataset in wanted for path in reader.files(dataset)]


def source(paths: Sequence[Path]) -> str:
    """The SQL expression that reads record files with every field of the registry, in order."""
    listed = ", ".join("'" + str(p).replace("'", "''") + "'" for p in paths)
    columns = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': '{duck_type(name)}'" for name in registry())
    return (
        f"read_json([{listed}], format='newline_delimited', compression='zstd', columns={{{columns}}}, "
        "maximum_object_size=33554432, convert_strings_to_integers=false)"
    )


def duck_type(name: str) -> str:
    """DuckDB's type of a field: dates and addresses are text, so that nothing is rounded or refused."""
    known = registry()[name]
    base = _DUCK.get(known.type, "VARCHAR")
    return f"{base}[]" if known.many else base


def present(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> list[str]:
    """Fields that have a value in any of the files, in the order of the registry; the time also where no record has one."""
    if not paths:
        return []
    names = list(registry())
    counts = ", ".join(f"count({_quote(n)})" for n in names)
    row = connection.execute(f"SELECT {counts} FROM {source(paths)}").fetchone() or ()  # noqa: S608
    return [name for name, count in zip(names, row, strict=True) if count or name == "@timestamp"]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _empty(names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: [] for name in names}, columns=list(names))


def astype(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose columns have the dtypes of the registry, in its order; columns without any value are left out, but for the time.

    For what `pandas.read_json(path, lines=True, dtype=False, convert_dates=False)` gives. Unknown columns stay as they are, last.
    """
    order = {name: i for i, name in enumerate(registry())}
    kept = [c for c in frame.columns if not len(frame) or c == "@timestamp" or frame[c].notna().any()]
    names = sorted(kept, key=lambda c: order.get(c, len(order)))
    return _typed(frame, names)


def _typed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: column(name, frame[name]) for name in names}, columns=list(names)).reset_index(drop=True)


def column(name: str, values: pd.Series[Any]) -> pd.Series[Any]:
    """One column in the dtype of its field."""
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
    """Lists as lists, free-form objects as dicts, None where there is none."""
    import pandas as pd

    def made(value: Any) -> Any:
        if value is None or value is pd.NA or isinstance(value, float):
            return None
        if flattened:
            return json.loads(value) if isinstance(value, str) else dict(value)
        return list(value)

    return pd.Series([made(v) for v in values], index=values.index, dtype="object")


def _dates(values: pd.Series[Any]) -> pd.Series[Any]:
    """UTC nanoseconds; the strings themselves where one of them cannot be one."""
    import pandas as pd

    text = values.astype("object").where(values.notna(), None)
    try:
        times = pd.to_datetime(text, utc=True, format="ISO8601").astype("datetime64[ns, UTC]")
    except (ValueError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return text
    return times if int(times.notna().sum()) == int(text.notna().sum()) else text
