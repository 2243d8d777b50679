"""ASN.1 in DER, as signatures and certificates use it: one level at a time, so that deep nesting costs nothing.

Source: ITU-T X.690. Indefinite lengths and tags above 30 are refused: DER has no indefinite lengths, and no such tag is in a signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

INTEGER, OCTETS, OID, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x17, 0x18, 0x30, 0x31
MOST = 1 << 16
"""elements of one level"""


class DerError(ValueError):
    """The bytes are no DER, or not of the form that was expected."""


class Node(NamedTuple):
    """One element: its tag, and where it, its content and its end are."""

    data: bytes
    tag: int
    start: int
    body: int
    end: int

    @property
    def content(self) -> bytes:
        """Return the bytes of the content."""
        return self.data[self.body : self.end]

    @property
    def raw(self) -> bytes:
        """Return the bytes with tag and length."""
        return self.data[self.start : self.end]


def node(data: bytes, at: int = 0, end: int | None = None) -> Node:
    """Return the element at an offset, within `end`. Raises DerError."""
    last = len(data) if end is None else end
    if at + 2 > last:
        raise DerError("cut")
    tag, length, body = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F or length == 0x80 or length > 0x84:
        raise DerError("a tag or length that DER does not have here")
    if length > 0x80:
        width = length & 0x7F
        length, body = int.from_bytes(data[body : body + width], "big"), body + width
    if body + length > last:
        raise DerError("an element is longer than what holds it")
    return Node(data, tag, at, body, body + length)


def within(content: bytes) -> Node:
    """Return the element of which these bytes are the content, for its children."""
    return Node(content, SEQUENCE, 0, 0, len(content))


def children(parent: Node, most: int = MOST) -> Iterator[Node]:
    """Yield the elements in one, `most` at most. Raises DerError."""
    at, seen = parent.body, 0
    while at < parent.end:
        if seen >= most:
            raise DerError(f"more than {most} elements on one level")
        child = node(parent.data, at, parent.end)
        yield child
        at, seen = child.end, seen + 1


def parts(parent: Node, *tags: int) -> list[Node]:
    """Return the elements of a SEQUENCE; raises DerError where the first ones have other tags than these (0 stands for any)."""
    found = list(children(parent, 4096))
    if len(found) < len(tags) or any(tag not in (0, one.tag) for one, tag in zip(found, tags, strict=False)):
        raise DerError("an element is not of the form that was expected")
    return found


def oid(element: Node) -> str:
    """Return an object identifier in its dotted form. Raises DerError."""
    raw = element.content
    if element.tag != OID or not raw or len(raw) > 64 or raw[-1] & 0x80:
        raise DerError("no object identifier")
    arcs, value = [], 0
    for byte in raw:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def moment(element: Node) -> datetime:
    """Return a UTCTime or GeneralizedTime, to the second. Raises DerError."""
    text = element.content.decode("ascii", "replace").rstrip("Z").partition(".")[0]
    if element.tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise DerError("no time") from None
