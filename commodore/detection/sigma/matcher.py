"""The hot path: event log records → rules that fire.

Channel and event id choose a bucket; one multi-pattern pass over the event's values chooses the rules of the bucket that are looked at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from commodore.detection.sigma.compile import Test, compiled, matched
from commodore.detection.sigma.nodes import Node, leaves
from commodore.detection.sigma.pack import Pack, Row
from commodore.detection.sigma.sources import EVERYWHERE, settled, table
from commodore.detection.sigma.view import View

_NOTHING: dict[str, Any] = {}


class Entry:
    """One rule in one source; its test is compiled when it is first wanted."""

    __slots__ = ("node", "pack", "row", "test")

    def __init__(self, pack: Pack, row: Row) -> None:
        self.pack, self.row = pack, row
        self.test: Test | None = None
        self.node: Node = []

    def prepare(self) -> Test:
        self.node = settled(self.pack.node(self.row.rule), table().sources[self.row.source])
        self.test = compiled(self.node)
        return self.test


class Bucket(NamedTuple):
    """The rules of one channel and event id. `header`: some rule has keywords, which may stand in the header too."""

    always: tuple[Entry, ...]
    find: Any
    entries: list[tuple[Entry, ...]]
    header: bool


class Fired(NamedTuple):
    rule: int
    matched: dict[str, Any]


def _encodable(value: Any) -> Any:
    """A copy whose texts have `?` for what UTF-8 cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, list) else value


class Matcher:
    """Rules of a pack over event log records. Buckets are made when their first event comes, so that a worker holds what it needs."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._rows: dict[str, list[Row]] = {}
        sources = table().sources
        for row in pack.rows:
            for channel in sources[row.source].channels:
                self._rows.setdefault(channel, []).append(row)
        self._buckets: dict[tuple[Any, Any], Bucket | None] = {}
        self._entries: dict[tuple[int, int], Entry] = {}

    def fired(self, record: dict[str, Any]) -> list[Fired]:
        """The rules that match one record, each once, in the order of the pack."""
        try:
            return self._fired(record)
        except UnicodeEncodeError:  # lone surrogates, which neither automaton takes
            return self._fired(_encodable(record))

    def _fired(self, record: dict[str, Any]) -> list[Fired]:
        key = (record.get("winlog.channel"), record.get("event.code"))
        try:
            bucket = self._buckets[key]
        except KeyError:
            bucket = self._bucket(key)
        if bucket is None:
            return []
        data = record.get("winlog.event_data") or _NOTHING
        user = record.get("winlog.user_data") or _NOTHING
        candidates = bucket.always
        if bucket.find is not None:
            hits = bucket.find(self._text(record, data, user, bucket.header), overlapping=True)
            if hits:
                entries = bucket.entries
                chosen: set[Entry] = set()
                for number in {h[0] for h in hits}:
                    chosen.update(entries[number])
                candidates = (*candidates, *chosen)
        if not candidates:
            return []
        view = View(record, data, user)
        fired = [e for e in candidates if (e.test or e.prepare())(view)]
        if not fired:
            return []
        out = {e.row.rule: Fired(e.row.rule, matched(e.node, view)) for e in fired}
        return [out[rule] for rule in sorted(out)]

    @staticmethod
    def _text(record: dict[str, Any], data: dict[str, Any], user: dict[str, Any], header: bool) -> str:
        if header:
            return View(record, data, user).text
        try:
            text = "\n".join(data.values())
            return (text + "\n" + "\n".join(user.values()) if user else text).lower()
        except TypeError:
            return View(record, data, user).text

    def _bucket(self, key: tuple[Any, Any]) -> Bucket | None:
        channel, code = str(key[0] or "").lower(), str(key[1] or "")
        rows = [r for r in (*self._rows.get(channel, ()), *self._rows.get(EVERYWHERE, ())) if not r.codes or code in r.codes]
        bucket = self._made(rows) if rows else None
        if len(self._buckets) < 50_000:  # hostile logs can name channels without end
            self._buckets[key] = bucket
        return bucket

    def _made(self, rows: list[Row]) -> Bucket:
        always: list[Entry] = []
        by_text: dict[str, list[Entry]] = {}
        header = False
        for row in rows:
            entry = self._entries.setdefault((row.source, row.rule), Entry(self.pack, row))
            if row.texts is None:
                always.append(entry)
                continue
            header = header or self._has_keywords(row)
            for text in row.texts:
                by_text.setdefault(text, []).append(entry)
        find = None
        if by_text:
            find = AhoCorasick(
                list(by_text), matchkind=MatchKind.Standard, store_patterns=False, implementation=Implementation.ContiguousNFA
            ).find_matches_as_indexes
        return Bucket(tuple(always), find, [tuple(e) for e in by_text.values()], header)

    def _has_keywords(self, row: Row) -> bool:
        return any(not leaf[1] and leaf[0] not in ("true", "false") for leaf in leaves(self.pack.node(row.rule)))
