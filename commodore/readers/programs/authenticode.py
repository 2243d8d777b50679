"""Authenticode: the digest of a file, and the verdict on a signature.

Verdicts: `valid`, `invalid` (the file or the signature was changed), `expired`, `untrusted root`, `unknown`. A file without a signature
of its own is `unknown`: a catalog may sign it. Whether a certificate was revoked is not asked, and each valid verdict says so.

Source: Windows Authenticode Portable Executable Signature Format, Microsoft; WinVerifyTrust, Microsoft Learn.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from commodore.readers.programs import certificates as x509
from commodore.readers.programs import cms, der
from commodore.readers.programs.bytesview import unpack
from commodore.readers.programs.certificates import Roots, UnsupportedError
from commodore.readers.programs.cms import SignedData
from commodore.readers.programs.der import DerError
from commodore.readers.programs.pe_image import SECURITY, PeImage

INDIRECT = "1.3.6.1.4.1.311.2.1.4"
LARGEST = 8 << 20
"""bytes of a signature; the largest of Windows have some hundred kB"""
NO_REVOCATION = "revocation was not checked"


class Signature(NamedTuple):
    """What is known of a signature. `reason` is for a person; `signer` and `issuer` are names, `time` is the verified time stamp."""

    exists: bool
    verdict: str = "unknown"
    reason: str = ""
    signer: str = ""
    issuer: str = ""
    chain: tuple[str, ...] = ()
    thumbprint: str = ""
    algorithm: str = ""
    time: str = ""

    @property
    def good(self) -> bool:
        """Return whether the file is as its signer left it, and Windows trusts the signer."""
        return self.verdict == "valid"


def digest(image: PeImage, algorithm: str) -> str:
    """Return the Authenticode digest of a PE file, hexadecimal: all but checksum, entry of the signature, and signature."""
    data = image.data
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    view = memoryview(data)
    hasher.update(view[: image.checksum_at])
    start, size = image.directory(SECURITY)
    if not image.security_at:
        hasher.update(view[image.checksum_at + 4 :])
        start = len(data)
    else:
        hasher.update(view[image.checksum_at + 4 : image.security_at])
        begin = image.security_at + 8
        start = start if size and begin <= start < len(data) else len(data)
        hasher.update(view[begin:start])
        hasher.update(view[min(start + size, len(data)) :] if start < len(data) else b"")
    if start == len(data):
        hasher.update(bytes(-len(data) % 8))
    return hasher.hexdigest()


def embedded(image: PeImage, collected: str, roots: Roots) -> Signature:
    """Return the signature in a PE file; `collected`: RFC 3339 time of the collection, '' where it is not known."""
    start, size = image.directory(SECURITY)
    if not start or not size:
        return Signature(False, reason="the file has no signature of its own; a catalog may sign it")
    head = unpack(image.data, start, "<IHH")
    if head is None or not 8 < head[0] <= size + 7 or start + head[0] > len(image.data):
        return Signature(True, "invalid", "the place of the signature is outside the file")
    if head[0] > LARGEST:
        return Signature(True, reason=f"the signature has {head[0]} bytes, more than are read")
    if head[2] != 2:
        return Signature(True, reason=f"the signature is of a kind ({head[2]}) that is not read")
    return verdict(image.data[start + 8 : start + head[0]], INDIRECT, collected, roots, image)


def verdict(raw: bytes, kind: str, collected: str, roots: Roots, image: PeImage | None = None) -> Signature:
    """Return the verdict on a signature (a ContentInfo). With `image` the signed digest must be that of the file."""
    try:
        data = cms.signed_data(raw)
        found = data.certificate(data.signer)
        about = Signature(
            True,
            signer=found.name if found else "",
            issuer=x509.common_name(found.issuer if found else data.signer.issuer),
            thumbprint=found.sha256 if found else "",
            algorithm=data.signer.digest,
        )
    except (DerError, StopIteration) as e:
        return Signature(True, "invalid", f"the signature cannot be read: {e or 'an element is missing'}")
    try:
        return _judged(data, about, kind, collected, roots, image)
    except UnsupportedError as e:
        return about._replace(reason=str(e))
    except (DerError, StopIteration) as e:
        return about._replace(verdict="invalid", reason=f"the signature cannot be read: {e or 'an element is missing'}")


def _judged(data: SignedData, about: Signature, kind: str, collected: str, roots: Roots, image: PeImage | None) -> Signature:
    if data.kind != kind:
        return about._replace(verdict="invalid", reason=f"the signature is over other content ({data.kind})")
    if image is not None and (problem := _differs(data, image)):
        return about._replace(verdict="invalid", reason=problem)
    certificate, problem = cms.check(data, data.signer, data.content)
    if certificate is None or problem:
        return about._replace(verdict="invalid", reason=problem)
    stamp = cms.time_stamp(data, roots)
    if stamp.time and x509.LIFETIME_SIGNING in certificate.purposes:
        stamp = cms.TimeStamp(None, "the certificate ends its signatures with itself, whatever the time stamp")
    now = _time(collected)
    when = stamp.time or now
    chain = x509.chain(certificate, data.certificates, x509.CODE_SIGNING, when or certificate.begins, roots)
    about = about._replace(chain=chain.names, time=f"{stamp.time:%Y-%m-%dT%H:%M:%SZ}" if stamp.time else "")
    note = f"; {stamp.problem}" if stamp.problem else ""
    if chain.kind != "trusted":
        word = "unknown" if chain.kind == "incomplete" else chain.kind
        return about._replace(verdict=word, reason=chain.reason + note)
    if when is None:
        return about._replace(reason=f"no time stamp{note}, and the time of the collection is not known: the certificate may have expired")
    if outside := chain.outside(when):
        word = "was not valid yet" if when < outside.begins else f"expired on {outside.ends:%Y-%m-%d}"
        how = "no time stamp" if not note else note[2:]
        return about._replace(verdict="expired", reason=f"the certificate of {outside.name} {word}, and the signature has {how}")
    more = cms.nested(data)
    note += f"; {more} more signature{'s' if more > 1 else ''} within this one not checked" if more else ""
    return about._replace(verdict="valid", reason=f"signed by {about.signer}; {NO_REVOCATION}{note}")


def _differs(data: SignedData, image: PeImage) -> str:
    """Return why the signed digest is not that of the file, '' where it is."""
    found = list(der.children(der.within(data.content), 8))
    if len(found) < 2:
        raise DerError("no digest of a file")
    algorithm, value = der.parts(found[1], der.SEQUENCE, der.OCTETS)[:2]
    name = x509.digest_name(der.oid(next(der.children(algorithm))))
    if not name:
        raise UnsupportedError("the digest algorithm is not supported")
    if digest(image, name) != value.content.hex():
        return "the file is not the one that was signed: its digest differs"
    return ""


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
