"""Recognise secret material by its form, whatever the file is called: private keys and password hashes. Such a file is listed, never taken.

A file counts as a private key where it holds nothing but keys, certificates and the remarks that tools write around them. A file with other
lines too (a cron file, a script with a key in it) is evidence and is taken: otherwise a key pasted into it would hide it.

Sources: RFC 7468 (PEM), openssl-pkcs12(1) ("Bag Attributes"), RFC 5958 (PKCS #8), openssh PROTOCOL.key, shadow(5), gshadow(5),
pam_pwhistory(8) (opasswd), crypt(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

MAX_FILE = 4 << 20
"""bytes up to which a file of certificates is read to its end, to see whether it also holds a key"""
_MARKS = (
    (re.compile(rb"\s*-----BEGIN [A-Z0-9 ]*PRIVATE KEY"), "a private key"),
    (re.compile(rb"\s*PuTTY-User-Key-File-"), "a private key"),
    (re.compile(rb"\s*(?:#[^\n]*\n\s*){0,8}AGE-SECRET-KEY-"), "a private key"),
    (re.compile(rb"\x30\x82..\x02\x01\x00\x30[\x05-\x1f]\x06", re.DOTALL), "a private key (PKCS #8)"),
    (re.compile(rb"\x30\x82..\x02\x01\x00\x02\x82", re.DOTALL), "a private key (PKCS #1)"),
    (re.compile(rb"\xfe\xed\xfe\xed\x00\x00\x00[\x01\x02]"), "a Java key store"),
)
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
_SHADOW = (
    re.compile(rb"[^:\s]{1,64}:(?:!{0,2}(?P<hash>" + _HASH + rb"|" + _DES + rb")|" + _NONE + rb"):(?:[0-9-]{0,10}:){6}[^:]{0,20}\s*"),
    re.compile(rb"[^:\s]{1,64}:(?:!{0,2}(?P<hash>" + _HASH + rb")|" + _NONE + rb"):[^:]*:[^:]*\s*"),
    re.compile(rb"[^:\s]{1,64}:[0-9]{1,10}:[0-9]{1,5}:(?P<hash>" + _HASH + rb")[^:]*\s*"),
)
"""lines of shadow (nine fields), gshadow and opasswd (four)"""


def found(head: bytes, more: Callable[[], bytes], size: int) -> str:
    """Return what secret a file is, in a few words; '' where it is none.

    `head` is the beginning of the file, `size` its bytes, `more()` returns its first `MAX_FILE` bytes: called for a file of certificates
    that goes on behind `head`.
    """
    text = _plain(head)
    for form, what in _MARKS:
        if form.match(text):
            return what
    if text[:5] == b"-----" or _REMARK.fullmatch(text.partition(b"\n")[0]):
        held = _pem(text, cut=size > len(head))
        if held is None and size > len(head):
            held = _pem(_plain(more()), cut=size > MAX_FILE)
        if held:
            return "a private key among certificates"
    return "password hashes" if _shadow(text, cut=size > len(head)) else ""


def _plain(data: bytes) -> bytes:
    """Return the data without byte order mark, UTF-16 as UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")


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


def _shadow(text: bytes, *, cut: bool) -> bool:
    """Return whether every line is one of shadow, gshadow or opasswd, and one of them has a hash."""
    hashes = 0
    for line in _lines(text, cut=cut):
        if not line.strip() or line.startswith(b"#"):
            continue
        matched = next((found for form in _SHADOW if (found := form.fullmatch(line))), None)
        if matched is None:
            return False
        hashes += matched["hash"] is not None
    return hashes > 0


def _lines(text: bytes, *, cut: bool) -> Iterator[bytes]:
    """Yield the lines one after the other: nearly every file is judged by its first. The last is left out where the text is cut."""
    at = 0
    while (end := text.find(b"\n", at)) >= 0:
        yield text[at:end]
        at = end + 1
    if not cut:
        yield text[at:]
