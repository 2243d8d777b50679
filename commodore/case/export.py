"""`export`: a case in the forms that other programs read. Evidence is data there too: nothing in a cell becomes a formula."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from commodore.case import tables
from commodore.case.jsonl import objects
from commodore.case.reader import FINDING
from commodore.engine import catalogue
from commodore.schema import registry
from scout.console import WRONG_USE, Complaint

FORMATS = ("parquet", "csv", "timesketch")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def export(case: str | Path, target: str | Path, form: str = "parquet", datasets: Iterable[str] | None = None) -> list[Path]:
    """Write a case, or some datasets of it, below `target`: parquet and csv one file per dataset, timesketch one file of JSON lines.

    Timesketch: one line per record and time, with the meaning of the time in `timestamp_desc`. Gives the files written. Raises Complaint.
    """
    root, folder = Path(case), Path(target)
    if form not in FORMATS:
        raise Complaint(f"no such format: {form}.", f"Formats: {', '.join(FORMATS)}.", WRONG_USE)
    by_dataset: dict[str, list[Path]] = {}
    for path in tables.files(root, datasets):
        by_dataset.setdefault(FINDING if path.parent.name == "findings" else path.parent.name, []).append(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "timesketch":
            return [_timesketch(by_dataset, folder / "timesketch.jsonl")]
        return [_table(paths, folder / f"{name}.{form}", form) for name, paths in by_dataset.items()]
    except OSError as e:
        raise Complaint(f"{folder} cannot be written: {e.strerror}.", "Give another directory with -o.") from None


def _table(paths: list[Path], target: Path, form: str) -> Path:
    connection = tables.connect()
    try:
        names = tables.present(connection, paths)
        if form == "csv":
            return _csv(paths, names, target)
        chosen = ", ".join('"' + n.replace('"', '""') + '"' for n in names)
        where = str(target).replace("'", "''")
        connection.execute(f"COPY (SELECT {chosen} FROM {tables.source(paths)}) TO '{where}' (FORMAT parquet, COMPRESSION zstd)")  # noqa: S608
    finally:
        connection.close()
    return target


def _csv(paths: list[Path], names: list[str], target: Path) -> Path:
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        for record in _records(paths):
            writer.writerow([cell(record.get(name)) for name in names])
    return target


def cell(value: Any) -> str:
    """A value as a CSV cell: lists and objects as JSON; what a spreadsheet would take for a formula is put behind an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text if text.startswith(_FORMULA) else text.replace("\0", "\\x00")


def _records(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from objects(path)


def _timesketch(by_dataset: dict[str, list[Path]], target: Path) -> Path:
    with target.open("wb") as out:
        for name, paths in by_dataset.items():
            meanings = _meanings(name)
            for record in _records(paths):
                for time, meaning in moments(record, meanings):
                    out.write(orjson.dumps(row(record, time, meaning), option=orjson.OPT_APPEND_NEWLINE))
    return target


def _meanings(dataset: str) -> dict[str, str]:
    known = catalogue.artefacts().get(dataset) or catalogue.derivations().get(dataset)
    return dict(known.artefact.times) if known else {}


def moments(record: dict[str, Any], meanings: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each distinct (time, meaning) of a record: every time field that has one, the primary one where no other field says the same."""
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
            yield time, meanings.get(name) or (record.get("event.action") or "time" if name == "@timestamp" else fields[name].meaning)


def row(record: dict[str, Any], time: str, meaning: str) -> dict[str, Any]:
    """One Timesketch event: its four columns, then the record's fields (objects as JSON text)."""
    own = {
        k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for k, v in record.items() if k not in ("@timestamp", "message")
    }
    return {"message": record.get("message") or "", "datetime": time, "timestamp": _microseconds(time), "timestamp_desc": meaning} | own


def _microseconds(time: str) -> int:
    """Microseconds since 1970 of an RFC 3339 UTC time; 0 outside the years 1 to 9999."""
    from datetime import UTC, datetime

    base, _, fraction = time.rstrip("Z").partition(".")
    try:
        moment = datetime.fromisoformat(base).replace(tzinfo=UTC)
    except ValueError:
        return 0
    seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)).days * 86400 + (moment - datetime(1970, 1, 1, tzinfo=UTC)).seconds
    return seconds * 1_000_000 + int(fraction[:6].ljust(6, "0") or 0)
