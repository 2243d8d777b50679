"""What a site knows as its own: a file of lines that `hunter plan --known FILE` takes. It settles the questions of a plan.

A line of the file is a whole line (of sudoers, a key file), a public key (`ssh-ed25519 AAAA… comment`: the key itself counts, whatever its
options and comment are), or the name of an account. Empty lines and lines that begin with `#` say nothing.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from hunter.plan.model import RemovalTarget
from hunter.plan.yaml_text import MAX_BYTES
from hunter.unsafe import UnsafeError
from scout.console import WRONG_USE, Complaint

_KEY = re.compile(rb"(?<![A-Za-z0-9+/=])(AAAA[A-Za-z0-9+/]{16,}={0,2})(?![A-Za-z0-9+/=])")


class KnownThings:
    """The lines and keys of a file."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = {b" ".join(line.split()) for line in lines}
        self._keys = {key for line in lines for key in _keys(line)}

    def has(self, target: RemovalTarget) -> bool:
        """Return whether the target of an action is known: its line, or every key in it."""
        line = target.line or target.name.encode("utf-8", "surrogateescape")
        keys = _keys(line)
        return b" ".join(line.split()) in self._lines or (bool(keys) and all(key in self._keys for key in keys))

    def names(self, account: str) -> bool:
        """Return whether an account is known. Windows compares names without case."""
        return account.casefold().encode("utf-8", "surrogateescape") in {line.lower() for line in self._lines}


def read(path: Path) -> KnownThings:
    """Read a list of what is known. Complaint (code 2) where it cannot be read."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise UnsafeError(f"it is larger than {MAX_BYTES >> 20} MiB")
    except (OSError, UnsafeError) as e:
        why, do = getattr(e, "strerror", "") or e, "Give a file with one known key, line or account name in each line."
        raise Complaint(f"{path} cannot be read: {why}.", do, WRONG_USE) from e
    return KnownThings([line for line in raw.splitlines() if line.strip() and not line.lstrip().startswith(b"#")])


def _keys(line: bytes) -> list[bytes]:
    """Return the public keys of a line, decoded, so that padding does not count. Source: RFC 4253, 6.6."""
    found = []
    for word in _KEY.findall(line):
        raw = word.rstrip(b"=")
        try:
            found.append(base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True))
        except ValueError:
            continue
    return found
