r"""Custody: the chain of parts that say, for every wanted item, what became of it.

A part is JSON lines. The first is `{"part": n, "previous": "<sha256 of the part before, or of nothing>", "time": "…"}`; then one line per
wanted item. The chain head is the sha256 of the last part. JSON is ASCII: a lone surrogate of a native name is a `\udXXX` escape, which
the stdlib's `json` reads and stricter parsers refuse.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scout.archive import names

MAX_PART = 16 << 20
"""bytes of one part that are read; those of SCOUT are smaller"""
VERDICTS = ("taken", "missing", "denied", "vanished", "changed while read", "over limit", "blocked", "error", "link")
"""What became of a wanted item. Only taken, changed while read and error can have content."""
NOTHING = hashlib.sha256().hexdigest()
"""`previous` of the first part."""
_NUMBERS = frozenset({"member", "size", "valid", "uid", "gid", "nlink", "ino", "dev", "parent_ino", "root_ino", "lines"})
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
"""what the values of a line are; keys of other versions hold a text or a whole number"""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class GroupPlace(NamedTuple):
    """Place of an item in its group: `id`, `role` (`main` gives the group its name), number from 1, and how many belong to it."""

    id: str
    role: str
    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.id}:{self.role}:{self.number}/{self.total}"

    @classmethod
    def parse(cls, text: str) -> GroupPlace | None:
        """Group of an `ESCADRE.group` value; None where it is none."""
        name, _, place = text.rpartition(":")
        identity, _, role = name.rpartition(":")
        number, _, count = place.partition("/")
        if not (identity and role and number.isascii() and number.isdigit() and count.isascii() and count.isdigit() and len(place) < 20):
            return None
        return cls(identity, role, int(number), int(count)) if 1 <= int(number) <= int(count) else None


@dataclass(slots=True, kw_only=True)
class WantedItem:
    """A wanted item.

    source   native path on the host; volume: the container that it came from (`C`, `root`, `C@vss3`, `mnt/usb`)
    size     bytes that the member will have; a stream that ends before is padded with zeros, one that goes on is cut
    facts    what custody says beyond that (`mtime`, `mode`, `uid`, `owner`, `xattrs` …, see contracts)
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
        """Name in the archive."""
        return names.encode(self.volume, names.below(self.source, self.volume) if self.path is None else self.path)


def part(number: int, previous: str, time: str, lines: Iterable[bytes]) -> bytes:
    """One part, ready to be written; `time` is when, by the host's clock."""
    return b"\n".join([dump({"part": number, "previous": previous, "time": time}), *lines]) + b"\n"


def read_part(content: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """First line and item lines of a part, `sound`. ValueError where a line is no JSON object."""
    lines = [_object(text) for text in content.split(b"\n") if text]
    if not lines:
        raise ValueError("it is empty")
    return lines[0], [sound(line) for line in lines[1:]]


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except RecursionError:
        found = None
    if isinstance(found, dict):
        return found
    raise ValueError("a line is no JSON object")


def sound(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line without the values that cannot be what their key says: an archive says what its writer wants."""
    return {key: value for key, value in line.items() if value is None or _fits(key, value)}


def _fits(key: str, value: object) -> bool:
    if key == "xattrs":
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    if key in _NUMBERS:
        return type(value) is int and 0 <= value < 1 << 64
    if key in _TEXTS or not isinstance(value, int):
        return isinstance(value, str)
    return -(1 << 63) <= value < 1 << 63


def line(member: int | None, name: str, item: WantedItem, verdict: str, size: int | None) -> dict[str, Any]:
    """The line of an item in the order that people read it. What is not known yet has its place and is None."""
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
    """One JSON line without its end; bytes become base64."""
    return _JSON.encode(value).encode("ascii")


def _encode(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    return str(value)


_JSON = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_encode)


def receipt_code(chain_head: str, archive_sha256: str) -> str:
    """The short code to note on paper: 60 bits of sha256 over chain head and archive hash, in Crockford's base 32: `K7QM-3F9T-XW2P`."""
    digest = hashlib.sha256(f"escadre receipt 1\n{chain_head}\n{archive_sha256}\n".encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> 4
    letters = "".join(_LETTERS[number >> shift & 31] for shift in range(55, -1, -5))
    return "-".join(letters[i : i + 4] for i in (0, 4, 8))


def normal_code(text: str) -> str | None:
    """A code as a person typed it (case, blanks, O for 0, I and L for 1) in its written form; None where it is none."""
    letters = "".join(text.upper().replace("-", " ").split()).translate(str.maketrans("OIL", "011"))
    if len(letters) != 12 or not set(letters) <= set(_LETTERS):
        return None
    return "-".join(letters[i : i + 4] for i in (0, 4, 8))
