"""`eye load CASE`: every record and finding of a case into plain indices, each exactly once; both sides are counted and compared.

Lines are read in one thread and sent in several, with a bound on what waits. Loading again changes nothing; a load that was killed is
resumed by loading again: what is there is found by its id and digest, and not sent.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError

from commodore.case.jsonl import lines
from eye.case import finding_sources, open_case, sources
from eye.elastic import compare, document, errors, prepare
from eye.elastic.bulk import CREATED, DIFFERENT, REDUCED, REFUSED, THERE, BulkChunk, BulkItem, BulkSender
from eye.elastic.deadletters import DeadLetters
from eye.elastic.names import index_name
from eye.elastic.pace import Pace, StoppedError
from eye.remote.told import told
from scout.console import duration, escape, plural

CHUNK_BYTES = 3_000_000
"""Bytes of documents in one request: what a server takes best (5 to 15 MB is its own advice) against what is held here."""
CHUNK_ITEMS = 3_000
LARGEST = 64_000_000
"""Bytes of a line over which it is not sent at all: no server takes a request of twice that (`http.max_content_length`)."""
NESTED = 200
"""Levels of objects and lists over which a record is not sent: no JSON writer here takes 255, and no server 1,000."""
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


def load(path: str | Path, client: Elasticsearch, *, name: str = "", progress: Progress | None = None, patience: float = 0.0) -> Loaded:
    """Load a case. Raises Complaint where the server cannot be used; otherwise see `Loaded.whole`. `patience`: see `pace.PATIENCE`."""
    case, started = open_case(path), time.monotonic()
    pace = Pace(patience) if patience else Pace()
    work = _Load(client, case, name or case.resolve().name, DeadLetters(case), pace, progress)
    try:
        return work.run(started)
    except (ApiError, TransportError) as e:
        raise errors.failed(e) from e


def families(case: Path) -> dict[str, list[tuple[str, Path]]]:
    """Return family → (dataset, file). A dataset whose first record is a state is of the family `state`."""
    result: dict[str, list[tuple[str, Path]]] = {}
    of: dict[str, str] = {}
    for source in sources(case):
        if source.dataset not in of:
            of[source.dataset] = _family(source.path)
        result.setdefault(of[source.dataset], []).append((source.dataset, source.path))
    if found := finding_sources(case):
        result["finding"] = [(source.dataset, source.path) for source in found]
    return result


def _family(path: Path) -> str:
    """Return the family of a file's first record that reads."""
    for line in lines(path):
        if record := parsed(line)[0]:
            return "state" if record.get("event.kind") == "state" else "logs"
    return "logs"


def parsed(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the record of a line, and why it is none, '' where it is one."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as e:
        return {}, f"the line is no record ({e})"
    if not isinstance(record, dict):
        return {}, "the line is no record (not an object)"
    if line.count(b"{") + line.count(b"[") > NESTED and document.depth(record) > NESTED:
        return record, f"the record has objects nested over {NESTED} levels"
    return record, ""


@dataclass
class _Load:
    client: Elasticsearch
    case: Path
    title: str
    letters: DeadLetters
    pace: Pace
    progress: Progress | None
    samples: dict[str, compare.LoadSample] = field(default_factory=dict)

    def run(self, started: float) -> Loaded:
        done, sender = Loaded(), BulkSender(self.client, self.letters, self.pace)
        parts = {index_name(self.title, family): (family, files) for family, files in families(self.case).items()}
        collections = sorted({source.collection for source in sources(self.case)})
        there = [index for index in parts if self.client.indices.exists(index=index)]
        prepare.healthy(self.client, there)
        known = {index: prepare.check(self.client, index, self.title, collections) for index in there}
        for index in parts.keys() - known.keys():
            done.lacking = prepare.create(self.client, index, self.title, parts[index][0]) or done.lacking
        prepare.healthy(self.client, list(parts))
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for index, (_, files) in parts.items():
                    self.samples[index] = compare.LoadSample()
                    self._send(pool, sender, index, files, known=known.get(index, False))
            except BaseException:
                self.pace.stop()
                raise
        for index in parts:
            self._compare(done, index, sender.counts.get(index, Counter()))
        done.out_of_range, done.misfit = sender.notes[document.OUT_OF_RANGE], sender.notes[document.MISFIT]
        done.long_values, done.unknown_fields = sender.notes[document.LONG], sender.notes[document.UNKNOWN]
        done.retries, done.refused_file, done.unlisted = self.pace.retries, self.letters.file, self.letters.unlisted
        done.seconds = time.monotonic() - started
        return done

    def _compare(self, done: Loaded, index: str, counts: Counter[str]) -> None:
        self.client.indices.refresh(index=index)
        sample = self.samples[index]
        there = compare.counted(self.client, index)
        done.indices[index] = {"read": sample.total, **{what: counts[what] for what in (CREATED, THERE, REFUSED, DIFFERENT)}}
        done.indices[index]["counted"] = told(self.client.count(index=index).body, "count", of=int)
        done.datasets[index] = compare.datasets(sample, there)
        done.reduced += counts[REDUCED]
        compared, wrong = compare.differences(self.client, index, sample)
        done.sampled += compared
        done.differences += wrong

    def _send(self, pool: ThreadPoolExecutor, sender: BulkSender, index: str, files: list[tuple[str, Path]], *, known: bool) -> None:
        """Send the files of an index; one more chunk is made ready than are under way. Raises what sending a chunk raised."""
        waiting: set[Future[None]] = set()
        for dataset, path in files:
            for items in self._chunks(sender, index, dataset, path, known=known):
                file = path.relative_to(self.case).as_posix()
                waiting.add(pool.submit(sender.send, BulkChunk(index, dataset, file, items), known=known))
                if self.progress:
                    self.progress(dataset, len(items))
                while len(waiting) > THREADS:
                    waiting = _without_finished(waiting)
        while waiting:
            waiting = _without_finished(waiting)

    def _chunks(self, sender: BulkSender, index: str, dataset: str, path: Path, *, known: bool) -> Iterator[list[BulkItem]]:
        """Records of a file as they go into one request. A very large one goes alone: what it is refused for falls on no other."""
        chunk: list[BulkItem] = []
        size = 0
        file, sample = path.relative_to(self.case).as_posix(), self.samples[index]
        for number, line in enumerate(lines(path), 1):
            record, why = parsed(line)
            key, digest = str(record.get("escadre.id") or ""), blake2b(line, digest_size=16).hexdigest()
            why = why or (f"the line has {len(line):,} bytes" if len(line) > LARGEST else "" if key else "the record has no id")
            if why:
                sample.read[dataset] += 1
                sample.total += 1
                self.letters.add(index, dataset, file, number, key, digest, why, line)
                sender.refused(index)
                continue
            sample.add(record.get("event.dataset"), key, digest, line)
            ready = document.MadeDocument(b"") if known else document.made(line, record, digest)
            weight = len(ready.body) or len(line)
            if chunk and (size + weight > CHUNK_BYTES or len(chunk) >= CHUNK_ITEMS):
                yield chunk
                chunk, size = [], 0
            chunk.append(BulkItem(key, digest, number, line, ready.body, ready.notes))
            size += weight
        if chunk:
            yield chunk


def _without_finished(waiting: set[Future[None]]) -> set[Future[None]]:
    """Wait until a chunk is sent. Raises what sending it raised: the reason, where one thread gave up and stopped the others."""
    finished, rest = wait(waiting, return_when=FIRST_COMPLETED)
    raised = [error for one in finished if (error := one.exception())]
    for error in sorted(raised, key=lambda e: isinstance(e, StoppedError)):
        raise error
    return set(rest)


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
    yield f"  compared    {plural(done.sampled, 'record')} field by field, {plural(len(done.differences), 'difference')}"
    yield from (f"    {escape(text)}" for text in done.differences)
    if done.lacking:
        yield f"  the server has {done.lacking}"
    if done.unlisted:
        yield f"  refused documents could not be listed in {escape(done.unlisted)}"
    if done.refused_file:
        yield f"  refused documents and reasons: {escape(done.refused_file)}"
