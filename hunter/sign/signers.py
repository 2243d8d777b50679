"""Who may sign plans: a file of allowed signers in the form of OpenSSH.

Each line has principals, options and a public key. Of the options, `namespaces`, `valid-after` and `valid-before` are read. A line of a
certificate authority allows nobody here, as HUNTER reads no certificates. Source: ssh-keygen(1), ALLOWED SIGNERS.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from hunter.plan.place import guarded
from hunter.plan.sealkey import place
from scout.console import WRONG_USE, Complaint

MAX_BYTES = 1 << 20
_OPTION = re.compile(r'([A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?(?:,|\Z)')
_TIME = re.compile(r"(\d{8})(\d{4})?(\d{2})?(Z?)")
_KEY_TYPES = ("ssh-", "ecdsa-", "sk-")


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line. Times as seconds since 1970 UTC; 0 for none."""

    principals: str
    key: bytes
    namespaces: tuple[str, ...] = ()
    after: float = 0
    before: float = 0

    def why_not(self, namespace: str, now: float) -> str:
        """Return why this line allows nothing for this purpose at this time, '' where it does."""
        if self.namespaces and not any(fnmatchcase(namespace, pattern) for pattern in self.namespaces):
            return f"it may sign {', '.join(self.namespaces)} and not {namespace}"
        if self.after and now < self.after:
            return f"it is not valid before {_told(self.after)}"
        if self.before and now >= self.before:
            return f"it expired at {_told(self.before)}"
        return ""


def default_file() -> Path:
    """Return `escadre/allowed_signers` in the configuration folder of the analyst. RuntimeError without a home."""
    return place().with_name("allowed_signers")


def read(path: Path) -> list[AllowedSigner]:
    """Read the file. Complaint (code 2) where it is missing, where others may write it, and for a line of another form."""
    guarded(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Give a file of allowed signers.", WRONG_USE) from e
    if len(raw) > MAX_BYTES:
        raise Complaint(f"{path} is larger than 1 MiB.", "Give a file of allowed signers (ssh-keygen(1)).", WRONG_USE)
    found = []
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found += list(_line(line.strip()))
            except ValueError as e:
                do = "A line is: NAME ssh-ed25519 AAAA…; see ssh-keygen(1), ALLOWED SIGNERS."
                raise Complaint(f"{path}, line {number}: {e}.", do, WRONG_USE) from e
    return found


def _line(line: str) -> Iterator[AllowedSigner]:
    quoted = re.fullmatch(r'"([^"]*)"\s+(.*)', line)
    principals, rest = (quoted[1], quoted[2]) if quoted else [*line.split(None, 1), "", ""][:2]
    options = ""
    if not rest.startswith(_KEY_TYPES):
        end = _unquoted_blank(rest)
        options, rest = rest[:end], rest[end:].strip()
    words = rest.split()
    if len(words) < 2 or not words[0].startswith(_KEY_TYPES):
        raise ValueError("it has no public key")
    try:
        key = base64.b64decode(words[1], validate=True)
    except ValueError as e:
        raise ValueError("its public key is no base64") from e
    if key[4 : 4 + int.from_bytes(key[:4])] != words[0].encode():
        raise ValueError(f"its public key is not of the type {words[0]}")
    known = dict(_options(options))
    if "cert-authority" in known:
        return
    namespaces = tuple(part for part in known.get("namespaces", "").split(",") if part)
    yield AllowedSigner(principals, key, namespaces, _time(known.get("valid-after", "")), _time(known.get("valid-before", "")))


def _unquoted_blank(text: str) -> int:
    inside = False
    for at, c in enumerate(text):
        if c == '"':
            inside = not inside
        elif c.isspace() and not inside:
            return at
    return len(text)


def _options(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None:
            raise ValueError(f"its options cannot be read ({text[:60]})")
        name = match[1].lower()
        if name not in ("cert-authority", "namespaces", "valid-after", "valid-before"):
            raise ValueError(f"its option {name} is not known")
        yield name, match[2] if match[2] is not None else match[3] or ""
        at = match.end()


def _time(text: str) -> float:
    """Return a time of the file as seconds since 1970 UTC: `YYYYMMDD[HHMM[SS]][Z]`, local time without `Z`; 0 for ''."""
    if not text:
        return 0
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        moment = datetime.strptime(f"{match[1]}{match[2] or '0000'}{match[3] or '00'}", "%Y%m%d%H%M%S")  # noqa: DTZ007  (local time)
    except ValueError as e:
        raise ValueError(f"its time {text[:30]} is not YYYYMMDD[HHMM[SS]][Z]") from e
    return (moment.replace(tzinfo=UTC) if match[4] else moment.astimezone()).timestamp()


def _told(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"
