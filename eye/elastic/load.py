"""`eye load CASE`: every record and finding of a case into plain indices, once; what is refused is listed, and both sides are counted.

`_id` is `escadre.id` and the operation `create`: a second load changes nothing (409 counts as already there). Chunks of documents are made
in one thread and sent in several. A server that is busy (429, 503) or does not answer is asked again, slower; an item that it refuses
goes, with the reason, into `<case>/index/refused.jsonl`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError

from commodore.schema import Field, registry
from eye.case import finding_sources, open_case, records, sources
from eye.elastic.templates import IGNORE_ABOVE, component, component_name, template
from eye.query.values import ES_NS_MIN, address, leaves, nanoseconds
from eye.query.words import level, texts
from scout.console import COULD_NOT, WRONG_USE, Complaint, duration, escape, plural

CHUNK_BYTES = 4_000_000
"""Bytes of documents in one request: what a server takes best (5 to 15 MB is its own advice) against what is held here."""
THREADS = 3
"""Requests under way at a time."""
TRIES = 8
RIGHTS = (
    "It needs the cluster right manage_index_templates, and create_index, create_doc, read, maintenance, view_index_metadata on escadre-*."
)
BUSY = (429, 502, 503, 504)
Progress = Callable[[str, int], None]


@dataclass
class Loaded:
    """Result of a load. `indices`: index → {read, created, there, refused, counted}."""

    indices: dict[str, dict[str, int]] = field(default_factory=dict)
    out_of_range: int = 0
    """dates that `date_nanos` cannot hold: absent as dates, kept as text in `escadre.raw_dates`"""
    misfit: int = 0
    """values that are not of their registered type: absent, kept in the case"""
    long_values: int = 0
    """values over 8,191 characters of keywords and free-form objects: found by words, not by their field"""
    retries: int = 0
    lacking: str = ""
    """what the server does not have, and what follows from it"""
    refused_file: str = ""
    unlisted: str = ""
    """why refused documents could not be listed, with one of them"""
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Nothing refused, and both sides count the same."""
        return all(not c["refused"] and c["counted"] == c["read"] for c in self.indices.values())

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "whole": self.whole}


def index_name(case: str, family: str) -> str:
    """`escadre-<case>-<family>`, in what Elasticsearch allows for a name."""
    clean = re.sub(r"[^a-z0-9_]+", "-", case.lower()).strip("-_") or "case"
    return f"escadre-{clean[:100]}-{family}"


def load(path: str | Path, client: Elasticsearch, *, name: str = "", progress: Progress | None = None) -> Loaded:
    """Load a case. Raises Complaint where the server cannot be used; otherwise see `Loaded.whole`."""
    case, started, done = open_case(path), time.monotonic(), Loaded()
    title = name or case.resolve().name
    refused = case / "index" / "refused.jsonl"
    with suppress(OSError):  # a case that may only be read is loaded too: it can have no such file
        refused.unlink(missing_ok=True)
    loader = _Loader(client, done, refused, progress)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            families = {index_name(title, family): (family, files) for family, files in _families(case).items()}
            mine = sorted({source.collection for source in sources(case)})
            for index in families:
                _refuse_others(client, index, mine)
            for index, (family, files) in families.items():
                loader.prepare(index, title, family)
                for dataset, file in files:
                    loader.file(pool, index, dataset, file)
        for index in done.indices:
            client.indices.refresh(index=index)
            done.indices[index]["counted"] = int(client.count(index=index)["count"])
    except (ApiError, TransportError) as e:
        if isinstance(e, ApiError) and e.status_code in (401, 403):
            raise Complaint(f"this account may not load ({e.status_code}).", RIGHTS, COULD_NOT) from e
        raise Complaint(f"Elasticsearch gave up: {reason(e)}.", "Load again: what is there already is kept.", COULD_NOT) from e
    done.refused_file = str(refused) if loader.listed else ""
    done.seconds = time.monotonic() - started
    return done


def _refuse_others(client: Elasticsearch, index: str, mine: list[str]) -> None:
    """Raises Complaint where an index of that name holds records of another case: one index per case and family."""
    others = {"bool": {"filter": {"exists": {"field": "escadre.collection"}}, "must_not": {"terms": {"escadre.collection": mine}}}}
    if not client.indices.exists(index=index):
        return
    client.indices.refresh(index=index)
    if n := int(client.count(index=index, query=others)["count"]):
        raise Complaint(
            f"{index} holds {plural(n, 'record')} of collections that this case does not have.",
            "Give this case another --name, or delete that index if it was an older state of this case.",
            WRONG_USE,
        )


def reason(error: ApiError | TransportError) -> str:
    """Return the error of the server or the connection in one line."""
    if isinstance(error, ApiError):
        told = error.body.get("error", {}) if isinstance(error.body, dict) else error.body
        while isinstance(told, dict) and isinstance(told.get("caused_by"), dict):
            told = told["caused_by"]
        return f"{error.status_code}: {told.get('reason') if isinstance(told, dict) else told}"[:400]
    return str(error.args[0] if error.args else error).split("\n")[0][:300]


def _families(case: Path) -> dict[str, list[tuple[str, Path]]]:
    """Family → (dataset, file). A dataset whose first record is a state goes to `state`."""
    result: dict[str, list[tuple[str, Path]]] = {}
    for source in sources(case):
        _, first = next(records(source.path), (b"", {}))
        family = "state" if first.get("event.kind") == "state" else "logs"
        result.setdefault(family, []).append((source.dataset, source.path))
    if found := finding_sources(case):
        result["finding"] = [(source.dataset, source.path) for source in found]
    return result


@dataclass
class _Loader:
    client: Elasticsearch
    done: Loaded
    refused: Path
    progress: Progress | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    listed: bool = False

    def prepare(self, index: str, title: str, family: str) -> None:
        """Create template and index. A server without the tokenizer of the shipped template gets the other template, with a note."""
        self.done.indices.setdefault(index, dict.fromkeys(("read", "created", "there", "refused", "counted"), 0))
        if self.client.indices.exists(index=index):
            return
        try:
            self._template(index, title, family, pattern=True)
        except ApiError as e:
            if e.status_code != 400 or "tokenizer" not in reason(e):
                raise
            self._template(index, title, family, pattern=False)
            self.done.lacking = "no tokenizer pattern (module analysis-common): a name with dots is one word there"
        self.client.indices.create(index=index)

    def _template(self, index: str, title: str, family: str, *, pattern: bool) -> None:
        shared = component(pattern=pattern)
        name = component_name(shared)
        self.client.cluster.put_component_template(name=name, template=shared["template"], meta=shared["_meta"])
        body = template(index.removeprefix("escadre-").removesuffix(f"-{family}"), family, fields=name)
        meta = body.pop("_meta") | {"case": title}
        self.client.indices.put_index_template(name=index, **body, meta=meta)

    def file(self, pool: ThreadPoolExecutor, index: str, dataset: str, path: Path) -> None:
        """Send a file; at most as many chunks wait as are under way. Raises what sending a chunk raised."""
        waiting: set[Future[None]] = set()
        for chunk in self._chunks(path):
            waiting.add(pool.submit(self.send, index, dataset, chunk))
            while len(waiting) > THREADS:
                waiting -= _finished(waiting)
        while waiting:
            waiting -= _finished(waiting)

    def _chunks(self, path: Path) -> Iterator[list[tuple[str, bytes]]]:
        chunk: list[tuple[str, bytes]] = []
        size = 0
        for _, record in records(path):
            body = orjson.dumps(document(record, self.done))
            if chunk and size + len(body) > CHUNK_BYTES:  # a very large one goes alone: what it is refused for falls on no other
                yield chunk
                chunk, size = [], 0
            chunk.append((str(record.get("escadre.id")), body))
            size += len(body)
        if chunk:
            yield chunk

    def send(self, index: str, dataset: str, chunk: list[tuple[str, bytes]]) -> None:
        """One chunk, until every item is created, there, or refused; busy items are sent again, slower."""
        counts = self.done.indices[index]
        with self.lock:
            counts["read"] += len(chunk)
        if self.progress:
            self.progress(dataset, len(chunk))
        for attempt in range(TRIES):
            chunk = list(self._again(index, chunk, counts, last=attempt == TRIES - 1))
            if not chunk:
                return
            with self.lock:
                self.done.retries += 1
            time.sleep(min(30.0, 0.2 * 2**attempt))

    def _again(self, index: str, chunk: list[tuple[str, bytes]], counts: dict[str, int], *, last: bool) -> Iterator[tuple[str, bytes]]:
        """Send; yield the items that must be sent again."""
        body: list[Any] = []
        for key, document in chunk:
            body += [orjson.dumps({"create": {"_id": key}}), document]
        try:
            answer = self.client.bulk(index=index, operations=body, filter_path="items.create.status,items.create.error")
        except (ApiError, TransportError) as e:
            status = e.status_code if isinstance(e, ApiError) else 0
            if status in (400, 413):  # the request as a whole: find the document that it is refused for
                yield from self._halves(index, chunk, counts, e, last=last)
            elif last or (status and status not in BUSY):
                raise
            else:
                yield from chunk
            return
        for (key, document), item in zip(chunk, answer["items"], strict=True):
            status = item["create"]["status"]
            if status in BUSY and not last:
                yield key, document
            elif status in (200, 201, 409):
                with self.lock:
                    counts["there" if status == 409 else "created"] += 1
            else:
                self._refuse(index, counts, key, item["create"].get("error"), document)

    def _halves(
        self, index: str, chunk: list[tuple[str, bytes]], counts: dict[str, int], error: ApiError | TransportError, *, last: bool
    ) -> Iterator[tuple[str, bytes]]:
        if len(chunk) == 1:
            self._refuse(index, counts, chunk[0][0], reason(error), chunk[0][1])
            return
        middle = len(chunk) // 2
        yield from self._again(index, chunk[:middle], counts, last=last)
        yield from self._again(index, chunk[middle:], counts, last=last)

    def _refuse(self, index: str, counts: dict[str, int], key: str, error: Any, document: bytes) -> None:
        line = orjson.dumps({"index": index, "id": key, "error": error, "document": document.decode("utf-8", "replace")}) + b"\n"
        with self.lock:
            counts["refused"] += 1
            try:
                self.refused.parent.mkdir(exist_ok=True)
                with self.refused.open("ab") as file:
                    file.write(line)
                self.listed = True
            except OSError as e:
                self.done.unlisted = f"{self.refused}: {e.strerror or e}; the last was {key}: {line[:300].decode('utf-8', 'replace')}"


def _finished(waiting: set[Future[None]]) -> set[Future[None]]:
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for one in finished:
        one.result()
    return finished


def document(record: dict[str, Any], done: Loaded) -> dict[str, Any]:
    """A record as it is sent: what its type cannot hold is left out and counted, the words of `escadre.all` come with it."""
    known = registry()
    result: dict[str, Any] = {}
    raw: dict[str, Any] = {}
    for name, value in record.items():
        found = known.get(name)
        if found is None or value is None:
            result[name] = value
            continue
        kept = _fit(found, value, done, raw)
        if kept is not None:
            result[name] = kept
    if raw:
        result["escadre.raw_dates"] = raw
    result["escadre.all"] = [level(text) for text in texts(record)]
    return result


def _fit(found: Field, value: Any, done: Loaded, raw: dict[str, Any]) -> Any:
    if isinstance(value, list) and found.type != "flattened":
        kept = [fit for item in value if (fit := _fit(found, item, done, raw)) is not None]
        return kept or (None if value else [])
    if found.type == "date":
        ns = nanoseconds(value)
        if ns is None or ns < ES_NS_MIN:
            done.out_of_range += 1
            if found.many:
                raw.setdefault(found.name, []).append(value)
            else:
                raw[found.name] = value
            return None
        return value
    fits = {
        "ip": lambda: address(value) is not None,
        "long": lambda: isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63,
        "double": lambda: isinstance(value, (int, float)) and not isinstance(value, bool),
        "boolean": lambda: isinstance(value, bool),
        "flattened": lambda: isinstance(value, dict),
    }
    if found.type in fits and not fits[found.type]():
        done.misfit += 1
        return None
    if found.type == "keyword" and isinstance(value, str) and len(value) > IGNORE_ABOVE:
        done.long_values += 1
    if found.type == "flattened":
        done.long_values += sum(len(leaf.partition("\0")[2]) > IGNORE_ABOVE for leaf in leaves(value))
    return value


def report(done: Loaded) -> list[str]:
    """Print the result for a person."""
    sent = sum(c["created"] for c in done.indices.values())
    rate = f" ({sent / done.seconds:,.0f} documents/s)" if sent and done.seconds > 0.05 else ""
    again = f", {plural(done.retries, 'request')} sent again" if done.retries else ""
    lines_ = [f"Loaded into {plural(len(done.indices), 'index', 'indices')} in {duration(done.seconds)}{rate}{again}"]
    for name, c in done.indices.items():
        same = "both sides equal" if c["counted"] == c["read"] else f"{c['counted']:,} in the index: not equal"
        lines_.append(
            f"  {name}\n    {c['read']:,} read, {c['created']:,} created, {c['there']:,} already there, {c['refused']:,} refused: {same}"
        )
    for n, words in (
        (done.out_of_range, "outside date_nanos: absent as dates, kept as text"),
        (done.misfit, "not of their type: left out"),
        (done.long_values, "over 8,191 characters: found by words only"),
    ):
        if n:
            lines_.append(f"  {plural(n, 'value')} {words}")
    if done.lacking:
        lines_.append(f"  the server has {done.lacking}")
    if done.unlisted:
        lines_.append(f"  refused documents could not be listed in {escape(done.unlisted)}")
    if done.refused_file:
        lines_.append(f"  refused documents and reasons: {done.refused_file}")
    return lines_
