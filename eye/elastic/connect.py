"""A client for the server that the user named: credentials from a file, the environment or a prompt, certificates always checked."""

from __future__ import annotations

import getpass
import os
import ssl
import sys
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch, TransportError, UnsupportedProductError

from scout.console import COULD_NOT, WRONG_USE, Complaint


def connect(url: str, *, api_key_file: Path | None = None, user: str | None = None, ca: Path | None = None) -> Elasticsearch:
    """Return an open client whose server answered. Raises Complaint with one line that describes what is there instead."""
    if not url.startswith(("http://", "https://")):
        raise Complaint(f"{url} is no address.", "Write https://host:9200.", WRONG_USE)
    options: dict[str, Any] = {"request_timeout": 60, "retry_on_timeout": False, "max_retries": 0}
    if url.startswith("https://") and ca:
        _check_authority(ca)
        options["ca_certs"] = str(ca)
    options |= _credentials(api_key_file, user)
    try:
        client = Elasticsearch(url, **options)
        client.info()
    except (AuthenticationException, AuthorizationException) as e:
        raise Complaint(f"{url} does not let us in ({e.status_code}).", "Give --api-key-file or --user.", COULD_NOT) from e
    except UnsupportedProductError as e:
        raise Complaint(f"{url} is no Elasticsearch.", "Give the address of an Elasticsearch 9.", COULD_NOT) from e
    except TransportError as e:
        reason = str(e.args[0] if e.args else e).split("\n")[0][:200]
        raise Complaint(
            f"no Elasticsearch answers at {url}: {reason}.", "Check the address, the port, and whether it is http or https.", COULD_NOT
        ) from e
    except ApiError as e:
        raise Complaint(f"{url} answers {e.status_code}.", "Look at the server's log.", COULD_NOT) from e
    except ValueError as e:
        raise Complaint(f"{url} is no address: {e}.", "Write https://host:9200.", WRONG_USE) from e
    return client


def _check_authority(ca: Path) -> None:
    """Raises Complaint where the file holds no certificate, which the client would lay at the server's door."""
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as e:  # SSLError is one
        why = "no certificate is in it" if isinstance(e, ssl.SSLError) else e.strerror
        raise Complaint(f"{ca} does not read: {why}.", "Give --ca the certificate of the authority, as PEM.", WRONG_USE) from e


def _credentials(api_key_file: Path | None, user: str | None) -> dict[str, Any]:
    key = os.environ.get("ESCADRE_ES_API_KEY", "")
    if api_key_file:
        try:
            key = api_key_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as e:
            why = e.strerror if isinstance(e, OSError) else "it is no text"
            raise Complaint(f"{api_key_file} does not read: {why}.", "Give a file with the API key in it.", WRONG_USE) from e
    if key and not user:
        name, colon, secret = key.partition(":")
        return {"api_key": (name, secret) if colon else key}
    if user:
        password = os.environ.get("ESCADRE_ES_PASSWORD")
        if password is None and sys.stdin.isatty():
            password = getpass.getpass(f"Password of {user}: ")
        if password is None:
            raise Complaint(f"no password for {user}.", "Set ESCADRE_ES_PASSWORD.", WRONG_USE)
        return {"basic_auth": (user, password)}
    return {}
