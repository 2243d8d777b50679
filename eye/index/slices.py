"""Building one slice of an index part: lines of a records file → words in tantivy, rows in Parquet.

A large file is cut into as many slices as there are workers: each reads the whole file (unpacking is cheap) and takes every n-th batch, so
that nothing but names and counts goes between processes, and a record has the same number however many workers there are.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any

import orjson
import tantivy

from commodore.case.jsonl import lines
from commodore.schema import registry
from eye.case import Source, cannot_write, not_a_record
from eye.index.columns import Table
from eye.query.tokens import GAP, all_text, standard_words
from scout.console import COULD_NOT, Complaint

BATCH, BATCH_BYTES = 2_048, 4_000_000
"""Records, and bytes of their lines, that are taken at once: they bound the memory of a build."""
WORDS_HEAP = 32_000_000
"""Bytes that tantivy gathers before it writes a segment."""

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Slice:
    """Batches `number`, `number + of`, … of a source, written below `folder`; rows are numbered from `first`."""

    source: Source
    folder: Path
    first: int
    number: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class Made:
    """What building a slice gave: records of this slice, fields, files below the part's folder."""

    slice: Slice
    records: int
    fields: tuple[str, ...]
    files: tuple[str, ...]
    words: str


def text_fields() -> list[str]:
    """Fields of type `text` that records carry: each has its own words."""
    return [f.name for f in registry().values() if f.type == "text" and f.name != "escadre.all"]


def words_schema() -> tantivy.Schema:
    """Schema of the words of a part: `all`, one field per text field, and the row that a document stands for."""
    builder = tantivy.SchemaBuilder()
    for name in ["all", *text_fields()]:
        builder.add_text_field(name, stored=False, tokenizer_name="escadre", index_option="position")
    builder.add_unsigned_field("row", fast=True)
    return builder.build()


def open_words(folder: Path, *, create: bool = False) -> tantivy.Index:
    """The words of a slice. Tokens are made by `eye.tokens`; tantivy only cuts at the blanks between them, and a gap takes a place only."""
    found = tantivy.Index(words_schema(), str(folder), reuse=not create)
    cut = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.custom_stopword([GAP])).build()
    found.register_tokenizer("escadre", cut)
    return found


def build(piece: Slice, progress: Progress | None = None) -> Made:
    """Build a slice. Raises Complaint where the source does not read or the slice cannot be written."""
    try:
        with _uncollected():
            return _build(piece, progress)
    except OSError as e:
        raise cannot_write(piece.folder, e.strerror or e) from e
    except ValueError as e:
        if not any(said in str(e) for said in ("index writer", "IO error")):  # tantivy's words where its files cannot be written
            raise
        raise cannot_write(piece.folder, "the words of the records do not get to the disk") from e


@contextmanager
def _uncollected() -> Iterator[None]:
    """Records are trees, freed when their batch is done: looking for cycles among them would take a tenth of the time of a build."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _build(piece: Slice, progress: Progress | None) -> Made:
    words = f"words-{piece.number}"
    (piece.folder / words).mkdir(parents=True)
    writer = open_words(piece.folder / words, create=True).writer(WORDS_HEAP, 1)
    table, texts, total = Table(piece.folder, f"rows-{piece.number}"), text_fields(), 0
    for start, batch in _batches(piece):
        records = [_record(piece.source.path, start + n, line) for n, line in enumerate(batch)]
        for row, record in enumerate(records, piece.first + start):
            document = tantivy.Document()
            document.add_text("all", all_text(record))
            for name in texts:
                if isinstance(text := record.get(name), str):
                    document.add_text(name, " ".join(standard_words(text)))
            document.add_unsigned("row", row)
            writer.add_document(document)
        table.write(piece.first + start, records, batch)
        total += len(batch)
        if progress:
            progress(piece.source.dataset, len(batch))
    table.close()
    writer.commit()
    writer.wait_merging_threads()
    return Made(piece, total, tuple(table.fields), tuple(table.files), words)


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as e:
        raise not_a_record(path, number + 1, str(e)) from e
    if not isinstance(record, dict):
        raise not_a_record(path, number + 1, "not an object")
    return record


def _batches(piece: Slice) -> Iterator[tuple[int, list[bytes]]]:
    """The batches of a slice, each with the number of its first line in the file (from 0)."""
    batch: list[bytes] = []
    size = start = number = 0
    for line in lines(piece.source.path):
        batch.append(line)
        size += len(line)
        if len(batch) == BATCH or size > BATCH_BYTES:
            if number % piece.of == piece.number:
                yield start, batch
            start, number, batch, size = start + len(batch), number + 1, [], 0
    if batch and number % piece.of == piece.number:
        yield start, batch


# --- in several processes


def build_all(pieces: list[Slice], workers: int, progress: Progress | None = None) -> list[Made]:
    """Build slices, in processes of their own where there are several workers. Raises Complaint."""
    if workers < 2 or len(pieces) < 2:
        return [build(piece, progress) for piece in pieces]
    context = multiprocessing.get_context("spawn")
    told: Queue[Any] = context.Queue()
    shares = [pieces[n::workers] for n in range(workers)]
    running = [context.Process(target=_work, args=(share, told), daemon=True) for share in shares if share]
    for process in running:
        process.start()
    try:
        return _gather(len(pieces), told, running, progress)
    finally:
        for process in running:
            process.terminate()
            process.join()


def _gather(wanted: int, told: Queue[Any], running: list[Any], progress: Progress | None) -> list[Made]:
    made: list[Made] = []
    while len(made) < wanted:
        try:
            said = told.get(timeout=1)
        except Empty as e:
            if not any(process.is_alive() for process in running) or any(process.exitcode for process in running):
                raise Complaint(
                    "a worker of the index was ended from outside.", "Is there memory? Run `eye index` again.", COULD_NOT
                ) from e
            continue
        if isinstance(said, Made):
            made.append(said)
        elif len(said) == 3:
            raise Complaint(*said)
        elif progress:
            progress(*said)
    return made


def _work(share: list[Slice], told: Queue[Any]) -> None:
    """A worker: its slices one after the other; ends when the parent does, so that it writes nothing once the lock is free."""
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def progress(dataset: str, n: int) -> None:
        told.put((dataset, n))

    try:
        for piece in share:
            told.put(build(piece, progress))
    except Complaint as complaint:
        told.put((complaint.what, complaint.do, complaint.code))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
