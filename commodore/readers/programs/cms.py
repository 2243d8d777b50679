"""Signed data (PKCS #7) of Authenticode signatures and catalogs, verified up to the signer's key and the time stamp.

Sources: RFC 2315, RFC 5652, RFC 3161; Windows Authenticode Portable Executable Signature Format, Microsoft.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from commodore.readers.programs import certificates as x509
from commodore.readers.programs import der
from commodore.readers.programs.certificates import Certificate, Roots, UnsupportedError
from commodore.readers.programs.der import DerError, Node

SIGNED_DATA = "1.2.840.113549.1.7.2"
_MESSAGE_DIGEST, _SIGNING_TIME = "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
_COUNTERSIGNATURE, _TOKEN = "1.2.840.113549.1.9.6", "1.3.6.1.4.1.311.3.3.1"
_NESTED = "1.3.6.1.4.1.311.2.4.1"
MOST_CERTIFICATES = 64


class SignerInfo(NamedTuple):
    """One signer: who it says it is, its algorithms by their names, its attributes by kind (the SET of values), its signature."""

    issuer: bytes
    serial: int
    digest: str
    algorithm: str
    signed: bytes
    attributes: dict[str, Node]
    unsigned: dict[str, Node]
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedData:
    """Signed data: kind and bytes of the content, as they are hashed, the certificates, the first signer."""

    kind: str
    content: bytes
    certificates: tuple[Certificate, ...]
    signer: SignerInfo
    signers: int

    def certificate(self, signer: SignerInfo) -> Certificate | None:
        """Return the certificate of a signer; None where the data does not hold it."""
        return next((one for one in self.certificates if one.serial == signer.serial and one.issuer == signer.issuer), None)


def signed_data(raw: bytes) -> SignedData:
    """Return the signed data in a ContentInfo. Raises DerError."""
    outer = der.parts(der.node(raw), der.OID, 0xA0)
    if der.oid(outer[0]) != SIGNED_DATA:
        raise DerError("no signed data")
    found = der.parts(next(der.children(outer[1])), der.INTEGER, der.SET, der.SEQUENCE)
    encapsulated = der.parts(found[2], der.OID)
    content = next(der.children(encapsulated[1])).content if len(encapsulated) > 1 else b""
    held = next((one for one in found[3:] if one.tag == 0xA0), None)
    signers = list(der.children(found[-1], 64)) if found[-1].tag == der.SET else []
    if not signers:
        raise DerError("nobody signed")
    return SignedData(der.oid(encapsulated[0]), content, _certificates(held), _signer(signers[0]), len(signers))


def _certificates(held: Node | None) -> tuple[Certificate, ...]:
    """Return the certificates that can be read, `MOST_CERTIFICATES` at most."""
    found: list[Certificate] = []
    for one in der.children(held) if held else ():
        if len(found) == MOST_CERTIFICATES:
            break
        try:
            found.append(x509.certificate(one.raw))
        except DerError:
            continue
    return tuple(found)


def _signer(element: Node) -> SignerInfo:
    found = der.parts(element, der.INTEGER, der.SEQUENCE, der.SEQUENCE)
    issuer, serial = der.parts(found[1], der.SEQUENCE, der.INTEGER)[:2]
    digest = x509.digest_name(der.oid(next(der.children(found[2]))))
    rest = found[3:]
    signed = rest.pop(0) if rest and rest[0].tag == 0xA0 else None
    if len(rest) < 2 or rest[1].tag != der.OCTETS:
        raise DerError("a signer without a signature")
    unsigned = rest[2] if len(rest) > 2 and rest[2].tag == 0xA1 else None
    return SignerInfo(
        issuer.raw,
        int.from_bytes(serial.content, "big"),
        digest,
        der.oid(next(der.children(rest[0]))),
        b"\x31" + signed.raw[1:] if signed else b"",
        _attributes(signed),
        _attributes(unsigned),
        rest[1].content,
    )


def _attributes(element: Node | None) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for attribute in der.children(element, 128) if element else ():
        kind, values = der.parts(attribute, der.OID, der.SET)[:2]
        found.setdefault(der.oid(kind), values)
    return found


def check(data: SignedData, signer: SignerInfo, content: bytes) -> tuple[Certificate | None, str]:
    """Return the certificate whose key signed `content`, and why the signature is wrong ('' where it is right).

    Raises DerError and UnsupportedError where it cannot be judged.
    """
    certificate = data.certificate(signer)
    if certificate is None:
        return None, "the certificate of the signer is not in the signature"
    if not signer.digest:
        raise UnsupportedError("the digest algorithm is not supported")
    if signer.signed:
        values = signer.attributes.get(_MESSAGE_DIGEST)
        said = next(der.children(values)).content if values else b""
        if said != hashlib.new(signer.digest, content, usedforsecurity=False).digest():
            return certificate, "the signed digest is not that of the content"
    signed = signer.signed or content
    right = x509.verifies(certificate, signed, signer.signature, signer.algorithm, signer.digest)
    return certificate, "" if right else "the signature is not of the key of its certificate"


class TimeStamp(NamedTuple):
    """The time at which somebody vouches that the signature existed; None where nobody does, and why."""

    time: datetime | None
    problem: str = ""
    authority: str = ""


def time_stamp(data: SignedData, roots: Roots) -> TimeStamp:
    """Return the verified time stamp of a signature."""
    values = data.signer.unsigned.get(_TOKEN) or data.signer.unsigned.get(_COUNTERSIGNATURE)
    if values is None:
        return TimeStamp(None)
    try:
        first = next(der.children(values), None)
        if first is None:
            return TimeStamp(None, "the time stamp is empty")
        return _token(data, first, roots) if _TOKEN in data.signer.unsigned else _countersignature(data, first, roots)
    except (DerError, UnsupportedError, StopIteration) as e:
        return TimeStamp(None, f"the time stamp cannot be read: {e}")


def _token(data: SignedData, first: Node, roots: Roots) -> TimeStamp:
    """Read a time stamp of RFC 3161."""
    token = signed_data(first.raw)
    info = der.parts(der.node(token.content), der.INTEGER, der.OID, der.SEQUENCE, der.INTEGER, der.GENERALIZED_TIME)
    algorithm, imprint = der.parts(info[2], der.SEQUENCE, der.OCTETS)[:2]
    name = x509.digest_name(der.oid(next(der.children(algorithm))))
    when = der.moment(info[4])
    if not name or hashlib.new(name, data.signer.signature, usedforsecurity=False).digest() != imprint.content:
        return TimeStamp(None, "the time stamp is of another signature")
    return _vouched(token, token.signer, token.content, when, roots)


def _countersignature(data: SignedData, first: Node, roots: Roots) -> TimeStamp:
    """Read a countersignature of PKCS #9, whose certificates are those of the signature itself."""
    signer = _signer(first)
    values = signer.attributes.get(_SIGNING_TIME)
    if values is None:
        return TimeStamp(None, "the time stamp has no time")
    return _vouched(data, signer, data.signer.signature, der.moment(next(der.children(values))), roots)


def _vouched(data: SignedData, signer: SignerInfo, content: bytes, when: datetime, roots: Roots) -> TimeStamp:
    certificate, problem = check(data, signer, content)
    if certificate is None or problem:
        return TimeStamp(None, f"time stamp: {problem}")
    found = x509.chain(certificate, data.certificates, x509.TIME_STAMPING, when, roots)
    if found.kind != "trusted":
        return TimeStamp(None, f"time stamp: {found.reason}")
    if outside := found.outside(when):
        return TimeStamp(None, f"time stamp: the certificate {outside.name} was not valid at {when:%Y-%m-%d}")
    return TimeStamp(when, "", certificate.name)


def nested(data: SignedData) -> int:
    """Return the number of further signatures within this one."""
    values = data.signer.unsigned.get(_NESTED)
    return len(list(der.children(values, 64))) if values else 0
