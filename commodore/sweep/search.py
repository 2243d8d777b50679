"""The raw sweep of one member in a worker: what is searched, what was found, and which parsed records it cites."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commodore.evidence import Evidence
from commodore.record import Problem, Record, SweepLayer
from commodore.sweep.found import AFTER, Border, Found

if TYPE_CHECKING:
    from commodore.detection.ioc import Indicators
    from commodore.sweep.finder import Finder

WINDOW = 1 << 20
"""bytes that are searched together"""
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

    found: Found
    offset: int
    fields: dict[str, Any]
    line: int = 0
    cites: dict[str, None] = field(default_factory=dict)
    place: str = ""
    """in front of the offset in the locator, for what is not in the member itself"""


class MemberSweep:
    """Search one job for indicators. `announce`: called between two pieces, so that the engine sees progress."""

    def __init__(self, indicators: Indicators, finder: Finder, evidence: Evidence, border: Border, announce: Callable[[], None]) -> None:
        self._indicators, self._finder, self._evidence = indicators, finder, evidence
        self._border, self._announce = border, announce
        self._hits: list[_Hit] = []
        self._lines: dict[str, list[_Hit]] = {}
        self._of_rule: dict[str, list[_Hit]] = {}
        self._known: set[tuple[str, str]] = set()
        """(rule, record) on which detection matched: the sweep need not report the same once more"""
        self.searched = 0
        self._problems: list[Problem] = []

    def problems(self) -> list[Problem]:
        """Return, once, what the search could not do."""
        found, self._problems = self._problems, []
        return found

    def run(self) -> int:
        """Search the unit, and compare its hashes where it is a whole member. Returns the number of places."""
        more: Counter[int] = Counter()
        digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in self._indicators.digests if self._whole}
        lines = _LineCounter(self._evidence, self._border)
        for offset, before, data, after in self._windows():
            found, rest = self._finder.find(data, before, after)
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
        for hit in self._hits:
            self._of_rule.setdefault(hit.fields["rule.id"], []).append(hit)
            if hit.line:
                self._lines.setdefault(f"line {hit.line}", []).append(hit)
        return len(self._hits)

    @property
    def _whole(self) -> bool:
        return not self._border.cut and self._evidence.length >= self._evidence.size

    def _windows(self) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield (offset in the member, bytes before, the bytes, bytes behind) of each window."""
        border, reach = self._border, self._finder.before
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
        return _Hit(one, offset, fields, number)

    def _of_member(self, number: int, digest: str) -> _Hit:
        fields = self._facts(number) | {"escadre.sweep.text": digest, "escadre.sweep.layer": "the content of the file"}
        return _Hit(Found(number, 0, 0, False, digest), 0, fields, place="content/")

    def _facts(self, number: int) -> dict[str, Any]:
        return self._indicators.facts(number) | {"file.path": self._evidence.source}

    def look(self, records: Iterable[Mapping[str, Any]], hits: Iterable[tuple[str, str]]) -> None:
        """Note which finished records of this job have what was found: by their line, or because detection matched there."""
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

    def layer(self, artefact: str, layer: SweepLayer, cites: str) -> None:
        """Search bytes that an artefact decoded. `cites`: id of the record that they belong to, or ''."""
        found, more = self._finder.find(layer.data)
        name = layer.name[:NAME]
        for one in found:
            hit = self._hit(one, one.start, b"", layer.data, b"", None, name)
            if cites:
                hit.cites.setdefault(cites)
            hit.place = f"{artefact}/{layer.locator}/{name}/"
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
