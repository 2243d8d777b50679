"""Credentials from a file, the environment or a prompt: never from the command line, never in a message."""

from __future__ import annotations

import base64
import codecs
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from scout.console import WRONG_USE, Complaint

API_KEY, PASSWORD = "ESCADRE_ES_API_KEY", "ESCADRE_ES_PASSWORD"
PROMPT = Path("-")
"""In place of a file: ask for it."""


def credentials(api_key_file: Path | None = None, user: str | None = None, password_file: Path | None = None) -> dict[str, Any]:
    """Return `api_key` or `basic_auth` for a client; nothing where none were given. Raises Complaint."""
    if user is not None:
        # encoded here: the client takes no password outside ASCII, the server reads UTF-8
        return {"basic_auth": base64.b64encode(f"{user}:{_password(user, password_file)}".encode()).decode()}
    key = secret(api_key_file, "API key") if api_key_file else os.environ.get(API_KEY, "").strip()
    if not key:
        return {}
    name, colon, rest = for_header(key, "API key").partition(":")
    return {"api_key": (name, rest) if colon else key}


def for_header(key: str, what: str) -> str:
    """Return a key or token that goes into a header as it is. Raises Complaint for one with characters that a header cannot have."""
    if not key.isascii() or not key.isprintable():
        raise Complaint(f"the {what} has characters that none has.", "It is one line of letters, digits and signs of ASCII.", WRONG_USE)
    return key


def _password(user: str, file: Path | None) -> str:
    if file:
        return secret(file, f"password of {user}")
    given = os.environ.get(PASSWORD)
    if given is None and sys.stdin.isatty():
        given = getpass.getpass(f"Password of {user}: ")
    if given is None:
        raise Complaint(f"no password for {user}.", f"Set {PASSWORD}, or give --password-file.", WRONG_USE)
    return given


def _text(content: bytes) -> str:
    """Return a text as editors and shells write it: UTF-8, with a mark or without, or UTF-16 with one (`>` in PowerShell)."""
    return content.decode("utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def secret(file: Path, what: str) -> str:
    """Return the secret in a file, or ask for it where the file is `-`. Raises Complaint."""
    if file == PROMPT:
        return getpass.getpass(f"{what[:1].upper()}{what[1:]}: ").strip()
    try:
        found = _text(file.read_bytes()).strip()
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) else "it is no text"
        raise Complaint(f"{file} does not read: {why}.", f"Give a file with the {what} in it.", WRONG_USE) from e
    if not found or "\n" in found:
        raise Complaint(f"{file} has no {what}: one line is expected.", "", WRONG_USE)
    return found
