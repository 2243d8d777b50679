"""`eye index CASE`: words in tantivy, times, values and rows in Parquet, one part per records file, each built aside and renamed.

    index/version.json                      format of the index and digest of the field registry
    index/parts/<dataset>/<collection>/     part.json, rows-0000.parquet …, words/

A part whose records file has not changed is kept; the rest is built in `index/.new-…`, so a kill leaves the old part or none, never half
of one. The whole folder can be deleted at any time.
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

import tantivy

from commodore.schema import registry
from eye.case import Source, open_case, records, sources
from eye.columns import Table
from eye.tokens import all_tokens, standard_words

FORMAT = 1
BATCH = 8_192
"""Records per row group; also bounds the memory of a build."""
WORDS_HEAP = 64_000_000
"""Bytes that tantivy gathers before it writes a segment."""

Progress = Callable[[str, int], None]


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


def text_fields() -> list[str]:
    """Fields of type `text` that records carry: each has its own words."""
    return [f.name for f in registry().values() if f.type == "text" and f.name != "escadre.all"]


def version() -> dict[str, Any]:
    """Format and registry digest: a part made under another one is built again."""
    types = ";".join(f"{f.name}={f.type}{'[]' if f.many else ''}" for f in registry().values())
    return {"format": FORMAT, "fields": hashlib.blake2b(types.encode(), digest_size=8).hexdigest()}


def words_schema() -> tantivy.Schema:
    """Schema of the words of a part: `all`, one field per text field, and the row that a document stands for."""
    builder = tantivy.SchemaBuilder()
    for name in ["all", *text_fields()]:
        builder.add_text_field(name, stored=False, tokenizer_name="escadre", index_option="position")
    builder.add_unsigned_field("row", fast=True)
    return builder.build()


def open_words(folder: Path, *, create: bool = False) -> tantivy.Index:
    """The words of a part. Tokens are made by `eye.tokens`; tantivy only cuts at the blanks between them."""
    found = tantivy.Index(words_schema(), str(folder), reuse=not create)
    found.register_tokenizer("escadre", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    return found


def index(path: str | Path, *, progress: Progress | None = None) -> Built:
    """Bring the index of a case up to date: new and changed parts are built, parts without a source dropped. Returns what was done."""
    case = open_case(path)
    home, started, done = case / "index", time.monotonic(), Built()
    home.mkdir(exist_ok=True)
    for left in [*home.glob(".new-*"), *home.glob(".old-*")]:
        shutil.rmtree(left, ignore_errors=True)
    wanted = sources(case)
    done.dropped = _drop(home, wanted)
    for source in wanted:
        part, target = fresh(home, source), home / "parts" / source.dataset / source.collection
        if part is None:
            part = _build(home, source, target, progress)
            done.built, done.built_records = done.built + 1, done.built_records + part["records"]
            done.names.append(source.dataset)
        done.parts, done.records = done.parts + 1, done.records + part["records"]
        done.bytes += sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    _write(home / "version.json", version())
    done.seconds = time.monotonic() - started
    return done


def fresh(home: Path, source: Source) -> dict[str, Any] | None:
    """`part.json` of the part of a source, if it was made from the present file under the present version."""
    found = read_part(home / "parts" / source.dataset / source.collection)
    return found if found and found["stamp"] == source.stamp and found["version"] == version() else None


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


def _build(home: Path, source: Source, target: Path, progress: Progress | None) -> dict[str, Any]:
    aside = home / f".new-{os.getpid()}-{time.monotonic_ns()}"
    (aside / "words").mkdir(parents=True)
    words, table = open_words(aside / "words", create=True), Table(aside)
    writer = words.writer(WORDS_HEAP, 1)
    texts, first, total = text_fields(), part_number(source) << 32, 0
    for lines, batch in _batches(source.path):
        for n, record in enumerate(batch, first + total):
            document = tantivy.Document()
            document.add_text("all", " ".join(all_tokens(record)))
            for name in texts:
                if isinstance(text := record.get(name), str):
                    document.add_text(name, " ".join(standard_words(text)))
            document.add_unsigned("row", n)
            writer.add_document(document)
        table.write(first + total, batch, lines)
        total += len(batch)
        if progress:
            progress(source.dataset, len(batch))
    table.close()
    writer.commit()
    writer.wait_merging_threads()
    part = {
        "dataset": source.dataset,
        "collection": source.collection,
        "stamp": source.stamp,
        "version": version(),
        "number": part_number(source),
        "records": total,
        "fields": list(table.fields),
        "files": sorted(f.name for f in aside.glob("rows-*.parquet")),
    }
    _write(aside / "part.json", part)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _retire(home, target)
    aside.rename(target)
    return part


def _batches(path: Path) -> Iterator[tuple[list[bytes], list[dict[str, Any]]]]:
    lines: list[bytes] = []
    batch: list[dict[str, Any]] = []
    size = 0
    for line, record in records(path):
        lines.append(line)
        batch.append(record)
        size += len(line)
        if len(batch) == BATCH or size > 16_000_000:
            yield lines, batch
            lines, batch, size = [], [], 0
    if batch:
        yield lines, batch


def _write(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(path.name + ".new")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
