"""One hostile character costs the element that it is in: planted into every text of every golden input of every artefact.

Each change leaves the length of the file as it is, so that all other elements stay where they are and keep their locators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from commodore import catalogue
from commodore.artefact import Problem, Record
from commodore.engine.assemble import line
from commodore.evidence import Evidence
from commodore.record import Raised
from tests.commodore.damage import HOST, inputs, items

NARROW = (
    b"\0",
    b"\1",
    b"\x0b",
    b"\x0c",
    b"\x1b",
    b"\x1c",
    b"\x7f",
    b"\x85",
    b"\xa0",
    b"\xff",
    b"\\",
    b'"',
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
)
WIDE = tuple(unit.to_bytes(2, "little") for unit in (0, 1, 0x0B, 0x1B, 0x22, 0x5C, 0x85, 0xA0, 0x2028, 0xD800, 0xDC00, 0xFFFE, 0xFFFF))
_WORDS = re.compile(rb"[A-Za-z]{4,}")
_WIDE_WORDS = re.compile(rb"(?:[A-Za-z]\0){4,}")
_NUMBERS = re.compile(rb"(?<![0-9])[0-9]{2,}(?![0-9])")
_LINE = re.compile(r"line [0-9]+")
"""element of records of which a line has several"""
KEYWORDS = {"startup_files"}
"""artefacts that read some keywords of files with many others: a changed one is another word, which says nothing"""
PLACES = 15
"""texts of one input that are changed, spread over it"""
TURNS = 3
"""where an input has all these places, each takes one of so many characters, and the next place others: each is tried in five texts"""
FULL = 2
"""inputs of an artefact that are changed at all these places; in further ones each character is tried in one text"""
HEADED = {"json_lines": b"\n"}
"""containers whose first element, up to this byte, says what the file is: without it nothing can be read"""
NAMED = {"registry"}
"""containers in which a text is the name of what an artefact looks for: a changed one is another key, which is not read"""

SHARED = {
    "archive_contents": re.compile(rb"\AMSCF|PK\x01\x02"),
    **dict.fromkeys(("wmi_repository", "pacman_files", "rpm_files", "sqlite"), re.compile(rb"(?s)\A.*\Z")),
}
"""artefacts and containers in whose inputs some bytes belong to many elements: the sign that makes a file an archive and those of its
directory; the classes of a repository, without which none of their objects can be read; a stream of gzip; the pages of a database. A
change there may cost more than one element, and a problem that the whole input does not have must say so"""


def _spread(found: list[re.Match[bytes]], most: int) -> list[re.Match[bytes]]:
    return found[:: max(1, len(found) // most)][:most]


def planted(data: bytes, start: int, most: int) -> Iterator[tuple[str, bytes]]:
    """Yield (what was done, the changed input), for up to `most` places."""
    for words, odd, middle in ((_WORDS, NARROW, 1), (_WIDE_WORDS, WIDE, 2)):
        places = _spread([one for one in words.finditer(data) if one.start() >= start], most)
        turns = TURNS if len(places) == most else 1
        for number, found in enumerate(places):
            at = found.start() + middle
            for unit in odd[number % turns :: turns]:
                yield f"{unit!r} in {found[0][:24]!r} at {at}", data[:at] + unit + data[at + len(unit) :]
    for found in _spread([one for one in _NUMBERS.finditer(data) if one.start() >= start], most):
        for digit in b"90":
            yield (
                f"{found[0]!r} at {found.start()} made of {digit - 48}",
                data[: found.start()] + bytes([digit]) * len(found[0]) + data[found.end() :],
            )


def _shared(name: str, data: bytes, changed: bytes) -> bool:
    """Return whether a change is in bytes that belong to many elements."""
    places = [found.span() for found in SHARED[name].finditer(data)] if name in SHARED else []
    return any(data[start:end] != changed[start:end] for start, end in places)


def _element(locator: str) -> str:
    found = _LINE.search(locator)
    return found[0] if found else locator


def read(module, path: str, data: bytes) -> tuple[set[str], list[Problem]]:
    """The locators of the records, and the problems. Every record can be written."""
    records, problems = set(), []
    for item in items(module, Evidence(path, data, facts={"mtime": "2026-10-31T20:00:00Z"}), HOST):
        if isinstance(item, Record):
            records.add(item.locator)
            line(item.fields)
        else:
            problems.append(item)
    return records, problems


@pytest.mark.parametrize("name", sorted(catalogue.artefacts()))
def test_a_hostile_character_costs_its_element(name):
    known = catalogue.artefacts()[name]
    container = known.artefact.holds.container if known.artefact.holds is not None else ""
    module, tried = SimpleNamespace(ARTEFACT=known.artefact, parse=known.parse), 0
    format_of = name if name in SHARED else container
    for number, (path, data) in enumerate(one for one in reversed(list(inputs(name))) if 0 < len(one[1]) <= 1 << 17):
        whole, known_problems = read(module, path, data)
        start = data.find(HEADED[container]) + 1 if container in HEADED else 0
        for what, changed in planted(data, start, PLACES if number < FULL else TURNS):
            left, problems = read(module, path, changed)
            tried += 1
            raised = [problem for problem in problems if isinstance(problem, Raised)]
            assert not raised, f"{path}: {what}: {raised[0]}"
            if container in NAMED:
                continue
            gone, more = whole - left, left - whole
            assert len({_element(locator) for locator in gone}) <= 1 or _shared(format_of, data, changed), (
                f"{path}: {what}: lost {sorted(gone)[:5]} of {len(whole)}: {problems[:3]}"
            )
            assert len(more) <= 1, f"{path}: {what}: new {sorted(more)[:5]}"
            if len(left) < len(whole) and name not in KEYWORDS:
                said = [problem for problem in problems if problem not in known_problems] if format_of in SHARED else problems
                assert said, f"{path}: {what}: a record less, and no word of it"
    assert tried
