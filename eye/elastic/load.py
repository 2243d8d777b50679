"""`eye load CASE`: every record and finding of a case into plain indices, each exactly once; both sides are counted and compared.

Lines are read in one thread and sent in several, with a bound on what waits. Loading again changes nothing; a load that was killed is
resumed by loading again. What is there is known from notes in the case (`confirmed`), with which the index has to agree at the end, or it
is found by its id and digest, and not sent.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from commodore.case.jsonl import lines
from eye.case import open_case, sources
from eye.elastic import compare, document, errors, prepare
from eye.elastic.bulk import CREATED, DIFFERENT, REDUCED, REFUSED, THERE, BulkChunk, BulkItem, BulkSender
from eye.elastic.confirmed import Confirmed, LineRange, RecordsFile
from eye.elastic.deadletters import DeadLetters
from eye.elastic.names import index_name
from eye.elastic.pace import Pace, StoppedError
from eye.elastic.reading import families, nested, parsed, read
from eye.remote.told import told
from scout.console import duration, escape, plural

CHUNK_BYTES = 3_000_000
"""Bytes of documents in one request: what a server takes best (5 to 15 MB is its own advice) against what is held here."""
CHUNK_ITEMS = 3_000
LARGEST = 64_000_000
"""Bytes of a line over which it is not sent at all: no server takes a request of twice that (`http.max_content_length`)."""
THREADS = 3
"""Requests under way at a time."""
Progress = Callable[[str, int], None]


@dataclass
class Loaded:
    """Result of a load. `indices`: index → {read, created, there, refused, different, counted}; `datasets`: index → dataset → {read,
    counted}.
    """

    indices: dict[str, dict[str, int]] = field(default_factory=dict)
    datasets: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    confirmed: int = 0
    """documents that a former load noted as there; the index has as many, and their checksums add up to the same"""
    sampled: int = 0
    """records that were compared field by field"""
    differences: list[str] = field(default_factory=list)
    out_of_range: int = 0
    """dates that `date_nanos` cannot hold: absent as dates, kept in `escadre.raw`"""
    misfit: int = 0
    """values that are not of their type: absent, kept in `escadre.raw`"""
    long_values: int = 0
    """values over 8,191 characters of keywords and free-form objects: found by words, not by their field"""
    unknown_fields: int = 0
    """fields that the registry does not have: stored, not searchable by name"""
    reduced: int = 0
    """documents of which the server refused a part, which is kept in `escadre.raw`"""
    retries: int = 0
    lacking: str = ""
    """what the server does not have, and what follows from it"""
    refused_file: str = ""
    unlisted: str = ""
    """why refused documents could not be listed, with one of them"""
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Nothing refused, and both sides are the same."""
        counts = all(not c[REFUSED] and not c[DIFFERENT] and c["counted"] == c["read"] for c in self.indices.values())
        return counts and not self.differences and all(d["read"] == d["counted"] for of in self.datasets.values() for d in of.values())

    def result(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "whole": self.whole}


def load(
    path: str | Path, client: Elasticsearch, *, name: str = "", progress: Progress | None = None, patience: float = 0.0, each: bool = False
) -> Loaded:
    """Load a case. Raises Complaint where the server cannot be used; otherwise see `Loaded.whole`.

    `patience`: see `pace.PATIENCE`. `each`: ask for the digest of every document, also of those that a former load noted as there.
    """
    case, started = open_case(path), time.monotonic()
    pace = Pace(patience) if patience else Pace()
    work = _Load(client, case, name or case.resolve().name, DeadLetters(case), pace, progress, each)
    try:
        with _seldom_collected():
            return work.run(started)
    except (ApiError, TransportError) as e:
        raise errors.failed(e) from e


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cycles less often: records are trees, which are freed at once. What errors hold is freed in `BulkSender._failed`."""
    was = gc.get_threshold()
    gc.set_threshold(20_000, *was[1:])
    try:
        yield
    finally:
        gc.set_threshold(*was)


@dataclass
class _Target:
    """An index on its way. `noted`: what former loads noted as there; `sample`: what this one read; `lost`: some of it is not there."""

    name: str
    files: list[tuple[str, Path]]
    documents: int
    """that were there before"""
    confirmed: Confirmed
    noted: compare.LoadSample = field(default_factory=compare.LoadSample)
    sample: compare.LoadSample = field(default_factory=compare.LoadSample)
    lost: bool = False
    skipped: list[tuple[str, RecordsFile]] = field(default_factory=list)

    def part(self, dataset: str, file: str) -> _Part:
        """Return an empty one."""
        return _Part(BulkChunk(self.name, dataset, file, [], []), self.sample.part())


@dataclass(slots=True)
class _Part:
    """A chunk as it is made ready, and the lines of the file that it holds; `last` 0: none yet."""

    chunk: BulkChunk
    sample: compare.LoadSample
    first: int = 0
    last: int = 0
    size: int = 0


_NO_RANGE = LineRange(sys.maxsize, sys.maxsize, compare.LoadSample())


@dataclass
class _Load:
    client: Elasticsearch
    case: Path
    title: str
    letters: DeadLetters
    pace: Pace
    progress: Progress | None
    each: bool

    def run(self, started: float) -> Loaded:
        done, sender = Loaded(), BulkSender(self.client, self.letters, self.pace)
        targets = self._prepared(done)
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for target in targets:
                    self._send(pool, sender, target)
                    self._check(pool, sender, target)
            except BaseException:
                self.pace.stop()
                raise
        for target in targets:
            self._compare(done, target, sender.counts.get(target.name, Counter()))
        done.out_of_range, done.misfit = sender.notes[document.OUT_OF_RANGE], sender.notes[document.MISFIT]
        done.long_values, done.unknown_fields = sender.notes[document.LONG], sender.notes[document.UNKNOWN]
        done.retries, done.refused_file, done.unlisted = self.pace.retries, self.letters.file, self.letters.unlisted
        done.seconds = time.monotonic() - started
        return done

    def _prepared(self, done: Loaded) -> list[_Target]:
        """Make the indices that are not there yet, and look at the others. Raises Complaint where one cannot be used."""
        parts = {index_name(self.title, family): (family, files) for family, files in families(self.case).items()}
        collections = sorted({source.collection for source in sources(self.case)})
        there = [index for index in parts if self.client.indices.exists(index=index)]
        prepare.healthy(self.client, there)
        documents = {index: prepare.check(self.client, index, self.title, collections) for index in there}
        for index in parts.keys() - documents.keys():
            done.lacking = prepare.create(self.client, index, self.title, parts[index][0]) or done.lacking
        prepare.healthy(self.client, list(parts))
        found = []
        for index, (_, files) in parts.items():
            n = documents.get(index, 0)
            notes = Confirmed(self.case, index, prepare.uuid(self.client, index), trusted=n > 0 and not self.each)
            found.append(_Target(index, files, n, notes))
        return found

    def _send(self, pool: ThreadPoolExecutor, sender: BulkSender, target: _Target) -> None:
        """Send the files of an index; one more chunk is made ready than are under way. Raises what sending a chunk raised."""
        files = [(dataset, target.confirmed.file(path)) for dataset, path in target.files]
        ask = target.documents > 2 * target.confirmed.records
        waiting: set[Future[None]] = set()
        for dataset, file in files:
            for one in file.known:
                target.noted.join(one.of)
                self._progressed(dataset, one.of.total)
            if file.known:
                target.skipped.append((dataset, file))
            if not file.complete:
                self._file(pool, sender, target, dataset, file, waiting, ask=ask)
        while waiting:
            _remove_finished(waiting)

    def _check(self, pool: ThreadPoolExecutor, sender: BulkSender, target: _Target) -> None:
        """Where lines were passed over: have the index add up what it has, and compare these lines as well unless it is all."""
        self.client.indices.refresh(index=target.name)
        if not target.skipped:
            return
        expected = compare.LoadSample()
        expected.join(target.sample)
        expected.join(target.noted)
        documents = told(self.client.count(index=target.name).body, "count", of=int)
        same = documents == expected.total and compare.added_up(expected) == compare.counted(self.client, target.name)
        if same and not target.lost:
            return
        target.confirmed.forget()
        target.noted = compare.LoadSample()
        waiting: set[Future[None]] = set()
        for dataset, file in target.skipped:
            self._file(pool, sender, target, dataset, file, waiting, ask=True, known=True)
        while waiting:
            _remove_finished(waiting)

    def _file(
        self,
        pool: ThreadPoolExecutor,
        sender: BulkSender,
        target: _Target,
        dataset: str,
        file: RecordsFile,
        waiting: set[Future[None]],
        *,
        ask: bool,
        known: bool = False,
    ) -> None:
        """Hand the lines of a file to the pool: those that are not known to be there, or, `known`, those that are. `ask`: see `send`."""
        for part in self._parts(sender, target, dataset, file, ask=ask, known=known):
            target.sample.join(part.sample)
            waiting.add(pool.submit(_deliver, sender, target, file, part, ask=ask))
            self._progressed(dataset, 0 if known else len(part.chunk.items))
            while len(waiting) > THREADS:
                _remove_finished(waiting)

    def _progressed(self, dataset: str, n: int) -> None:
        if self.progress and n:
            self.progress(dataset, n)

    def _compare(self, done: Loaded, target: _Target, counts: Counter[str]) -> None:
        index, sample = target.name, target.sample
        self.client.indices.refresh(index=index)
        sample.join(target.noted)
        there = compare.counted(self.client, index)
        counts[THERE] += target.noted.total
        done.indices[index] = {"read": sample.total, **{what: counts[what] for what in (CREATED, THERE, REFUSED, DIFFERENT)}}
        done.indices[index]["counted"] = told(self.client.count(index=index).body, "count", of=int)
        done.datasets[index] = compare.datasets(sample, there)
        done.confirmed += target.noted.total
        done.reduced += counts[REDUCED]
        compared, wrong = compare.differences(self.client, index, sample)
        done.sampled += compared
        done.differences += wrong

    def _parts(self, sender: BulkSender, target: _Target, dataset: str, file: RecordsFile, *, ask: bool, known: bool) -> Iterator[_Part]:
        """Records of a file as they go into one request. A very large one goes alone: what it is refused for falls on no other."""
        name, number, ranges = file.path.relative_to(self.case).as_posix(), 0, iter(file.known)
        part, at = target.part(dataset, name), next(ranges, _NO_RANGE)
        for number, line in enumerate(lines(file.path), 1):
            if number > at.last:
                at = next(ranges, _NO_RANGE)
            if (number >= at.first) is not known:
                if part.last:
                    yield part
                    part = target.part(dataset, name)
                continue
            record, why = parsed(line) if ask else read(line)
            key, digest = str(record.get("escadre.id") or ""), blake2b(line, digest_size=16).hexdigest()
            why = why or (f"the line has {len(line):,} bytes" if len(line) > LARGEST else "" if key else "the record has no id")
            ready = document.NOTHING
            if not ask and not why and (found := document.quickly(line, record, digest)):
                ready = found
            elif not ask and not (why := why or nested(line, record)):
                ready = document.made(line, record, digest)
            weight = len(ready.body) or len(line)
            if part.last and (part.size + weight > CHUNK_BYTES or number - part.first >= CHUNK_ITEMS):
                yield part
                part = target.part(dataset, name)
            part.first, part.last = part.first or number, number
            if why:
                part.sample.miss(dataset)
                part.chunk.lost.append(key)
                self.letters.add(target.name, dataset, name, number, key, digest, why, line)
                sender.refused(target.name)
                continue
            part.sample.add(record.get("event.dataset"), key, digest, line)
            part.chunk.items.append(BulkItem(key, digest, number, line, ready.body, ready.notes))
            part.size += weight
        if part.last:
            yield part
        if not known:
            target.confirmed.end(file, number)


def _deliver(sender: BulkSender, target: _Target, file: RecordsFile, part: _Part, *, ask: bool) -> None:
    """Send a chunk, and note it where all of it is there."""
    sender.send(part.chunk, known=ask)
    if part.chunk.lost:
        target.lost = True
    else:
        target.confirmed.add(file, part.first, part.last, part.sample)


def _remove_finished(waiting: set[Future[None]]) -> None:
    """Wait until a chunk is sent. Raises what sending it raised: the reason, where one thread gave up and stopped the others."""
    finished = wait(waiting, return_when=FIRST_COMPLETED).done
    waiting -= finished
    raised = [error for one in finished if (error := one.exception())]
    for error in sorted(raised, key=lambda e: isinstance(e, StoppedError)):
        raise error


def report(done: Loaded) -> Iterator[str]:
    """Yield the result for a person."""
    sent = sum(c[CREATED] for c in done.indices.values())
    rate = f" ({sent / done.seconds:,.0f} documents/s)" if sent and done.seconds > 0.05 else ""
    again = f", {plural(done.retries, 'request')} sent again" if done.retries else ""
    yield f"Loaded into {plural(len(done.indices), 'index', 'indices')} in {duration(done.seconds)}{rate}{again}"
    for name, c in done.indices.items():
        same = "both sides equal" if c["counted"] == c["read"] else f"{c['counted']:,} in the index: not equal"
        other = f", {c[DIFFERENT]:,} differ from what is there" if c[DIFFERENT] else ""
        yield f"  {name}"
        yield f"    {c['read']:,} read, {c[CREATED]:,} created, {c[THERE]:,} already there, {c[REFUSED]:,} refused{other}: {same}"
        for dataset, d in done.datasets[name].items():
            if d["read"] != d["counted"]:
                yield f"    {escape(dataset) or 'no dataset'}: {d['read']:,} in the case, {d['counted']:,} in the index"
    for n, words in (
        (done.out_of_range, "outside date_nanos: absent as dates, kept in escadre.raw"),
        (done.misfit, "not of their type: kept in escadre.raw"),
        (done.long_values, "over 8,191 characters: found by words only"),
        (done.unknown_fields, "under names that the registry does not have: stored only"),
    ):
        if n:
            yield f"  {plural(n, 'value')} {words}"
    if done.reduced:
        yield f"  {plural(done.reduced, 'document')} with a part that the server refused: kept in escadre.raw"
    if done.confirmed:
        yield f"  {done.confirmed:,} of those there are known from an earlier load: the index has as many, with the same sum of checksums"
    yield f"  compared    {plural(done.sampled, 'record')} field by field, {plural(len(done.differences), 'difference')}"
    yield from (f"    {escape(text)}" for text in done.differences)
    if done.lacking:
        yield f"  the server has {done.lacking}"
    if done.unlisted:
        yield f"  refused documents could not be listed in {escape(done.unlisted)}"
    if done.refused_file:
        yield f"  refused documents and reasons: {escape(done.refused_file)}"
