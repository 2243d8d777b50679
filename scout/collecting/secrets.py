"""Recognise secrets by their form, whatever the file is called: keys, password hashes, credentials. Such a file is listed, never taken.

A file counts as a private key where it holds nothing but keys, certificates and the remarks that tools write around them. A file with other
lines too (a cron file, a script with a key in it) is evidence and is taken: otherwise a key pasted into it would hide it.

Sources: RFC 7468 (PEM), openssl-pkcs12(1) ("Bag Attributes"), RFC 5958 (PKCS #8), RFC 8017 (PKCS #1), RFC 5915 (SEC 1), RFC 7292, openssh
PROTOCOL.key, RFC 4880 4.2 and 5.5.3 (OpenPGP), gnupg keyformat.txt, KeePass "KDBX File Format", MIT Kerberos "Keytab file format" and
"Credential cache file format", wg(8), RFC 7517 (JWK), shadow(5), gshadow(5), pam_pwhistory(8) (opasswd), crypt(5), htpasswd(1),
smbpasswd(5), netrc(5), PostgreSQL "The Password File", git-credential-store(1).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

MAX_FILE = 4 << 20
"""bytes up to which a file of certificates is read to its end, to see whether it also holds a key"""
_DER = rb"\x30(?:[\x02-\x7f]|\x80|\x81.|\x82..|\x83...)"
"""a sequence and its length, in one of the forms of X.690"""
_MARKS = (
    (rb"\s*-{4,5} ?BEGIN [A-Z0-9 ]*PRIVATE KEY", "a private key"),
    (rb"\s*PuTTY-User-Key-File-|SSH PRIVATE KEY FILE FORMAT", "a private key"),
    (rb"(?i:\s*(?:#[^\n]*\n\s*){0,64}AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9-]{1,40})-1)", "a private key"),
    (_DER + rb"\x02\x01[\x00\x01]\x30[\x05-\x1f]\x06", "a private key (PKCS #8)"),
    (_DER + _DER + rb"\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01)", "a private key (PKCS #8)"),
    (_DER + rb"\x02\x01\x00\x02(?:[\x20-\x7f]|\x81|\x82)", "a private key (PKCS #1)"),
    (_DER + rb"\x02\x01\x01\x04[\x14-\x42].{20,66}?\xa0", "a private key (SEC 1)"),
    (_DER + rb"\x02\x01\x03" + _DER + rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07", "a key store (PKCS #12)"),
    (rb"(?:\xfe\xed\xfe\xed|\xce\xce\xce\xce)\x00\x00\x00[\x01\x02]", "a Java key store"),
    (rb"\x03\xd9\xa2\x9a[\x65-\x67]\xfb\x4b\xb5", "a password store (KeePass)"),
    (rb"\x05[\x01\x02]\x00\x00[\x00-\x03].\x00[\x01-\x08]\x00", "Kerberos keys"),
    (rb"\x05(?:\x03|\x04\x00[\x00-\x40](?:\x00\x01\x00\x08.{8})?)\x00\x00\x00[\x00-\x0c]\x00\x00\x00", "Kerberos tickets"),
    (rb"(?:[\x94\xc5].|[\x95\xc5]..|\x96....|\xc5\xff....)[\x03-\x06].{4}[\x01-\x03\x10-\x1c]", "a private key (OpenPGP)"),
    (
        rb"(?:[A-Z][A-Za-z-]{0,30}: [^\n]*\n){0,20}(?:Key: )?\((?:\d{1,3}:)?(?:protected-|shadowed-)?private-key[ (]",
        "a private key (GnuPG)",
    ),
    (rb"\x00\x00\x00[\x07\x0b\x13](?:ssh-(?:rsa|dss)|ssh-ed25519\x00\x00\x00\x40|ecdsa-sha2-nistp\d{3})", "a private key (Dropbear)"),
    (rb"\x02\x00{11}(?:[0-9a-fA-F-]\x00){36}", "a master key (DPAPI)"),
    (rb"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\s*\Z", "a private key (WireGuard)"),
)
"""how a file begins that is a key or a store of keys, and what it is"""
_FORMS = tuple((re.compile(form, re.DOTALL), what) for form, what in _MARKS)
_ANY_FORM = re.compile(b"|".join(b"(?:%b)" % form for form, _ in _MARKS), re.DOTALL)
"""one of `_FORMS`: nearly every file is settled by one search"""
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----\s*")
_END = re.compile(rb"-----END [A-Z0-9 ]{1,60}-----\s*")
_BODY = re.compile(rb"[A-Za-z0-9+/=]{1,76}\s*|[A-Za-z-]{1,30}: [^\n]{0,200}|\s*")
_REMARK = re.compile(
    rb"\s*|#[^\n]*|(?:Bag|Key) Attributes(?:: <[A-Za-z ]+>)?\s*|(?:subject|issuer) ?=[^$`\n]*|Certificate:\s*"
    rb"|\s+[A-Za-z0-9][\w .,()/-]{0,80}:[^\n]*|\s+(?:[0-9a-f]{2}:)*[0-9a-f]{2}:?\s*|\s{8,}[A-Za-z][\w ,.()-]{0,200}"
)
"""a line outside of PEM blocks: blank, comment, what `openssl pkcs12` and `openssl x509 -text` write"""
_HASH = rb"\$[0-9a-z]{1,8}\$[^:\s]{8,}"
_DES = rb"_?[A-Za-z0-9./]{13,20}"
_NONE = rb"(?:[!*x]{0,3}|!\*|\*LK\*|\*NP\*|NP)"
_PLAIN = rb"[^\s$`;|&<>()]"
"""a character of a value; none at which a shell that reads the file would begin a command"""
_SHADOW = (
    rb"[^:\s]{1,64}:(?:!{0,2}(?P<secret>" + _HASH + rb"|" + _DES + rb")|" + _NONE + rb"):(?:[0-9-]{0,10}:){6}[^:]{0,20}\s*",
    rb"[^:\s]{1,64}:(?:!{0,2}(?P<secret>" + _HASH + rb")|" + _NONE + rb"):[^:]*:[^:]*\s*",
    rb"[^:\s]{1,64}:[0-9]{1,10}:[0-9]{1,5}:(?P<secret>" + _HASH + rb")[^:]*\s*",
)
"""lines of shadow (nine fields), gshadow and opasswd (four)"""
_LISTS = (
    ("password hashes", _SHADOW),
    ("password hashes", (rb"[^:\s]{1,64}:(?P<secret>\$(?:apr1|[0-9a-z]{1,8})\$[^:\s]{8,}|\{S?SHA\}[A-Za-z0-9+/=]{20,})\s*",)),
    ("password hashes", (rb"[^:\n]{1,256}:[0-9]{1,10}:[0-9A-Fa-f X*]{32}:(?P<secret>[0-9A-Fa-f]{32}):[^\n]*",)),
    (
        "credentials",
        (
            rb"\[[\w .:-]{1,80}\]\s*|(?:region|output|aws_access_key_id)\s*=\s*[\w-]{0,128}\s*",
            rb"aws_(?P<secret>secret_access_key|session_token)\s*=\s*[A-Za-z0-9/+=]{16,4096}\s*",
        ),
    ),
    (
        "credentials",
        (rb"\s*(?:(?:machine|login|account)\s+" + _PLAIN + rb"+\s*|default\s+|(?P<secret>password)\s+" + _PLAIN + rb"+\s*){1,4}",),
    ),
    ("credentials", (rb"[^:\s]{1,255}:(?:[0-9]{1,5}|\*):[^:\s]{1,64}:[^:\s]{1,64}:(?P<secret>" + _PLAIN + rb"{1,200})",)),
    ("credentials", (rb"https?://[^/\s:@]{1,200}:(?P<secret>[^@\s/]{1,400})@" + _PLAIN + rb"{1,300}",)),
)
"""what a list of secrets is, and the forms of its lines: shadow and its like; htpasswd; smbpasswd and pwdump; ~/.aws/credentials, .netrc,
.pgpass, .git-credentials. A line of another form, as one that starts a program, makes the file evidence"""
_SECRETS = tuple((what, tuple(re.compile(form) for form in forms)) for what, forms in _LISTS)
_ANY_LINE = re.compile(b"|".join(b"(?:%b)" % form.replace(b"?P<secret>", b"?:") for _, forms in _LISTS for form in forms))
"""a line of one of these lists"""
_ACCOUNT = re.compile(
    rb'\{(?=[^{}]{0,8000}"type"\s*:\s*"service_account")[^{}]{0,8000}"private_key"\s*:\s*"-----BEGIN|\{(?=[^{}]{0,8000}"kty"\s*:)[^{}]{0,8000}"d"\s*:\s*"'
)
"""a JSON object without others in it: the key of a service account, a JSON Web Key"""
_UNPACKED = 1 << 16
"""bytes of a packed file that are looked at"""


def found(head: bytes, more: Callable[[], bytes], size: int) -> str:
    """Return what secret a file is, in a few words; '' where it is none.

    `head` is the beginning of the file, `size` its bytes, `more()` returns its first `MAX_FILE` bytes: called for a file of certificates
    that goes on behind `head`.
    """
    text = _plain(head)
    if _ANY_FORM.match(text):
        return next(what for form, what in _FORMS if form.match(text))
    if _ACCOUNT.match(text.lstrip()):
        return "a private key (JSON)"
    if text[:5] == b"-----" or _REMARK.fullmatch(text, 0, _line_end(text, 0)):
        held = _pem(text, cut=size > len(head))
        if held is None and size > len(head):
            held = _pem(_plain(more()), cut=size > MAX_FILE)
        if held:
            return "a private key among certificates"
    return _listed(text, cut=size > len(head))


def _plain(data: bytes) -> bytes:
    """Return the beginning of the data unpacked (gzip), without byte order mark, UTF-16 and UTF-32 as UTF-8."""
    if data[:3] == b"\x1f\x8b\x08":
        with suppress(zlib.error):
            data = zlib.decompressobj(31).decompress(data, _UNPACKED)
    if codec := _codec(data):
        return data.decode(codec, "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")


def _codec(data: bytes) -> str:
    """Return how a text of wide characters is written, with a byte order mark or recognised by the zeros of its first letters."""
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    first = data[:32]
    if len(first) == 32 and first.count(0) == 16:
        return "utf-16-le" if not any(first[1::2]) else "utf-16-be" if not any(first[::2]) else ""
    return ""


def _pem(text: bytes, *, cut: bool) -> bool | None:
    """Return whether a text of nothing but PEM blocks and remarks holds a private key; None where it ends before that is known."""
    inside = key = False
    for line in _lines(text, cut=cut):
        if inside:
            inside = not _END.fullmatch(line)
            if inside and not _BODY.fullmatch(line):
                return False
        elif begin := _BEGIN.fullmatch(line):
            inside = True
            key = key or begin[1].endswith(b"PRIVATE KEY")
        elif not _REMARK.fullmatch(line):
            return False
    return key or (None if cut else False)


def _listed(text: bytes, *, cut: bool) -> str:
    """Return what a file of nothing but secrets is: each line has a form of one list, and one of them a secret. '' for none."""
    left = dict.fromkeys(range(len(_SECRETS)), 0)
    for line in _lines(text, cut=cut):
        if not line.strip() or line.startswith(b"#"):
            continue
        if not _ANY_LINE.fullmatch(line):
            return ""
        for number in list(left):
            matched = next((found for form in _SECRETS[number][1] if (found := form.fullmatch(line))), None)
            if matched is None:
                del left[number]
            else:
                left[number] += matched.groupdict().get("secret") is not None
        if not left:
            return ""
    return next((_SECRETS[number][0] for number, secrets in left.items() if secrets), "")


def _line_end(text: bytes, at: int) -> int:
    end = text.find(b"\n", at)
    return len(text) if end < 0 else end


def _lines(text: bytes, *, cut: bool) -> Iterator[bytes]:
    """Yield the lines one after the other: nearly every file is judged by its first. The last is left out where the text is cut."""
    at = 0
    while (end := text.find(b"\n", at)) >= 0:
        yield text[at:end]
        at = end + 1
    if not cut:
        yield text[at:]
