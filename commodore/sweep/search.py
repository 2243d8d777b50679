"""The raw sweep of one member in a worker: what is searched, what was found, and which parsed records it cites."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.evidence import Evidence
from commodore.record import Problem, Record, SweepLayer
from commodore.sweep import blobs
from commodore.sweep.found import AFTER, CONTENT, WINDOW, YARA, Border, Found
from commodore.sweep.yara import MOST

if TYPE_CHECKING:
    from commodore.sweep.finder import FoundInUnit
    from commodore.sweep.ioc import Indicators
    from commodore.sweep.yara import RunRules

AROUND = 64
"""bytes before and behind a text that its record has"""
LINE = 512
"""bytes of a line before and behind a text that its record has"""
NAME = 200
"""characters of a layer's name that are kept"""
CITED = 20
"""parsed records that a record of the sweep cites"""


@dataclass
class _Hit:
    """One place of an indicator, until the records that it cites are known."""

    offset: int
    fields: dict[str, Any]
    line: int = 0
    cites: dict[str, None] = field(default_factory=dict)
    place: str = ""
    """in front of the offset in the locator, for what is not in the member itself"""


class MemberSweep:
    """Search one job for indicators. `announce`: called between two pieces, so that the engine sees progress."""

    def __init__(
        self, indicators: Indicators, yara: RunRules | None, evidence: Evidence, border: Border, announce: Callable[[], None]
    ) -> None:
        self._indicators, self._yara, self._evidence = indicators, yara, evidence
        self._finder = indicators.finder
        self._seen: set[bytes] = set()
        """digests of values of records that were searched"""
        self._border, self._announce = border, announce
        self._hits: list[_Hit] = []
        self._lines: dict[str, list[_Hit]] = {}
        self._of_rule: dict[str, list[_Hit]] = {}
        self._known: set[tuple[str, str]] = set()
        """(rule, record) on which detection matched: the sweep need not report the same once more"""
        self.prepared: FoundInUnit | None = None
        """what is in the member, where it was searched together with others"""
        self.searched = 0
        self._problems: list[Problem] = []

    def problems(self) -> list[Problem]:
        """Return, once, what the search could not do."""
        found, self._problems = self._problems, []
        return found

    def run(self, search: str) -> int:
        """Search the unit, and compare its hashes where it is a whole member. Returns the number of places."""
        places = self._compare() if search == YARA else self._find()
        for hit in self._hits[len(self._hits) - places :]:
            self._of_rule.setdefault(hit.fields["rule.id"], []).append(hit)
            if hit.line:
                self._lines.setdefault(f"line {hit.line}", []).append(hit)
        return places

    def _compare(self) -> int:
        """Compare the member with the YARA rules."""
        before = len(self._hits)
        if self._yara is not None:
            with self._evidence.open() as stream:
                head = stream.read(16)
            data = self._evidence.path or self._evidence.data
            self._match(data, head, "", "", "")
            self.searched += self._evidence.length
        return len(self._hits) - before

    def _match(self, data: bytes | Path, head: bytes, place: str, layer: str, cites: str) -> None:
        if self._yara is None:
            return
        failed: list[str] = []
        for fields in self._yara.match(data, self._evidence.source, head, self._evidence.facts, failed):
            fields |= {"file.path": self._evidence.source} | ({"escadre.sweep.layer": layer} if layer else {})
            hit = _Hit(0, fields, place=place)
            if cites:
                hit.cites.setdefault(cites)
            self._hits.append(hit)
        to = f" to {layer}" if layer else ""
        self._problems += [Problem(f"YARA rule not applied in full{to}: {reason}") for reason in failed]

    def _find(self) -> int:
        """Find indicators."""
        if self._finder is None:
            return 0
        start = len(self._hits)
        more: Counter[int] = Counter()
        digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in self._indicators.digests if self._whole}
        lines = _LineCounter(self._evidence, self._border)
        for offset, before, data, after in self._windows(self._finder.before):
            found, rest = self.prepared or self._finder.find(data, before, after)
            more += rest
            for one in found:
                self._hits.append(self._hit(one, offset + one.start, before, data, after, lines))
            for digest in digests.values():
                digest.update(data)
            self.searched += len(data)
            self._announce()
        for kind, digest in digests.items():
            if (number := self._indicators.number(kind, digest.hexdigest())) is not None:
                self._hits.append(self._of_member(number, digest.hexdigest()))
        self._note(more)
        return len(self._hits) - start

    @property
    def _whole(self) -> bool:
        return not self._border.cut and self._evidence.length >= self._evidence.size

    def _windows(self, reach: int) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield (offset in the member, bytes before, the bytes, bytes behind) of each window. `reach`: bytes before that are wanted."""
        border = self._border
        with self._evidence.open() as stream:
            offset = self._evidence.offset
            if border.header:
                header = stream.read(border.header)
                if self._evidence.index == 0:
                    yield 0, b"", header, stream.read(AFTER)
                    stream.seek(border.header)
            before, data = border.before[-reach:], stream.read(WINDOW)
            while data:
                behind = stream.read(WINDOW)
                yield offset, before, data, (behind or border.after)[:AFTER]
                offset, before, data = offset + len(data), (before + data)[-reach:] if len(data) < reach else data[-reach:], behind

    def _note(self, more: Counter[int]) -> None:
        for number, count in sorted(more.items()):
            rule = self._indicators.rule(number)
            self._problems.append(Problem(f"{rule.name} is at {count:,} more places, which have no record"))

    def _hit(self, one: Found, offset: int, before: bytes, data: bytes, after: bytes, lines: _LineCounter | None, layer: str = "") -> _Hit:
        joined, at = before + data + after, len(before)
        low, high = at + one.start, at + one.end
        around = joined[max(0, low - AROUND) : high + AROUND]
        fields: dict[str, Any] = self._facts(one.number) | {
            "escadre.sweep.offset": offset,
            "escadre.sweep.text": one.text,
            "escadre.sweep.encoding": "utf-16" if one.wide else "ascii" if one.text.isascii() else "utf-8",
            "escadre.sweep.bytes": base64.b64encode(around).decode("ascii"),
        }
        number = 0
        if lines is not None and (number := lines.number(offset)):
            fields["escadre.line_number"] = number
            fields["escadre.line"] = _line(joined, low, high, wide=one.wide)
        else:
            fields["escadre.sweep.around"] = _printable(around)
        if layer:
            fields["escadre.sweep.layer"] = layer
        return _Hit(offset, fields, number)

    def _of_member(self, number: int, digest: str) -> _Hit:
        fields = self._facts(number) | {"escadre.sweep.text": digest, "escadre.sweep.layer": CONTENT}
        return _Hit(0, fields, place="content/")

    def _facts(self, number: int) -> dict[str, Any]:
        return self._indicators.facts(number) | {"file.path": self._evidence.source}

    def look(self, dataset: str, records: Iterable[Mapping[str, Any]], hits: Iterable[tuple[str, str]]) -> None:
        """Search the values of finished records that are bytes of their own, and note which records have what was found in the member: by
        their line, or because detection matched there.
        """
        if wanted := blobs.fields(dataset):
            for record in records:
                for name, data in blobs.blobs(record, wanted):
                    self._value(record, name, data, text=wanted.get(name) != "base64")
        if not self._hits:
            return
        by_line = self._lines
        for record in records if by_line else ():
            for hit in by_line.get(record["escadre.locator"], ()):
                hit.cites.setdefault(record["escadre.id"])
        for rule, record_id in hits:
            self._known.add((rule, record_id))
            for hit in self._of_rule.get(rule, ()):
                if not hit.line and not hit.place and len(hit.cites) < CITED:
                    hit.cites.setdefault(record_id)

    def _value(self, record: Mapping[str, Any], name: str, data: bytes, *, text: bool) -> None:
        """Search a value of a record. Indicators in text are compared where records are."""
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if digest in self._seen:
            return
        self._seen.add(digest)
        place = f"{record['event.dataset']}/{record['escadre.locator']}/{name}/"
        self._match(data, data[:16], place, name, record["escadre.id"])
        if text or self._finder is None:
            return
        for one in self._finder.find(data)[0]:
            hit = self._hit(one, one.start, b"", data, b"", None, name)
            hit.cites.setdefault(record["escadre.id"])
            hit.place = place
            self._hits.append(hit)

    def layer(self, artefact: str, layer: SweepLayer, cites: str) -> None:
        """Search bytes that an artefact decoded. `cites`: id of the record that they belong to, or ''."""
        name = layer.name[:NAME]
        place = f"{artefact}/{layer.locator}/{name}/"
        if len(layer.data) <= MOST:
            self._match(layer.data, layer.data[:16], place, name, cites)
        if self._finder is None:
            return
        found, more = self._finder.find(layer.data)
        for one in found:
            hit = self._hit(one, one.start, b"", layer.data, b"", None, name)
            if cites:
                hit.cites.setdefault(cites)
            hit.place = place
            self._hits.append(hit)
        self._note(more)

    def records(self) -> Iterator[Record]:
        """Yield a record per place. It cites the parsed records of the same line, or else those of the member that have the indicator."""
        for hit in self._hits:
            rule = hit.fields["rule.id"]
            cites = list(hit.cites)
            fields = hit.fields | ({"escadre.records_used": cites} if cites else {})
            if any((rule, cited) in self._known for cited in cites):
                fields["escadre.sweep.known"] = True
            yield Record(f"{hit.place}offset {hit.offset}/{rule}", fields)


class _LineCounter:
    """Count the lines of a text; 0 for what is no text. Offsets must not fall."""

    def __init__(self, evidence: Evidence, border: Border) -> None:
        self._evidence, self._border = evidence, border
        self._at, self._lines = evidence.offset, max(border.lines, 0)
        self._text: bool | None = None if not border.cut or border.lines >= 0 else False

    def number(self, offset: int) -> int:
        """Return the number of the line that has an offset of the member."""
        if self._text is None:
            with self._evidence.open() as stream:
                head = stream.read(4096)
            self._text = b"\0" not in head or head[:2] in (b"\xff\xfe", b"\xfe\xff")
        if not self._text:
            return 0
        if offset >= self._at:
            with self._evidence.open() as stream:
                stream.seek(self._at - self._evidence.offset)
                while self._at < offset and (piece := stream.read(min(WINDOW, offset - self._at))):
                    self._lines += piece.count(b"\n")
                    self._at += len(piece)
        return self._lines + 1


def _line(joined: bytes, low: int, high: int, *, wide: bool) -> str:
    """Return the line around a text, up to `LINE` bytes on both sides."""
    start = max(joined.rfind(b"\n", max(0, low - LINE), low) + 1, low - LINE, 0)
    end = joined.find(b"\n", high, high + LINE)
    raw = joined[start : end if end >= 0 else high + LINE].rstrip(b"\r\n")
    if wide:
        raw = raw.replace(b"\0", b"")
    return raw.decode("utf-8", "backslashreplace")


def _printable(raw: bytes) -> str:
    """Return bytes as a person reads them: printable ASCII, everything else as a point; the zero bytes of UTF-16 are left out."""
    text = raw.replace(b"\0", b"") if raw.count(0) * 3 > len(raw) else raw
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in text)
