"""Requests to a server that answers in JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import urllib3

from eye.remote import address
from eye.remote.pools import BoundedPools
from eye.remote.unreachable import no_answer
from scout.console import COULD_NOT, Complaint

TIMEOUT = 60.0
"""Seconds that a server may take to answer."""


class JsonServer:
    """One server. `headers` go with every request; `what` is its name in messages."""

    def __init__(self, url: str, what: str, headers: dict[str, str], ca: Path | None = None, fingerprint: str = "") -> None:
        address.check_address(url)
        self.base, self.what = url.rstrip("/"), what
        checks = address.verification(ca, fingerprint) if url.startswith("https://") else {}
        tls: dict[str, Any] = {"ca_certs": checks["ca_certs"]} if "ca_certs" in checks else {}
        if "ssl_assert_fingerprint" in checks:
            tls = {"assert_fingerprint": checks["ssl_assert_fingerprint"], "cert_reqs": "CERT_NONE"}
        self._pool = BoundedPools(timeout=TIMEOUT, retries=False, **tls)
        self._headers = headers

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **content: Any) -> tuple[int, Any]:
        """Return the status and the answer (None where it is no JSON). `content`: `fields`, `body` or `json` of urllib3.

        Raises Complaint where nobody answers, or access is denied.
        """
        try:
            answer = self._pool.request(
                method, self.base + path, headers=self._headers | (headers or {}), redirect=False, preload_content=False, **content
            )
            data = answer.read()
            answer.release_conn()
        except urllib3.exceptions.HTTPError as e:
            timed_out = isinstance(e, urllib3.exceptions.TimeoutError) and not isinstance(e, urllib3.exceptions.NewConnectionError)
            raise no_answer(self.base, str(e)[:300], what=self.what, timed_out=timed_out) from e
        if answer.status in (401, 403):
            raise Complaint(f"{self.base} does not let us in ({answer.status}).", "Look at the account and its rights.", COULD_NOT)
        try:
            return answer.status, orjson.loads(data)
        except orjson.JSONDecodeError:
            return answer.status, None

    def refusal(self, status: int, told: Any) -> Complaint:
        """The complaint about an answer that is none of those that were expected."""
        why = ""
        if isinstance(told, dict):
            why = str(told.get("message") or "; ".join(f"{k}: {v[0] if isinstance(v, list) and v else v}" for k, v in told.items()))
        return Complaint(
            f"{self.base} answers {status}{f': {why}'[:400] if why else ''}.",
            f"Look whether this is the address of {self.what}.",
            COULD_NOT,
        )
