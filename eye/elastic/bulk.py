"""Documents into an index, each exactly once: `create` under the id of the record, and on a conflict a comparison of digests.

A request is sent again, slower, while the server is busy (429, 502 to 504) or the way to it breaks: what it had written meanwhile answers
409, and its digest shows that it is the same record. A request that is too large, or refused as a whole, is halved until the document is
found that it is refused for. A document that is refused for a field goes again with that field kept raw, then with all fields that the
registry does not have, then with nothing but what identifies it; only one that is refused even so becomes a dead letter. An index that
takes nothing at all ends the load.
"""

from __future__ import annotations

import gc
import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError
from elasticsearch.exceptions import ConnectionTimeout

from commodore.schema import registry
from eye.elastic import errors
from eye.elastic.deadletters import DeadLetters
from eye.elastic.document import MadeDocument, made
from eye.elastic.fields import DIGEST
from eye.elastic.pace import Pace
from eye.remote.told import told
from scout.console import COULD_NOT, Complaint

ALONE = 6
"""Tries of a request with one document that the server answers with 429 while it takes others: it holds no request of this size."""
FIELDS = 8
"""Fields that a document may lose one by one before it is reduced to what identifies it."""
HOPELESS = 20
"""Documents that an index refuses, even reduced to what identifies them, before it has taken any: none would go in."""
CREATED, THERE, REFUSED, DIFFERENT, REDUCED = "created", "there", "refused", "different", "reduced"
_FIELD = re.compile(r"(?:parse|immense|[Ff]lattened|mapping).*?field ?(?:=\s?)?[\[\"]([\w@.]+)[\]\"]|^\[\d+:\d+\] failed.*?\[([\w@.]+)\]")


class BulkItem(NamedTuple):
    """One document on its way. `line`: as in the case; `body`: made ready, b"" where it is made when it has to be sent."""

    key: str
    digest: str
    number: int
    line: bytes
    body: bytes = b""
    notes: Counter[str] = Counter()  # noqa: RUF012  (never changed)
    without: frozenset[str] = frozenset()
    least: bool = False


class BulkChunk(NamedTuple):
    """Documents of one file."""

    target: str
    dataset: str
    file: str
    items: list[BulkItem]
    lost: list[str]
    """ids of those that are refused, or for which another document is there"""


class _Step(NamedTuple):
    check: bool
    """ask for the digests of what is there, instead of sending"""
    items: list[BulkItem]
    tries: int = 0


@dataclass
class BulkSender:
    """Sends chunks; several threads may at the same time. `counts`: index → what became of the documents; `notes`: see `document`."""

    client: Elasticsearch
    letters: DeadLetters
    pace: Pace
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """index → documents that it refused even so"""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, chunk: BulkChunk, *, known: bool) -> None:
        """Send a chunk until every document is there or a dead letter. `known`: ask first which are there. Raises Complaint."""
        steps = [_Step(known, chunk.items)]
        while steps:
            step = steps.pop()
            self.pace.wait()
            try:
                steps += self._checked(chunk, step) if step.check else self._sent(chunk, step)
            except (ApiError, TransportError) as e:
                steps += self._failed(chunk, step, e)

    def refused(self, index: str) -> None:
        """Count a document that was not sent at all."""
        with self.lock:
            self.counts.setdefault(index, Counter())[REFUSED] += 1

    def _count(self, chunk: BulkChunk, what: str, n: int = 1) -> None:
        with self.lock:
            self.counts.setdefault(chunk.target, Counter())[what] += n

    def _checked(self, chunk: BulkChunk, step: _Step) -> list[_Step]:
        """Compare digests with those of the documents that are there under these ids; the others are to be sent."""
        found = digests(self.client, chunk.target, [item.key for item in step.items])
        self.pace.answered()
        missing = []
        for item in step.items:
            there = found.get(item.key)
            if there is None:
                missing.append(item)
            elif there == item.digest:
                self._count(chunk, THERE)
            else:
                self._count(chunk, DIFFERENT)
                self._dead(chunk, item, "another document has this id: the case was made again, or two records share an id")
        return [_Step(False, missing, step.tries)] if missing else []

    def _sent(self, chunk: BulkChunk, step: _Step) -> list[_Step]:
        items = [item if item.body else self._ready(item) for item in step.items]
        parts = chain.from_iterable((b'{"create":{"_id":%b}}' % orjson.dumps(item.key), item.body) for item in items)
        joined: Any = b"\n".join([*parts, b""])  # ready bytes go through as they are, which the type of `operations` does not declare
        answer = self.client.bulk(index=chunk.target, operations=joined, filter_path=_WANTED, timeout="60s", pipeline="_none")
        results = answer.body.get("items") if isinstance(answer.body, dict) else None
        if not isinstance(results, list) or len(results) != len(items):
            raise Complaint(
                "the server answers a bulk request with no result for each document.",
                "Look at what is between this machine and Elasticsearch: a proxy must not change answers.",
                COULD_NOT,
            )
        if results == [_CREATED] * len(items):
            self._note(chunk, items)
            self.pace.answered()
            return []
        return self._sorted(chunk, step, items, [told(result, "create", of=dict, default={}) for result in results])

    def _ready(self, item: BulkItem) -> BulkItem:
        ready: MadeDocument = made(item.line, orjson.loads(item.line), item.digest, without=item.without, least=item.least)
        return item._replace(body=ready.body, notes=ready.notes)

    def _sorted(self, chunk: BulkChunk, step: _Step, items: list[BulkItem], results: list[dict[str, Any]]) -> list[_Step]:
        """What became of each document; what has to be done again."""
        again: list[BulkItem] = []
        conflicts: list[BulkItem] = []
        changed: list[BulkItem] = []
        created: list[BulkItem] = []
        busy = ""
        for item, result in zip(items, results, strict=True):
            status, error = result.get("status", 0), result.get("error")
            if status in (200, 201):
                created.append(item)
            elif status == 409:
                conflicts.append(item)
            elif errors.is_block(error):
                raise errors.blocked(errors.told_reason(error))
            elif status in errors.BUSY:
                again.append(item)
                busy = errors.told_reason(error)
            elif status in (401, 403):
                raise Complaint(f"this account may not load ({errors.told_reason(error)}).", errors.RIGHTS, COULD_NOT)
            elif (reduced := _reduced(item, errors.told_reason(error))) is not None:
                changed.append(reduced)
            else:
                self._refuse(chunk, item, errors.told_reason(error) or f"status {status}")
        self._note(chunk, created)
        if len(again) < len(items):
            self.pace.answered()
        steps = [_Step(False, [item]) for item in changed]
        steps += [_Step(True, conflicts)] if conflicts else []
        if again:
            steps += self._slower(chunk, _Step(False, again, step.tries), busy)
        return steps

    def _note(self, chunk: BulkChunk, created: list[BulkItem]) -> None:
        with self.lock:
            self.counts.setdefault(chunk.target, Counter())[CREATED] += len(created)
            for item in created:
                if item.notes:
                    self.notes += item.notes
                if item.without or item.least:
                    self.counts[chunk.target][REDUCED] += 1

    def _slower(self, chunk: BulkChunk, step: _Step, why: str) -> list[_Step]:
        """The step again, after a pause; in halves where it did not come through three times. Raises Complaint where nothing does."""
        tries = step.tries + 1
        if len(step.items) == 1 and not step.check and tries >= ALONE and len(step.items[0].body) > 1_000_000:
            self._refuse(chunk, step.items[0], f"the server takes no request of {len(step.items[0].body):,} bytes: {why}")
            self.pace.answered()
            return []
        if not self.pace.busy():
            raise Complaint(
                f"Elasticsearch took nothing for {self.pace.patience:.0f} s: {why}.",
                "Run it again: what is there already is kept.",
                COULD_NOT,
            )
        if tries % 3 == 0 and len(step.items) > 1:
            return _halves(step)
        return [step._replace(tries=tries)]

    def _failed(self, chunk: BulkChunk, step: _Step, error: ApiError | TransportError) -> list[_Step]:
        """A request that failed as a whole."""
        gc.collect()  # errors of a connection may hold on to requests in cycles
        status = error.status_code if isinstance(error, ApiError) else 0
        why = errors.reason(error)
        if status in (400, 413) and not step.check:
            if len(step.items) > 1:
                return _halves(step)
            self.pace.answered()
            self._refuse(chunk, step.items[0], why)
            return []
        told = error.body.get("error") if isinstance(error, ApiError) and isinstance(error.body, dict) else None
        if (status and status not in errors.BUSY) or errors.is_block(told):
            raise errors.failed(error)
        if isinstance(error, ConnectionTimeout) and len(step.items) > 1:
            step = step._replace(tries=max(step.tries, 2))  # in halves at once: the request was too much
        return self._slower(chunk, step, why)

    def _refuse(self, chunk: BulkChunk, item: BulkItem, why: str) -> None:
        self._count(chunk, REFUSED)
        self._dead(chunk, item, why)
        with self.lock:
            self.refusals[chunk.target] += 1
            counts = self.counts[chunk.target]
            hopeless = self.refusals[chunk.target] >= HOPELESS and not counts[CREATED] + counts[THERE]
        if hopeless:
            do = "Look at its mappings and settings: GET INDEX. CASE/index/refused.jsonl lists documents with the reason of each."
            raise Complaint(f"{chunk.target} takes no document, even reduced to what identifies it: {why}.", do, COULD_NOT)

    def _dead(self, chunk: BulkChunk, item: BulkItem, why: str) -> None:
        with self.lock:
            chunk.lost.append(item.key)
        self.letters.add(chunk.target, chunk.dataset, chunk.file, item.number, item.key[:600], item.digest, why, item.line)


_CREATED = {"create": {"status": 201}}
_WANTED = "items.create.status,items.create.error"


def digests(client: Elasticsearch, index: str, keys: Iterable[str]) -> dict[str, str]:
    """Return id → digest of the documents that are there, '' for one without a digest. Those just written are seen too."""
    answer = client.mget(
        index=index, ids=list(keys), source=False, stored_fields=[DIGEST], filter_path="docs._id,docs.found,docs.fields,docs.error"
    )
    found = {}
    for one in told(answer.body, "docs", of=list, default=[]):
        if told(one, "found", of=object, default=False):
            values = told(told(one, "fields", of=dict, default={}), DIGEST, of=list, default=[])
            found[told(one, "_id", of=str)] = str(next(iter(values), ""))
    return found


def _halves(step: _Step) -> list[_Step]:
    middle = len(step.items) // 2
    return [_Step(step.check, step.items[:middle]), _Step(step.check, step.items[middle:])]


def _reduced(item: BulkItem, why: str) -> BulkItem | None:
    """The document without what the server refused it for; None where it has lost all that it can lose."""
    if item.least or not why:
        return None
    found = _FIELD.search(why[:2000])
    name = (found[1] or found[2] or "") if found else ""
    record = orjson.loads(item.line)
    while name and name not in record:
        name = name.rpartition(".")[0]
    if name and name not in item.without and len(item.without) < FIELDS:
        return item._replace(body=b"", without=item.without | {name})
    if "" not in item.without:  # a name twice in the line, or one that the server does not take
        return item._replace(body=b"", without=item.without | {""} | {name for name in record if name not in registry()})
    return item._replace(body=b"", without=frozenset(), least=True)
