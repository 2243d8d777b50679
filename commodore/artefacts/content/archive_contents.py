"""What archives and images hold: every entry with name, size, time and hash, and what the scripts and archives in them show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from commodore.artefact import Artefact, Problem, Record, SweepLayer
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.archives import OF_HOST, Budget, Entry, entries, format_of, magic
from commodore.readers.archives.opening import HEAD, BrokenArchiveError
from commodore.readers.documents import read as read_document
from commodore.readers.documents.fields import FIELDS, document_fields, searched
from commodore.readers.documents.formats.ooxml import is_package
from commodore.readers.layers import as_text, unfold
from commodore.readers.layers.analysis import analysed
from commodore.readers.layers.languages import language_of
from commodore.readers.layers.model import LONGEST
from commodore.readers.layers.traits import FoundTrait, Trait

ARTEFACT = Artefact(
    name="archive_contents",
    title="Contents of archives and images",
    about="One record per entry of a ZIP, 7z, RAR, CAB, tar, ISO or FAT image, VHD with FAT or compressed file, and of archives in "
    "them, with name, size, time and hash. Scripts and documents among the entries are read as those on the disk are. The only password "
    "that is tried is `infected`.",
    proves_not="That an entry was unpacked or ran. Times of ZIP, CAB and RAR 4 are local times of the host that packed it.",
    magic=magic(),
    fields=(
        *FIELDS,
        "escadre.archive.depth",
        "escadre.archive.entry",
        "escadre.archive.packed",
        "escadre.archive.state",
        "escadre.script.language",
        "file.extension",
        "file.hash.md5",
        "file.hash.sha1",
        "file.hash.sha256",
        "file.mtime",
        "file.name",
        "file.path",
        "file.size",
        "file.type",
    ),
    times={"@timestamp": "time of the entry as the archive states it", "file.mtime": "the same"},
    kind="state",
    category=("file",),
    type=("info",),
    action="archive-entry-observed",
    attack=("T1027.015", "T1553.005"),
    message="{file.path!q} contains {escadre.archive.entry!q}[ ({file.size!n} {file.size:byte|bytes})][: it {escadre.traits.words}].",
    sources=("commodore/readers/archives/formats: each format names its source",),
)
_DOUBLE = re.compile(
    r"(?i)\.(?:pdf|docx?|xlsx?|jpe?g|png|txt|zip|mp[34]|rtf)\s*\.(?:exe|scr|js|jse|vbs|vbe|wsf|hta|lnk|bat|cmd|com|pif|ps1|iso|img)$"
)
_TURNED = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
_NAMES = (
    (
        Trait("name-with-two-endings", "disguises", "has a second ending behind a harmless one", 3, frozenset(), ""),
        lambda name: _DOUBLE.search(name),
    ),
    (
        Trait("name-turned-around", "disguises", "has a name whose direction of writing is turned", 5, frozenset(), ""),
        lambda name: _TURNED & set(name),
    ),
    (
        Trait("name-padded", "disguises", "hides its ending behind many blanks", 5, frozenset(), ""),
        lambda name: re.search(r"(?<!\s)\s{8,}\.?\w{2,4}$", name),
    ),
    (
        Trait("name-leads-out", "disguises", "would be unpacked outside of its folder", 2, frozenset(), ""),
        lambda name: ".." in name.split("/"),
    ),
)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    budget = Budget(evidence.length)
    hosts: list[str] = []
    with evidence.open() as stream:
        head = stream.read(HEAD)
        if head and not format_of(head):
            yield Problem("the file does not begin as an archive or image of a format that is read does", lost=1)
            return
        stream.seek(0)
        if is_package(stream):
            return  # the artefact `documents` reads it
        stream.seek(0)
        for item in fenced(_numbered(stream, evidence.name, budget), lambda one: _place(one[0]), partial(_entry, evidence)):
            if isinstance(item, Record) and OF_HOST.search(name := str(item.fields["escadre.archive.entry"])):
                hosts.append(name)
            yield item
    for bound in budget.bounds:
        yield Problem(bound)
    if hosts and not evidence.source.startswith("/") and evidence.source[1:2] != ":":
        reason = f"{hosts[0]} and {len(hosts) - 1:,} more entries are evidence of a host"
        yield Problem(f"{reason}, which is not read from this archive: unpack it and give the folder", kind="collection-packed")


def _place(number: int) -> str:
    """Return the locator of the record of an entry."""
    return f"entry/{number}"


def _numbered(stream: BinaryIO, name: str, budget: Budget) -> Iterator[tuple[int, Entry] | Problem]:
    number = 0
    try:
        for number, entry in enumerate(entries(stream, name, budget), 1):
            yield number, entry
    except BrokenArchiveError as e:
        yield Problem(f"the archive cannot be read further: {e}", _place(number + 1), lost=1 if number == 0 else 0)


def _entry(evidence: Evidence, numbered: tuple[int, Entry]) -> Iterator[Record | Problem]:
    number, entry = numbered
    yield Record(_place(number), _fields(evidence, entry))
    if entry.state.startswith("damaged"):
        yield Problem(f"the content of an entry cannot be read, nor an archive that it may be: {entry.state}", _place(number))


def contents(evidence: Evidence) -> Iterator[SweepLayer]:
    """Yield the entries that can be read and what is decoded of them, each with the place of its record, for searches."""
    with evidence.open() as stream, suppress(BrokenArchiveError):
        for number, entry in enumerate(entries(stream, evidence.name, Budget(evidence.length)), 1):
            if entry.content is not None:
                yield SweepLayer(entry.name, entry.content, _place(number))
                yield from (SweepLayer(f"{entry.name} > {name}", data, _place(number)) for name, data in _decoded(entry))


def _decoded(entry: Entry) -> Iterator[tuple[str, bytes]]:
    """Yield the layers of a script in an archive, or what is in a document there."""
    content, name = entry.content or b"", entry.name.rpartition("/")[2]
    if language := language_of(name, content[:4096]):
        if not content.startswith((b"MZ", b"\x7fELF")):
            yield from ((" > ".join(layer.how), layer.data) for layer in unfold(as_text(content[:LONGEST]), language).layers)
    elif content and (document := read_document(content, name)) is not None and document.format:
        yield from searched(document)


def _fields(evidence: Evidence, entry: Entry) -> dict[str, Any]:
    name = entry.name.rpartition("/")[2] if entry.kind != "dir" else entry.name.rstrip("/").rpartition("/")[2]
    fields: dict[str, Any] = {
        "file.path": evidence.source,
        "escadre.archive.entry": entry.name,
        "escadre.archive.state": entry.state,
        "escadre.archive.depth": entry.depth,
        "escadre.format": entry.format,
        "file.name": name,
        "file.type": entry.kind,
    }
    optional: dict[str, Any] = {
        "file.size": entry.size if entry.size >= 0 else None,
        "escadre.archive.packed": entry.packed if entry.packed >= 0 else None,
        "file.mtime": entry.modified or None,
        "@timestamp": entry.modified or None,
        "file.target_path": entry.link or None,
    }
    stem, dot, extension = name.rpartition(".")
    optional["file.extension"] = extension if stem and dot and extension else None
    fields |= {key: value for key, value in optional.items() if value is not None}
    content = entry.content or b""
    if entry.content is not None:
        fields |= _hashes(content)
    return fields | _shown(entry.name, content, entry.format)


def _hashes(content: bytes) -> dict[str, Any]:
    made = {f"file.hash.{kind}": hashlib.new(kind, content, usedforsecurity=False).hexdigest() for kind in ("md5", "sha1", "sha256")}
    return made | {"file.size": len(content)}


def _shown(path: str, content: bytes, form: str) -> dict[str, Any]:
    """Return what a script or document shows, and the tricks of a name."""
    tricks = [FoundTrait(trait, path[-200:]) for trait, test in _NAMES if test(path)]
    name = path.rpartition("/")[2]
    language = language_of(name, content[:4096]) if content else ""
    if content and not language and (document := read_document(content, name)) is not None and document.format:
        document.traits |= {trick.trait.id: trick for trick in tricks}
        return document_fields(document) | {"escadre.format": form}
    if not language and not tricks:
        return {}
    text = as_text(content[:LONGEST]) if language and not content.startswith((b"MZ", b"\x7fELF")) else ""
    fields = analysed(text, language, extra=tricks).fields
    return fields | ({"escadre.script.language": language} if language and text else {})
