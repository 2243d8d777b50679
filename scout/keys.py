"""Keys: make the analyst's key pair, load recipients and identities (age and ssh keys)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scout.console import WRONG_USE, Complaint

MAX_KEY_FILE = 1 << 20


def keygen(path: str | Path) -> str:
    """Write a new age key pair to `path` (mode 0600 from the first byte; an existing file is never overwritten); return the public key,
    `age1…`.
    """
    from pyrage import x25519

    path = Path(path)
    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    text = f"# created: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n# public key: {public}\n{identity}\n"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError:
        raise Complaint(f"{path} exists already.", "A key is never overwritten: give another name with -o.", WRONG_USE) from None
    except OSError as e:
        raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give a place that can be written with -o.") from e
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return public


def load_identities(path: str | Path) -> list[Any]:
    """Return the secret keys of an age key file, or an ssh private key without passphrase. Complaint where there is none."""
    from pyrage import IdentityError, ssh, x25519

    data = _content(path, "key")
    if data.startswith(b"age-encryption.org/v1") and b"\n-> scrypt " not in data[:200]:
        raise Complaint(f"{path} is an archive, not a key.", "Give the secret key with -i key.txt.", WRONG_USE)
    if data.startswith((b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE")):
        raise Complaint(
            f"{path} is protected by a passphrase.", f"Decrypt it to a place in memory first: age -d {path} > /dev/shm/key.txt", WRONG_USE
        )
    if b"PRIVATE KEY-----" in data[:200]:
        try:
            return [ssh.Identity.from_buffer(data)]
        except (IdentityError, ValueError) as e:
            if "decrypted" in str(e):
                raise Complaint(
                    f"{path} is protected by a passphrase.", "Make a copy without one: ssh-keygen -p -N '' -f COPY", WRONG_USE
                ) from None
            raise Complaint(
                f"{path} is no ssh key that opens archives: {e}.", "Use an ed25519 or RSA key, or an age key (scout keygen).", WRONG_USE
            ) from None
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith(("age1", "ssh-")):
            raise Complaint(
                f"{path}, line {number}: that is a public key; it cannot open anything.",
                "Give the file with AGE-SECRET-KEY-… (scout keygen wrote it).",
                WRONG_USE,
            )
        try:
            found.append(x25519.Identity.from_str(text))
        except (IdentityError, ValueError):
            raise Complaint(
                f"{path}, line {number}: no age secret key.",
                "Give the file that scout keygen or age-keygen wrote, or an ssh private key.",
                WRONG_USE,
            ) from None
    if not found:
        raise Complaint(f"{path} holds no key.", "Give the file that scout keygen or age-keygen wrote, or an ssh private key.", WRONG_USE)
    return found


def recipients_of(path: str | Path) -> list[str]:
    """Return the public keys (`age1…`) of the secret keys in an age key file."""
    return [str(identity.to_public()) for identity in load_identities(path)]


def load_recipients(given: Iterable[str | Path]) -> tuple[list[Any], list[str]]:
    """Return recipients for the writer, and as text for collection.json. Given are `age1…`, `ssh-ed25519 …`, `ssh-rsa …`, or files with
    one per
    line.
    """
    keys, texts = [], []
    for value in given:
        for text, where in _lines(value):
            keys.append(_recipient(text, where))
            texts.append(text)
    if not keys:
        raise Complaint(
            "No recipient was given.",
            "Give the public key of those who may read the archive: -r age1… (scout keygen makes one).",
            WRONG_USE,
        )
    return keys, texts


def _lines(value: str | Path) -> list[tuple[str, str]]:
    text = str(value).strip()
    if isinstance(value, str) and text.startswith(("age1", "ssh-")):
        return [(text, f"recipient {text[:20]}…")]
    if isinstance(value, str) and text.startswith("AGE-SECRET-KEY-"):
        raise Complaint(
            "A secret key was given as recipient.",
            "It must not be on this host. Give the public key (age1…), and make a new pair: this one was shown.",
            WRONG_USE,
        )
    data = _content(value, "recipient")
    if b"AGE-SECRET-KEY-" in data or b"PRIVATE KEY-----" in data:
        raise Complaint(f"{value} holds a secret key.", "It must not be on this host. Give the public key (age1…).", WRONG_USE)
    lines = [(line.strip(), f"{value}, line {n}") for n, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1)]
    return [(line, where) for line, where in lines if line and not line.startswith("#")]


def _recipient(text: str, where: str) -> Any:
    from pyrage import RecipientError, ssh, x25519

    try:
        return x25519.Recipient.from_str(text) if text.startswith("age1") else ssh.Recipient.from_str(text)
    except (RecipientError, ValueError):
        raise Complaint(
            f"{where}: no public key that can be used.", "Give age1…, ssh-ed25519 … or ssh-rsa …, whole and on one line.", WRONG_USE
        ) from None


def _content(path: str | Path, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_KEY_FILE)
    except OSError as e:
        raise Complaint(
            f"The {what} file {path} cannot be read: {e.strerror}.", "See scout keygen for a new key pair.", WRONG_USE
        ) from None
