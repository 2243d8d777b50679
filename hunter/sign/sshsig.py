"""The signature format of OpenSSH, as `ssh-keygen -Y sign` writes it and `ssh-keygen -Y verify` reads it.

Source: OpenSSH, PROTOCOL.sshsig (the blob, what is signed, the armour); RFC 4251, 5 (string, mpint); RFC 8332 (RSA), RFC 5656 (ECDSA).
Keys on a security token (`sk-…`) and certificates are not read here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import textwrap
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

MAX_BYTES = 64 << 10
"""most bytes of a signature file: one of RSA with 16,384 bits has 6 KiB"""
_MAGIC, _VERSION = b"SSHSIG", 1
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_RSA: dict[str, HashAlgorithm] = {"rsa-sha2-256": SHA256(), "rsa-sha2-512": SHA512()}
_CURVES: dict[str, tuple[str, HashAlgorithm]] = {
    "secp256r1": ("ecdsa-sha2-nistp256", SHA256()),
    "secp384r1": ("ecdsa-sha2-nistp384", SHA384()),
    "secp521r1": ("ecdsa-sha2-nistp521", SHA512()),
}
_RSA_BITS = 2048
"""shortest RSA key that counts, in bits"""

SigningKey = Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey


class SignatureError(ValueError):
    """The text is no signature of this format, or it does not fit; the message says why, as a clause."""


@dataclass(frozen=True, slots=True)
class SshSignature:
    """A signature that was read and not yet verified. `key`: the public key as OpenSSH's blob."""

    key: bytes
    namespace: str
    hash_name: str
    algorithm: str
    raw: bytes

    @property
    def key_type(self) -> str:
        """The name of the key's type: `ssh-ed25519`."""
        return _text(_Reader(self.key).string())

    @property
    def fingerprint(self) -> str:
        """The key as `ssh-keygen -l` names it: `SHA256:…`."""
        return fingerprint(self.key)


def fingerprint(key: bytes) -> str:
    """Return `SHA256:<base64 without padding>` of a public key's blob."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def blob_of(key: SigningKey) -> bytes:
    """Return the public half of a key as OpenSSH's blob."""
    return base64.b64decode(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])


def sign(key: SigningKey, message: bytes, namespace: str) -> bytes:
    """Return the armoured signature of a message."""
    signed = _signed(namespace, "sha512", message)
    if isinstance(key, Ed25519PrivateKey):
        name, raw = "ssh-ed25519", key.sign(signed)
    elif isinstance(key, RSAPrivateKey):
        name, raw = "rsa-sha2-512", key.sign(signed, PKCS1v15(), SHA512())
    else:
        name, hashed = _CURVES[key.curve.name]
        raw = b"".join(_string(_mpint(n)) for n in decode_dss_signature(key.sign(signed, ECDSA(hashed))))
    blob = _MAGIC + struct.pack(">I", _VERSION) + _string(blob_of(key)) + _string(namespace.encode()) + _string(b"") + _string(b"sha512")
    blob += _string(_string(name.encode()) + _string(raw))
    lines = textwrap.wrap(base64.b64encode(blob).decode(), 70)
    return b"\n".join([_BEGIN, *(line.encode() for line in lines), _END, b""])


def read(armoured: bytes) -> SshSignature:
    """Return the signature in a file. SignatureError where it has another form."""
    body = armoured.strip()
    if len(armoured) > MAX_BYTES or not body.startswith(_BEGIN) or not body.endswith(_END):
        raise SignatureError("it is no SSH signature")
    try:
        blob = base64.b64decode(b"".join(body[len(_BEGIN) : -len(_END)].split()), validate=True)
    except binascii.Error as e:
        raise SignatureError("it is no SSH signature (bad base64)") from e
    if not blob.startswith(_MAGIC):
        raise SignatureError("it is no SSH signature (no SSHSIG)")
    reader = _Reader(blob[len(_MAGIC) :])
    if (version := reader.number()) != _VERSION:
        raise SignatureError(f"its version {version} is not known")
    key, namespace, _, hash_name, inner = (reader.string() for _ in range(5))
    reader.end()
    parts = _Reader(inner)
    found = SshSignature(key, _text(namespace), _text(hash_name), _text(parts.string()), parts.string())
    parts.end()
    return found


def verify(signature: SshSignature, message: bytes, namespace: str) -> None:
    """Return where the signature is of this message, made for this purpose, with its own key. SignatureError otherwise."""
    if signature.namespace != namespace:
        raise SignatureError(f"it was made for another purpose ({signature.namespace[:60]!r}, not {namespace!r})")
    if signature.hash_name not in _HASHES:
        raise SignatureError(f"its hash {signature.hash_name[:60]!r} is not known")
    signed = _signed(namespace, signature.hash_name, message)
    try:
        key = load_ssh_public_key(signature.key_type.encode() + b" " + base64.b64encode(signature.key))
        if isinstance(key, Ed25519PublicKey) and signature.algorithm == "ssh-ed25519":
            key.verify(signature.raw, signed)
        elif isinstance(key, RSAPublicKey) and signature.algorithm in _RSA and key.key_size >= _RSA_BITS:
            key.verify(signature.raw, signed, PKCS1v15(), _RSA[signature.algorithm])
        elif isinstance(key, EllipticCurvePublicKey) and _CURVES.get(key.curve.name, ("",))[0] == signature.algorithm:
            reader = _Reader(signature.raw)
            r, s = (int.from_bytes(reader.string()) for _ in range(2))
            reader.end()
            key.verify(encode_dss_signature(r, s), signed, ECDSA(_CURVES[key.curve.name][1]))
        else:
            raise SignatureError(f"its key or algorithm ({signature.key_type[:60]}, {signature.algorithm[:60]}) is not accepted")
    except InvalidSignature as e:
        raise SignatureError("it does not fit: the content was changed after it was signed") from e
    except (ValueError, UnsupportedAlgorithm) as e:
        raise e if isinstance(e, SignatureError) else SignatureError("its key cannot be read") from e


def _signed(namespace: str, hash_name: str, message: bytes) -> bytes:
    """Return the bytes over which the key signs."""
    digest = _HASHES[hash_name](message).digest()
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(hash_name.encode()) + _string(digest)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(n: int) -> bytes:
    return n.to_bytes(n.bit_length() // 8 + 1)


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as e:
        raise SignatureError("it is no SSH signature (a name that is no text)") from e


class _Reader:
    """Reads the fields of a blob, in order."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        return int.from_bytes(self._take(4))

    def string(self) -> bytes:
        return self._take(self.number())

    def end(self) -> None:
        if self._at != len(self._data):
            raise SignatureError("it is no SSH signature (bytes at its end)")

    def _take(self, n: int) -> bytes:
        if self._at + n > len(self._data):
            raise SignatureError("it is no SSH signature (it is cut)")
        self._at += n
        return self._data[self._at - n : self._at]
