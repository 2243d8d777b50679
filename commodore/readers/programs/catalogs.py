"""Security catalogs (`.cat`): signed lists of the digests of files. Most programs of Windows are signed in no other way.

The digests are in SpcIndirectData attributes of the members. Where a member has none, its tag is the digest, in
hexadecimal digits or in bytes.

Source: Certificate Trust List, Microsoft Learn.
"""

from __future__ import annotations

from typing import NamedTuple

from commodore.readers.programs import authenticode, cms, der
from commodore.readers.programs.authenticode import INDIRECT, Signature
from commodore.readers.programs.certificates import Roots
from commodore.readers.programs.der import DerError, Node

CTL = "1.3.6.1.4.1.311.10.1"
MOST_MEMBERS = 50_000
"""members of a catalog; the largest of Windows have some twenty thousand"""
LARGEST = 64 << 20
"""bytes of a catalog"""
_WIDTHS = (20, 32)


class Catalog(NamedTuple):
    """A catalog: the verdict on its signature, the digests (SHA-1 and SHA-256, hexadecimal), when it was issued, what was not read."""

    signature: Signature
    digests: tuple[str, ...]
    issued: str
    problem: str = ""


def is_catalog(data: bytes) -> bool:
    """Return whether bytes begin as signed data over a list of trusted subjects."""
    try:
        return cms.signed_data(data).kind == CTL
    except (DerError, StopIteration):
        return False


def catalog(data: bytes, collected: str, roots: Roots) -> Catalog:
    """Return the digests in a catalog and the verdict on its signature. Raises DerError where the list cannot be read."""
    if len(data) > LARGEST:
        raise DerError(f"the catalog has {len(data)} bytes, more than are read")
    signed = cms.signed_data(data)
    if signed.kind != CTL:
        raise DerError("no list of trusted subjects")
    verdict = authenticode.verdict(data, CTL, collected, roots)
    issued, digests, problem = "", dict[str, None](), ""
    for element in der.children(der.within(signed.content), 16):
        if element.tag in (der.UTC_TIME, der.GENERALIZED_TIME) and not issued:
            issued = f"{der.moment(element):%Y-%m-%dT%H:%M:%SZ}"
        elif element.tag == der.SEQUENCE and issued:
            digests, problem = _members(element)
            if digests:
                break
    return Catalog(verdict, tuple(digests), issued, problem)


def _members(listed: Node) -> tuple[dict[str, None], str]:
    """Return the digests of the members, and what was not read."""
    found: dict[str, None] = {}
    bad = 0
    for number, member in enumerate(der.children(listed, MOST_MEMBERS + 1)):
        if number == MOST_MEMBERS:
            return found, f"{MOST_MEMBERS} members were read, more are in the list"
        if member.tag != der.SEQUENCE:
            return {}, ""  # the algorithm, which comes before the list
        try:
            tag, *rest = der.children(member, 4)
            digest = _signed(rest[0]) if rest else b""
            if digest := digest or _tag(tag.content):
                found[digest.hex()] = None
            else:
                bad += 1
        except (DerError, StopIteration, ValueError):
            bad += 1
    return found, f"{bad} members have no digest that can be read" if bad else ""


def _signed(attributes: Node) -> bytes:
    """Return the digest in the SpcIndirectData attribute of a member."""
    for attribute in der.children(attributes, 64):
        kind, values = der.parts(attribute, der.OID, der.SET)[:2]
        if der.oid(kind) == INDIRECT:
            content = der.parts(next(der.children(values)), 0, der.SEQUENCE)
            digest = der.parts(content[1], der.SEQUENCE, der.OCTETS)[1].content
            return digest if len(digest) in _WIDTHS else b""
    return b""


def _tag(raw: bytes) -> bytes:
    """Return the digest that a tag is, in bytes or in hexadecimal digits of UTF-16."""
    if len(raw) in _WIDTHS:
        return raw
    digest = bytes.fromhex(raw.decode("utf-16-le", "replace").rstrip("\0"))
    return digest if len(digest) in _WIDTHS else b""
