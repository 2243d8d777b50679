"""The head of a journal's chain, in a file of its own (`PLAN.journal.head`): a journal that lost its last lines is seen before any write.

Two slots of 512 bytes are written in turn, so that a crash leaves one of them complete. A slot is JSON, padded with blanks, LF at its end:

    {"lines": 12, "sha256": "<hash of line 12>", "mac": "<HMAC-SHA256 under the run key>"}

The journal is synced before its head, so it may have one line more than the head says, never fewer. While the run key exists (until `hunter
close`), a head whose MAC does not fit was not written by HUNTER. Without the run key, number and hash alone are compared.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from pathlib import Path

from hunter.private import OPEN
from scout.console import WRONG_USE, Complaint

_SLOT = 512
_HASH = re.compile("[0-9a-f]{64}")


class ChainHead:
    """The head file beside a journal.

    key      the bytes of the run key, b'' where there is none (any more)
    verify   compare MACs; a recipient's key opens what a run key that was replaced does not, so then they are not compared
    """

    def __init__(self, path: Path, key: bytes, *, verify: bool = True) -> None:
        self.path, self._key, self._verify = path, key, verify

    def use(self, key: bytes) -> None:
        """Write the next heads under this run key; b'' after the key was deleted."""
        self._key = key

    def write(self, lines: int, digest: str) -> None:
        """Store the head, on the disk when this returns. OSError where it cannot be written."""
        raw = self._raw(lines, digest)
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | OPEN, 0o600)
        try:
            os.lseek(fd, lines % 2 * _SLOT, os.SEEK_SET)
            os.write(fd, raw)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _raw(self, lines: int, digest: str) -> bytes:
        slot = {"lines": lines, "sha256": digest, "mac": self._mac(lines, digest)}
        return json.dumps(slot).encode().ljust(_SLOT - 1) + b"\n"

    def check(self, hashes: list[str], journal: Path, *, closed: bool) -> None:
        """Complaint unless the journal has all lines that the head knows.

        hashes   of the lines, the first is that of no line
        closed   the last line says that the run key was deleted: that head has no MAC
        """
        if not self.path.exists():
            if len(hashes) > 1:
                raise Complaint(
                    f"{self.path} is missing: it says how many lines {journal.name} must have. Nothing was done.",
                    f"Put it back beside the journal, or copy all files of the run: {journal.name.removesuffix('.journal.jsonl')}*",
                    WRONG_USE,
                )
            return
        raw = self._read()
        if len(hashes) == 1 and _begun(raw, self._raw(0, hashes[0])):
            return  # the power failed while the first head was written, before the first line
        known = self._newest(raw, closed=closed)
        if known is None:
            raise Complaint(
                f"{self.path} was not written by this run: its form or its MAC does not fit. Nothing was done.",
                "Use an untouched copy of journal, head and run key, or give the key of a recipient: hunter undo … -i key.txt",
            )
        lines, digest = known
        if len(hashes) - 1 < lines:
            raise Complaint(
                f"{journal} has {len(hashes) - 1} of at least {lines} lines: its end is missing. Nothing was done.",
                "Use the whole journal. A copy that was cut short does not say what was changed on the host.",
                WRONG_USE,
            )
        if hashes[lines] != digest or len(hashes) - 1 > lines + 1:
            raise Complaint(
                f"{journal} is not the journal that {self.path.name} belongs to: it was changed after it was written. Nothing was done.",
                "Use an untouched copy of both.",
                WRONG_USE,
            )

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as e:
            raise Complaint(f"{self.path} cannot be read: {e.strerror}.", "Give it back to who runs HUNTER.", WRONG_USE) from e

    def _newest(self, raw: bytes, *, closed: bool) -> tuple[int, str] | None:
        """Return (lines, hash) of the newest valid slot."""
        found = [slot for at in (0, _SLOT) if (slot := self._slot(raw[at : at + _SLOT], closed=closed)) is not None]
        return max(found, default=None)

    def _slot(self, raw: bytes, *, closed: bool) -> tuple[int, str] | None:
        parsed = _parsed(raw)
        if parsed is None:
            return None
        lines, digest, mac = parsed
        signed = self._verify and self._key and not (closed and not mac)
        if signed and not hmac.compare_digest(mac.encode(), self._mac(lines, digest).encode()):
            return None
        return lines, digest

    def _mac(self, lines: int, digest: str) -> str:
        if not self._key:
            return ""
        return hmac.new(hashlib.sha256(b"escadre journal head\0" + self._key).digest(), f"{lines} {digest}".encode(), "sha256").hexdigest()


def _begun(raw: bytes, slot: bytes) -> bool:
    """Return whether a part of a slot, and nothing else, reached the disk: what did not is missing, or zeros."""
    return len(raw) <= len(slot) and raw != slot and all(there in (0, meant) for there, meant in zip(raw, slot, strict=False))


def _parsed(raw: bytes) -> tuple[int, str, str] | None:
    """Return (lines, hash, MAC) of a slot, None for one that is not complete."""
    try:
        slot = json.loads(raw)
        lines, digest, mac = int(slot["lines"]), str(slot["sha256"]), str(slot["mac"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (lines, digest, mac) if _HASH.fullmatch(digest) and (_HASH.fullmatch(mac) or not mac) else None
