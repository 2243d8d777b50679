"""`eye index CASE`: words in tantivy, times, values and rows in Parquet, one part per records file, each built aside and renamed.

    index/version.json                      format of the index and digest of the field registry
    index/parts/<dataset>/<collection>/     part.json, rows-0-0000.parquet …, words-0/ …
    index/.lock                             held by the run that is at work (eye.lock)

A part whose records file has not changed is kept; the rest is built in `index/.new-…`, so a kill leaves the old part or none, never half
of one. A second run on the same case waits for the first, and finds its work done. The whole folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commodore.schema import registry
from eye.case import Source, cannot_write, open_case, sources
from eye.index.lock import alone
from eye.index.slices import Made, Progress, Slice, build_all
from scout.console import escape, plural

FORMAT = 3
LARGE = 1_500_000
"""Bytes of a packed records file (about 30,000 records) from which on it is worth a second process."""
MOST_WORKERS = 4


@dataclass
class Built:
    """What `index` did."""

    records: int = 0
    parts: int = 0
    built: int = 0
    built_records: int = 0
    dropped: int = 0
    seconds: float = 0.0
    bytes: int = 0
    names: list[str] = field(default_factory=list)


def version() -> dict[str, Any]:
    """Format and registry digest: a part made under another one is built again."""
    types = ";".join(f"{f.name}={f.type}{'[]' if f.many else ''}" for f in registry().values())
    return {"format": FORMAT, "fields": hashlib.blake2b(types.encode(), digest_size=8).hexdigest()}


def index(
    path: str | Path, *, workers: int | None = None, progress: Progress | None = None, waiting: Callable[[str], None] | None = None
) -> Built:
    """Bring the index of a case up to date: new and changed parts are built, parts without a source dropped. Returns what was done.

    `workers`: processes for a large case, as many as there are processors (at most four) unless given. One run at a time: where another
    process is at work, `waiting` is called with its id (or ''), and what it has built is kept. Raises Complaint.
    """
    home = open_case(path) / "index"
    try:
        with alone(home, waiting):
            return _index(home, workers or max(1, min(MOST_WORKERS, os.cpu_count() or 1)), progress)
    except OSError as e:
        raise cannot_write(home, e.strerror or e) from e


def _index(home: Path, workers: int, progress: Progress | None) -> Built:
    started, done = time.monotonic(), Built()
    for left in [*home.glob(".new-*"), *home.glob(".old-*")]:
        shutil.rmtree(left, ignore_errors=True)
    wanted = sources(home.parent)
    done.dropped = _drop(home, wanted)
    parts = {source: part for source in wanted if (part := fresh(home, source)) is not None}
    stale = [source for source in wanted if source not in parts]
    for source, part in _parts(home, stale, workers, progress):
        parts[source] = part
        done.built, done.built_records = done.built + 1, done.built_records + part["records"]
        done.names.append(source.dataset)
    done.parts, done.records = len(parts), sum(part["records"] for part in parts.values())
    done.bytes = sum(f.stat().st_size for f in (home / "parts").rglob("*") if f.is_file())
    _write(home / "version.json", version())
    done.seconds = time.monotonic() - started
    return done


def fresh(home: Path, source: Source) -> dict[str, Any] | None:
    """`part.json` of the part of a source, if it was made from the present file under the present version."""
    found = read_part(home / "parts" / source.dataset / source.collection)
    return found if found and found["stamp"] == source.stamp and found["version"] == version() else None


def outdated(path: str | Path) -> str:
    """What is to be said of an index that does not answer for the case as it is now; '' where it does."""
    case = open_case(path)
    wanted = sources(case)
    stale = [source for source in wanted if fresh(case / "index", source) is None]
    if not stale:
        return ""
    if not any((case / "index").glob("parts/*/*/part.json")):
        return f"{escape(case)} has no index yet"
    parts = [read_part(case / "index" / "parts" / source.dataset / source.collection) for source in stale]
    if all(part and part["stamp"] == source.stamp for part, source in zip(parts, stale, strict=True)):
        return f"The index of {escape(case)} was made by another version"
    return f"The index of {escape(case)} is older than the case ({len(stale):,} of {plural(len(wanted), 'part')})"


def read_part(folder: Path) -> dict[str, Any] | None:
    """`part.json`, or None where there is none that reads."""
    try:
        found = json.loads((folder / "part.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _drop(home: Path, wanted: list[Source]) -> int:
    keep = {(source.dataset, source.collection) for source in wanted}
    gone = [folder for folder in home.glob("parts/*/*") if (folder.parent.name, folder.name) not in keep]
    for folder in gone:
        _retire(home, folder)
    return len(gone)


def _retire(home: Path, folder: Path) -> None:
    aside = home / f".old-{os.getpid()}-{time.monotonic_ns()}"
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def part_number(source: Source) -> int:
    """The upper 31 bits of the row numbers of a part: stable, so that parts can be built alone."""
    digest = hashlib.blake2b(f"{source.dataset}\0{source.collection}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def _parts(home: Path, wanted: list[Source], workers: int, progress: Progress | None) -> Iterator[tuple[Source, dict[str, Any]]]:
    """Build parts aside, then put each in its place."""
    aside = home / f".new-{os.getpid()}-{time.monotonic_ns()}"
    pieces: list[Slice] = []
    for n, source in enumerate(wanted):
        of = workers if source.path.stat().st_size >= LARGE else 1
        pieces += [Slice(source, aside / str(n), part_number(source) << 32, k, of) for k in range(of)]
    try:
        made = build_all(pieces, workers if sum(p.source.path.stat().st_size // p.of for p in pieces) >= LARGE else 1, progress)
        for n, source in enumerate(wanted):
            mine = sorted((m for m in made if m.slice.folder == aside / str(n)), key=lambda m: m.slice.number)
            yield source, _place(home, source, aside / str(n), mine)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _place(home: Path, source: Source, made_in: Path, made: list[Made]) -> dict[str, Any]:
    part = {
        "dataset": source.dataset,
        "collection": source.collection,
        "stamp": source.stamp,
        "version": version(),
        "number": part_number(source),
        "records": sum(m.records for m in made),
        "fields": list(dict.fromkeys(name for m in made for name in m.fields)),
        "files": [name for m in made for name in m.files],
        "words": [m.words for m in made],
    }
    _write(made_in / "part.json", part)
    target = home / "parts" / source.dataset / source.collection
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _retire(home, target)
    made_in.rename(target)
    return part


def _write(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(path.name + ".new")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
