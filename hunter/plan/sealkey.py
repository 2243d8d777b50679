"""The key with which an analyst seals plans, so that nobody else can renew a seal.

The key is one file in the analyst's configuration folder: 32 random bytes as hexadecimal digits, mode 0600. `hunter plan` and `hunter check
--seal` make it where it is missing. Where it is present, every command demands its MAC on a plan.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from hunter.private import write_private
from scout.console import WRONG_USE, Complaint

_BYTES = 32
_PURPOSE = b"escadre plan seal 1\n"


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key of an analyst. `new`: this run has made it."""

    path: Path
    secret: bytes
    new: bool = False

    @property
    def id(self) -> str:
        """Return the name of the key in a seal: 8 hexadecimal digits that do not reveal it."""
        return hmac.digest(self.secret, _PURPOSE + b"id", hashlib.sha256).hex()[:8]

    def mac(self, content: bytes) -> str:
        """Return the HMAC-SHA256 of the canonical content of a plan."""
        return hmac.digest(self.secret, _PURPOSE + content, hashlib.sha256).hex()


def place() -> Path:
    """Return the path of the key: `escadre/seal.key` in `$XDG_CONFIG_HOME`, `~/.config` or `%APPDATA%`. RuntimeError without a home."""
    folder = Path(os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", ""))
    return (folder if folder.is_absolute() else Path.home() / ".config") / "escadre" / "seal.key"


def present(given: Path | None = None) -> SealKey | None:
    """Return the key in the file `given`, else the analyst's own, None where there is none.

    Complaint (code 2) where the file given is missing, where others may read it, and where it is no key.
    """
    try:
        path = given or place()
        with path.open("rb") as stream:
            status, raw = os.fstat(stream.fileno()), stream.read(4 * _BYTES)
    except (FileNotFoundError, NotADirectoryError, RuntimeError) as e:
        if given is None:
            return None
        raise Complaint(f"{given} is not there.", "Give the seal.key of the analyst who sealed the plan.", WRONG_USE) from e
    except OSError as e:
        raise Complaint(f"The seal key {path} cannot be read: {e.strerror}.", "Run hunter as the user who owns it.", WRONG_USE) from e
    if os.name != "nt" and stat.S_IMODE(status.st_mode) & 0o077:
        do = f"Seal with a new key: rm {path}, read the plan, then hunter check PLAN --seal."
        raise Complaint(f"Others can read the seal key {path} (mode {stat.S_IMODE(status.st_mode):04o}).", do, WRONG_USE)
    try:
        secret = bytes.fromhex(raw.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        do = "Delete it; hunter check PLAN --seal makes a new one."
        raise Complaint(f"{path} is no seal key: it must hold {2 * _BYTES} hexadecimal digits.", do, WRONG_USE)
    return SealKey(path, secret)


def ready() -> SealKey | None:
    """Return the analyst's own key, a new one where there was none; None where the configuration folder cannot be written."""
    if key := present():
        return key
    try:
        path, secret = place(), secrets.token_bytes(_BYTES)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, f"{secret.hex()}\n".encode())
    except FileExistsError:  # another run was faster
        return present()
    except (OSError, RuntimeError):
        return None
    return SealKey(path, secret, new=True)
