"""Adding files of records to an index: the work of a build, in this process or in one of several (eye.index.apart)."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import tantivy

from commodore.case.jsonl import lines
from eye.case import Source
from eye.index import torn
from eye.index.documents import Documents, read_line
from scout.console import Complaint

HEAP = 240_000_000
"""Bytes that all threads and processes of a build gather together before they write segments. Small segments cost: with a quarter of it, a
build takes a quarter longer, half of that to write more of them and half to merge them.
"""
BLOCK = 100_000
"""Bytes of lines that are made into documents before these are added: a change between Python and the engine at each record would cost
a tenth of the build, since each empties the processor's caches of the other.
"""
PROGRESS = 2_000
"""Records after which progress is reported."""

Progress = Callable[[str, int], None]


def mark(source: Source) -> str:
    """Return the term that marks a file, in its current state, as indexed."""
    return f"{source.dataset}/{source.collection}@{source.stamp}"


def part_number(source: Source) -> int:
    """The upper 31 bits of the row numbers of a file: the same in every build."""
    digest = hashlib.blake2b(f"{source.dataset}\0{source.collection}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def writer_of(found: tantivy.Index, workers: int) -> tantivy.IndexWriter:
    """Return what writes to an index with so many processors, of which one makes the documents."""
    return found.writer(HEAP, max(1, workers - 1))


class Adder:
    """Adds files of records to an index. `told`: what did not read, by the mark of its file."""

    def __init__(self, writer: tantivy.IndexWriter, told: dict[str, str], progress: Progress | None) -> None:
        self.writer, self.told, self.progress = writer, told, progress
        self.documents = Documents()
        self.first = 0
        """number of the first record of the file"""

    def add(self, source: Source) -> int:
        """Add a file and return its number of records."""
        part, number, bad = mark(source), 0, torn.Lines(source.path)
        self.documents.begin(part)
        self.first = part_number(source) << 32
        block: list[bytes] = []
        size = 0
        try:
            for number, line in enumerate(lines(source.path), 1):
                block.append(line)
                size += len(line)
                if size >= BLOCK:
                    self._add(block, number - len(block), bad)
                    block, size = [], 0
                if self.progress and number % PROGRESS == 0:
                    self.progress(source.dataset, PROGRESS)
        except Complaint as complaint:
            bad.ends(number, complaint)
        self._add(block, number - len(block), bad)
        if self.progress:
            self.progress(source.dataset, number % PROGRESS)
        if why := bad.told():
            self.told[part] = why
        return number - bad.count

    def _add(self, block: list[bytes], before: int, bad: torn.Lines) -> None:
        """Make the documents of a block of lines, then give them to the engine. `before`: lines of the file that precede it."""
        make, add, loads = self.documents.make, self.writer.add_json, orjson.loads
        made: list[str] = []
        rows: list[int] = []
        for number, line in enumerate(block, before + 1):
            try:
                record = loads(line)
            except ValueError:
                record = bad.lenient(number, line)
            if type(record) is dict:
                rows.append(number)
                made.append(make(record, line, self.first + number - 1))
            elif record is not None:
                bad.no_record(number, "not an object")
        for n, text in enumerate(made):
            try:
                add(text)
            except ValueError:  # a value that the engine does not take as it is
                line = block[rows[n] - before - 1]
                add(self.documents.careful(read_line(line), line, self.first + rows[n] - 1))


@contextmanager
def uncollected() -> Iterator[None]:
    """Do not look for cycles: records are trees that are freed at once, and it would take a tenth of the time of a build."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
