"""Export a case in the formats of other programs, into private files. No value of a CSV cell can act as a formula in a spreadsheet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from commodore.case import indicators, parquet, private, tables
from commodore.case.columns import connect, fields_of, present
from commodore.case.jsonl import objects
from commodore.schema import registry
from commodore.spreadsheet import line
from scout.console import WRONG_USE, Complaint

FORMATS = ("parquet", "csv", "timesketch", *indicators.FORMATS)


class Exported(NamedTuple):
    """One file that was written, the number of its records, and of records left out because they have no time."""

    path: Path
    records: int
    timeless: int = 0


def export(case: str | Path, target: str | Path, form: str = "parquet", datasets: Iterable[str] | None = None) -> list[Exported]:
    """Write a case, or some datasets of it, below `target`: parquet and csv one file per dataset, timesketch one file of JSON lines.

    Timesketch needs a time: the file has one line per record and time, with the meaning of the time in `timestamp_desc`. Records without
    any time are counted. stix, misp, ioc-csv and ioc-text: the indicators that findings name. Raises Complaint.
    """
    folder = Path(target)
    if form not in FORMATS:
        raise Complaint(f"No such format: {form}.", f"Formats: {', '.join(FORMATS)}.", WRONG_USE)
    if form in indicators.FORMATS:
        return [Exported(*_indicators(Path(case), folder, form))]
    files = tables.by_dataset(tables.files(Path(case), datasets))
    try:
        private.folder(folder)
        if form == "timesketch":
            return [_timesketch(files, folder / "timesketch.jsonl")]
        one = _csv if form == "csv" else _parquet
        return [one(name, paths, folder / f"{name}.{form}") for name, paths in files.items()]
    except OSError as e:
        raise Complaint(f"{folder} cannot be written: {e.strerror}.", "Give another directory with -o.") from None


def _indicators(case: Path, folder: Path, form: str) -> tuple[Path, int]:
    try:
        return indicators.write(case, folder, form)
    except OSError as e:
        raise Complaint(f"{folder} cannot be written: {e.strerror}.", "Give another directory with -o.") from None


def _parquet(dataset: str, paths: list[Path], target: Path) -> Exported:
    return Exported(target, parquet.write(dataset, paths, target))


def _csv(dataset: str, paths: list[Path], target: Path) -> Exported:
    connection = connect()
    try:
        names = present(connection, paths, fields_of(dataset, paths))
    finally:
        connection.close()
    count = 0
    with private.created(target) as out:
        out.write(line(names).encode())
        for record in _records(paths):
            out.write(line(record.get(name) for name in names).encode())
            count += 1
    return Exported(target, count)


def _records(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from objects(path)


def _timesketch(by_dataset: dict[str, list[Path]], target: Path) -> Exported:
    count = timeless = 0
    with private.created(target) as out:
        for paths in by_dataset.values():
            for record in _records(paths):
                count += 1
                rows = [row(record, time, meaning) for time, meaning in moments(record)]
                timeless += not rows
                out.writelines(_line(one) for one in rows)
    return Exported(target, count, timeless)


def _line(event: dict[str, Any]) -> bytes:
    """Return one event as a line. Timesketch's importer also ends a line at U+0085, U+2028 and U+2029, and drops what is no JSON then: they
    are written as escapes.
    """
    line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
    for raw, escaped in ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")):
        line = line.replace(raw, escaped)
    return line


def moments(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each distinct (time, meaning in a few words) of a record. `@timestamp` counts only where no other field equals it."""
    given: dict[str, list[str]] = {}
    fields = registry()
    for name, value in record.items():
        if name == "escadre.times" or name not in fields or fields[name].type != "date" or not value:
            continue
        for time in value if isinstance(value, list) else [value]:
            given.setdefault(time, []).append(name)
    for time, names in sorted(given.items()):
        others = [n for n in names if n != "@timestamp"] if record.get("event.kind") == "state" else names
        for name in others or names:
            yield time, _words(record.get("event.action") or "time" if name == "@timestamp" else name)


def _words(name: str) -> str:
    """Return the words of a field name or action: `file.created` → `file created`, `escadre.prefetch.run_times` → `prefetch run times`."""
    return re.sub(r"[._-]+", " ", name.removeprefix("escadre.")).strip()


def row(record: dict[str, Any], time: str, meaning: str) -> dict[str, Any]:
    """Return one Timesketch event: its four columns, then the record's fields (objects as JSON text)."""
    own = {
        k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for k, v in record.items() if k not in ("@timestamp", "message")
    }
    return {"message": record.get("message") or "", "datetime": time, "timestamp": _microseconds(time), "timestamp_desc": meaning} | own


def _microseconds(time: str) -> int:
    """Return microseconds since 1970 of an RFC 3339 UTC time; 0 outside the years 1 to 9999."""
    from datetime import UTC, datetime

    base, _, fraction = time.rstrip("Z").partition(".")
    try:
        moment = datetime.fromisoformat(base).replace(tzinfo=UTC)
    except ValueError:
        return 0
    seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)).days * 86400 + (moment - datetime(1970, 1, 1, tzinfo=UTC)).seconds
    return seconds * 1_000_000 + int(fraction[:6].ljust(6, "0") or 0)
