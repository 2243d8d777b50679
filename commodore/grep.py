"""Search archives, directories and cases for a text or an expression, member by member, and what is decoded of them. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import re2  # type: ignore[import-untyped]

from commodore import catalogue
from commodore.case.reader import CaseReader
from commodore.engine import recognise
from commodore.engine.inputs import EvidenceCollection, Member
from commodore.evidence import Evidence
from scout.console import WRONG_USE, Complaint

WINDOW = 1 << 20
LONGEST = 64 << 10
"""bytes that a place may have: a longer one is found where it begins within a piece, and may be cut"""
DECODED = 32 << 20
"""bytes of a member whose layers are searched too: it is held in memory"""
SHOWN = 200
"""characters of a line before and behind a place"""
_UNITS = re.compile(rb"(?:[\x09\x20-\x7e]\x00){3,}[\x20-\x7e]?")
"""ASCII text in UTF-16, in either byte order"""


class GrepPlace(NamedTuple):
    """One place: the host, the path, its offset in the file, the line (0 where the file is no text), and the text around it."""

    host: str
    path: str
    offset: int
    line: int
    text: str
    utf16: bool
    layer: str = ""
    """what was decoded or unpacked, where the place is in that: `base64`, `a.zip/b.js > character codes`"""


@dataclass
class GrepAccount:
    """How much was searched, and what was not."""

    members: int = 0
    size: int = 0
    places: int = 0
    left: list[tuple[str, str, str]] = field(default_factory=list)
    """host, path and reason of members that were not searched"""


def compiled(pattern: str, *, literal: bool, fold: bool) -> Any:
    """Return the expression in re2's language, which takes linear time, over bytes. Raises Complaint."""
    options = re2.Options()
    options.case_sensitive, options.literal, options.log_errors, options.encoding = not fold, literal, False, re2.Options.Encoding.LATIN1
    if not pattern:
        raise Complaint("the pattern is empty: it is everywhere.", "Give a text, or an expression.", WRONG_USE)
    try:
        made = re2.compile(pattern.encode("utf-8", "surrogateescape"), options)  # bytes of the command line that are no UTF-8
    except UnicodeEncodeError:
        raise Complaint("the pattern has half a character.", "Give its bytes as \\xNN.", WRONG_USE) from None
    except re2.error as e:
        raise Complaint(f"the pattern is no expression of re2: {_words(e)}.", "Use -F for a plain text.", WRONG_USE) from None
    if made.search(b"") is not None:
        raise Complaint("the pattern matches the empty text: it is everywhere.", "Give an expression that needs a character.", WRONG_USE)
    return made


def _words(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def inputs(given: Iterable[Path]) -> list[Path]:
    """Return what is searched: for a case, the inputs that it was made from. Raises Complaint for one that is no longer there."""
    found: list[Path] = []
    for path in given:
        if not (path / "case.json").is_file():
            found += recognise.expanded(path)
            continue
        for about in CaseReader(path).collections().values():
            origin = Path(about["origin"])
            if not origin.exists():
                raise Complaint(f"{origin} is no longer there.", "Give the archives by their present path in place of the case.", WRONG_USE)
            found.append(origin)
    return list(dict.fromkeys(found))


def search(paths: Sequence[Path], identities: Sequence[Any], expression: Any, account: GrepAccount) -> Iterator[GrepPlace]:
    """Yield the places in all members of the inputs, in their order. `account` gets how much was searched."""
    for path in paths:
        for collection in recognise.collections(path, identities):
            yield from _of_collection(collection, expression, account)
            state, reason = collection.ending()
            if state != "complete":
                account.left.append((collection.label, str(path), f"{state}: {reason}"))


def _of_collection(collection: EvidenceCollection, expression: Any, account: GrepAccount) -> Iterator[GrepPlace]:
    for member in collection.members():
        if member.kind == "refused":
            if member.verdict != "link":
                account.left.append((collection.label, member.source, member.facts.get("reason") or member.verdict))
            continue
        account.members += 1
        kept = bytearray()
        for offset, line, text, utf16 in _of_member(member, expression, account, kept):
            account.places += 1
            yield GrepPlace(collection.label, member.source, offset, line, text, utf16)
        for place in _decoded(collection.label, member, bytes(kept), expression, account):
            account.places += 1
            yield place


def _decoded(host: str, member: Member, content: bytes, expression: Any, account: GrepAccount) -> Iterator[GrepPlace]:
    """Yield the places in what artefacts decode of a member: layers of scripts, parts of documents, entries of archives."""
    names = catalogue.matcher().match(member.below, content[: catalogue.matcher().head]).names if content else ()
    for reader in (catalogue.artefacts()[name].contents for name in names):
        if reader is None:
            continue
        if member.size > DECODED:
            account.left.append((host, member.source, f"searched as it is, not decoded: more than {DECODED >> 20} MiB"))
            return
        try:
            for layer in reader(Evidence(member.source, content)):
                for start, end, utf16 in _places(layer.data, expression):
                    yield GrepPlace(host, member.source, start, 0, _around(layer.data, start, end, utf16=utf16), utf16, layer.name)
        except Exception as e:  # the readers of formats raise whatever the bytes make them
            account.left.append((host, member.source, f"decoded in part: {type(e).__name__}: {e}"[:300]))


def _of_member(member: Member, expression: Any, account: GrepAccount, kept: bytearray) -> Iterator[tuple[int, int, str, bool]]:
    """Yield (offset, line, text, whether in UTF-16) of the places of one member, each once. `kept` gets its content up to `DECODED`."""
    base, lines, held = 0, 0, b""
    is_text, behind = True, _exactly(member.read)
    piece = next(behind, b"")
    is_text = b"\0" not in piece[:4096]
    while piece:
        following = next(behind, b"")
        account.size += len(piece)
        if member.size <= DECODED:
            kept += piece
        elif not kept:
            kept += piece[:65_536]
        data = held + piece
        limit = len(data) if not following else max(len(data) - LONGEST, 0)
        for start, end, utf16 in _places(data, expression):
            if start < limit:
                line = lines + data.count(b"\n", 0, start) + 1 if is_text else 0
                yield base + start, line, _around(data, start, end, utf16=utf16), utf16
        lines += data.count(b"\n", 0, limit) if is_text else 0
        base, held, piece = base + limit, data[limit:], following


def _exactly(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(WINDOW):
        yield chunk


def _places(data: bytes, expression: Any) -> Iterator[tuple[int, int, bool]]:
    found = [(m.start(), m.end(), False) for m in expression.finditer(data)]
    if b"\0" in data:
        for run in _UNITS.finditer(data):
            text = run[0][::2]
            found += [(run.start() + 2 * m.start(), run.start() + 2 * m.end(), True) for m in expression.finditer(text)]
    return iter(sorted(found))


def _around(data: bytes, start: int, end: int, *, utf16: bool) -> str:
    """Return the line of a place, up to `SHOWN` characters on both sides."""
    reach = SHOWN * (1 + utf16)
    low = max(data.rfind(b"\n", max(0, start - reach), start) + 1, start - reach, 0)
    stop = data.find(b"\n", end, end + reach)
    raw = data[low : stop if stop >= 0 else end + reach].rstrip(b"\r")
    text = raw.replace(b"\0", b"") if utf16 else raw
    return text.decode("utf-8", "backslashreplace")
