"""Keys and signatures of settings beside an agent, on the analyst's machine."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from scout.agent import ed25519, settings
from scout.agent.settings import bounded
from scout.console import WRONG_USE, Complaint
from scout.formats.json_text import parsed


def new_key(path: Path) -> str:
    """Write a new secret key (hexadecimal, mode 0600); return its public half. An existing file is never overwritten."""
    secret = os.urandom(32)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Complaint(f"{path} exists already.", "Give another file with -k.", WRONG_USE) from None
    with os.fdopen(fd, "w") as file:
        file.write(secret.hex() + "\n")
    return ed25519.public_key(secret).hex()


def sign_file(path: Path, key: Path) -> Path:
    """Check settings, and write their signature beside them (`<path>.sig`, base64). Complaint where they are wrong, or the key is none."""
    try:
        data = bounded(path)
        secret = bytes.fromhex(key.read_text().strip())
        settings.parse(parsed(data), str(path))
    except OSError as e:
        raise Complaint(f"{e.filename}: {e.strerror}.", "Give settings, and the key of scout sign --new with -k.", WRONG_USE) from e
    except ValueError as e:
        raise Complaint(f"{path} or {key} cannot be used: {e}.", "Settings are JSON, a key has 64 hexadecimal digits.", WRONG_USE) from e
    if len(secret) != 32:
        raise Complaint(f"{key} is no key for settings.", "scout sign --new makes one.", WRONG_USE)
    target = Path(f"{path}.sig")
    target.write_text(base64.b64encode(ed25519.sign(secret, data)).decode() + "\n")
    return target
