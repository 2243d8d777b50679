r"""Custody: a chain of parts that record, for every wanted item, its verdict.

A part is JSON lines. The first is `{"part": n, "previous": "<sha256 of the part before, or of nothing>", "time": "…",
"elapsed": seconds}`; then one line per
wanted item. The chain head is the sha256 of the last part. JSON is ASCII: a lone surrogate of a native name is a `\udXXX` escape, which
the stdlib's `json` reads and stricter parsers refuse.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scout.archive import facts, names

MAX_PART = 16 << 20
"""bytes of one part that are read; the parts that SCOUT writes are smaller"""
MAX_LINES = 1 << 16
"""lines of one part that are read; SCOUT writes some 4,000"""
MAX_LINE = 4 << 20
"""bytes of one line; the largest that SCOUT writes has extended attributes of 1 MiB"""
MAX_GROUP = 16
"""members of one group: a hive and its logs, a database and its journals have 2 to 5"""
VERDICTS = ("taken", "missing", "denied", "vanished", "changed while read", "over limit", "blocked", "error", "link", "duplicate")
"""Verdicts of wanted items. Only taken, changed while read and error can have content."""
NOTHING = hashlib.sha256().hexdigest()
"""`previous` of the first part."""
_NUMBERS = frozenset({"member", "size", "valid", "uid", "gid", "nlink", "ino", "dev", "parent_ino", "root_ino", "lines", "same_as"})
_TEXTS = frozenset(
    {
        "name",
        "source",
        "target",
        "verdict",
        "method",
        "type",
        "sha256",
        "sha256_data",
        "mtime",
        "ctime",
        "atime",
        "btime",
        "mode",
        "owner",
        "group_name",
        "link",
        "head",
        "tail",
        "why",
        "error",
    }
)
"""keys whose values are text; a key of another version holds a text or a whole number"""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class GroupPlace(NamedTuple):
    """Place of an item in its group: `id`, `role` (`main` names the group), number from 1, size of the group."""

    id: str
    role: str
    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.id}:{self.role}:{self.number}/{self.total}"

    @classmethod
    def parse(cls, text: str) -> GroupPlace | None:
        """Parse an `ESCADRE.group` value; return None where it is malformed or claims more than `MAX_GROUP` members."""
        name, _, place = text.rpartition(":")
        identity, _, role = name.rpartition(":")
        number, _, count = place.partition("/")
        if not (identity and role and number.isascii() and number.isdigit() and count.isascii() and count.isdigit() and len(place) < 20):
            return None
        return cls(identity, role, int(number), int(count)) if 1 <= int(number) <= int(count) <= MAX_GROUP else None


@dataclass(slots=True, kw_only=True)
class WantedItem:
    """A wanted item.

    source   native path on the host; volume: the container that it came from (`C`, `root`, `C@vss3`, `mnt/usb`)
    size     bytes that the member will have; a stream that ends before is padded with zeros, one that goes on is cut
    facts    further facts that custody has (`mtime`, `mode`, `uid`, `owner`, `xattrs` …, see contracts)
    extents  data of a sparse file as (offset, length) pairs in order; the rest are holes. None: not sparse. The stream must seek
    path     path below the volume's root, where `source` is not simply drive or `/` and that path
    """

    source: str
    volume: str = "root"
    size: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    group: GroupPlace | None = None
    target: str = ""
    extents: tuple[tuple[int, int], ...] | None = None
    method: str = "api"
    type: str = "file"
    path: str | None = None

    @property
    def name(self) -> str:
        """Name of the member in the archive."""
        return names.encode(self.volume, names.below(self.source, self.volume) if self.path is None else self.path)


def part(number: int, previous: str, time: str, lines: Iterable[bytes], elapsed: float) -> bytes:
    """Return one part, ready to be written. `time`: by the host's clock; `elapsed`: seconds since the archive was begun, by no clock."""
    return b"\n".join([dump({"part": number, "previous": previous, "time": time, "elapsed": elapsed}), *lines]) + b"\n"


def read_part(content: bytes, problem: Callable[[str], object]) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return the first line of a part and an iterator of its item lines, `sound`.

    A line that cannot be read costs itself: it is reported to `problem` and left out. Without a readable first line that is {}.
    """
    lines = lines_of(content, problem)
    first = _object(next(lines, b""))
    if first is None:
        problem("line 1 is no JSON object")
    return first or {}, _items(lines, problem)


def _items(lines: Iterator[bytes], problem: Callable[[str], object]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(lines, 2):
        found = _object(text)
        if found is None:
            problem(f"line {number} is no JSON object")
        else:
            yield sound(found)


def lines_of(content: bytes, problem: Callable[[str], object]) -> Iterator[bytes]:
    """Yield the lines of a part that are not empty, at most `MAX_LINES`: a part that SCOUT did not write may claim millions."""
    at = count = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        if end > at:
            count += 1
            if count > MAX_LINES:
                problem(f"it has more than {MAX_LINES:,} lines: the rest was not read")
                return
            yield content[at:end]
        at = end + 1


def _object(text: bytes) -> dict[str, Any] | None:
    """Return a JSON object; None for anything else, and for a line that is too long."""
    try:
        found = json.loads(text) if len(text) <= MAX_LINE else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def sound(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line without values of a wrong type: whoever wrote the archive chose them."""
    return {key: value for key, value in line.items() if value is None or _fits(key, value)}


def _fits(key: str, value: object) -> bool:
    if key == "xattrs":
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    if key == "referrer":
        return facts.is_texts(value)
    if key == "included_by":
        return facts.is_included(value)
    if key in _NUMBERS:
        return type(value) is int and 0 <= value < 1 << 64
    if key in _TEXTS or not isinstance(value, int):
        return isinstance(value, str)
    return -(1 << 63) <= value < 1 << 63


def line(member: int | None, name: str, item: WantedItem, verdict: str, size: int | None) -> dict[str, Any]:
    """Return the custody line of an item, keys in the order that people read them. What is not known yet is None."""
    return {
        "member": member,
        "name": name,
        "source": item.source,
        "target": item.target or None,
        "verdict": verdict,
        "method": item.method,
        "type": item.type,
        "sha256": None,
        "sha256_data": None,
        "size": size,
        "valid": None,
        **item.facts,
    }


def dump(value: object) -> bytes:
    """Return one JSON line without its line feed; bytes become base64."""
    return _JSON.encode(value).encode("ascii")


def _encode(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    return str(value)


_JSON = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_encode)


def receipt_code(chain_head: str, archive_sha256: str) -> str:
    """Return the short code to note on paper, `K7QM-3F9T-XW2P`: 60 bits of sha256 over chain head and archive hash, Crockford's base 32."""
    digest = hashlib.sha256(f"escadre receipt 1\n{chain_head}\n{archive_sha256}\n".encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> 4
    letters = "".join(_LETTERS[number >> shift & 31] for shift in range(55, -1, -5))
    return "-".join(letters[i : i + 4] for i in (0, 4, 8))


def normal_code(text: str) -> str | None:
    """Return a code as typed (any case, blanks, O for 0, I and L for 1) in its written form; None where it is no code."""
    letters = "".join(text.upper().replace("-", " ").split()).translate(str.maketrans("OIL", "011"))
    if len(letters) != 12 or not set(letters) <= set(_LETTERS):
        return None
    return "-".join(letters[i : i + 4] for i in (0, 4, 8))
