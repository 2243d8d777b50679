"""The address of a server that the user named, and how its certificate is checked."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scout.console import WRONG_USE, Complaint


def check_address(url: str) -> None:
    """Raises Complaint for text that is no address, and for one with credentials in it, which would end up in histories and logs."""
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname
        port = parts.port
    except ValueError:
        wrong, port, parts = True, None, urlsplit("")
    if wrong:
        raise Complaint(f"{url} is no address.", "Write https://host:9200.", WRONG_USE)
    if parts.username or parts.password:
        shown = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}"
        raise Complaint(f"the address of {shown} has credentials in it.", "Leave them out; give --user or --api-key-file.", WRONG_USE)


def verification(ca: Path | None, fingerprint: str) -> dict[str, Any]:
    """Return the options by which a client checks the certificate. Raises Complaint."""
    if fingerprint:
        plain = fingerprint.replace(":", "").lower()
        if not re.fullmatch(r"[0-9a-f]{64}", plain):
            raise Complaint("--fingerprint is no SHA-256 of a certificate.", "openssl x509 -noout -fingerprint -sha256 -in CERT", WRONG_USE)
        return {"ssl_assert_fingerprint": plain}
    if ca:
        check_authority(ca)
        return {"ca_certs": str(ca)}
    return {}


def check_authority(ca: Path) -> None:
    """Raises Complaint where the file holds no certificate, which the client would report as an error of the server."""
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as e:  # SSLError is one
        why = "no certificate is in it" if isinstance(e, ssl.SSLError) else e.strerror
        raise Complaint(f"{ca} does not read: {why}.", "Give --ca the certificate of the authority, as PEM.", WRONG_USE) from e
