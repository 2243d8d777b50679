"""Saved objects into a running Kibana: `POST /api/saved_objects/_import`, and where asked for its advanced settings.

Sources: Kibana API, "Import saved objects" (multipart field `file`, header `kbn-xsrf`, `overwrite`, `/s/{space_id}` before the path). The
settings have no public API: the request is that of Kibana's own page, and a Kibana that refuses it is set by hand.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import orjson
import urllib3

from eye.elastic import connect, errors
from eye.elastic.credentials import credentials
from eye.kibana.export import SETTINGS, KibanaObjects
from scout.console import COULD_NOT, WRONG_USE, Complaint

TIMEOUT = 60.0


@dataclass
class KibanaImport:
    """Result of an import. `errors`: objects that Kibana refused, with its reason; `settings`: whether it took the settings."""

    imported: int = 0
    errors: list[str] = field(default_factory=list)
    settings: bool = False


class Kibana:
    """A Kibana at an address (with its base path, if it has one) and a space ('' for the default one)."""

    def __init__(self, server: connect.ElasticServer, space: str = "") -> None:
        connect.check_address(server.url)
        if not re.fullmatch(r"[a-z0-9_-]*", space):
            raise Complaint(f"{space} is no space.", "The identifier of a space has lower-case letters, digits, _ and -.", WRONG_USE)
        self.base = server.url.rstrip("/") + (f"/s/{space}" if space else "")
        checks = connect.verification(server.ca, server.fingerprint) if server.url.startswith("https://") else {}
        tls: dict[str, Any] = {"ca_certs": checks["ca_certs"]} if "ca_certs" in checks else {}
        if "ssl_assert_fingerprint" in checks:
            tls = {"assert_fingerprint": checks["ssl_assert_fingerprint"], "cert_reqs": "CERT_NONE"}
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False, **tls)
        self._headers = {"kbn-xsrf": "escadre"} | _authorization(server)

    def put(self, made: KibanaObjects) -> KibanaImport:
        """Import all objects, in place of those of the same ids. Raises Complaint."""
        files = {"file": ("escadre.ndjson", made.ndjson(), "application/ndjson")}
        told = self._post("/api/saved_objects/_import?overwrite=true", fields=files)
        wrong = [
            f"{e.get('type')} {e.get('id')}: {(e.get('error') or {}).get('type')} {(e.get('error') or {}).get('message', '')}".strip()
            for e in told.get("errors", [])
        ]
        return KibanaImport(int(told.get("successCount", 0)), wrong)

    def set(self) -> bool:
        """Make the advanced settings of the space; return whether Kibana took them."""
        try:
            self._post(
                "/internal/kibana/settings",
                body=orjson.dumps({"changes": SETTINGS}),
                headers={"Content-Type": "application/json", "x-elastic-internal-origin": "Kibana"},
            )
        except Complaint:
            return False
        return True

    def _post(self, path: str, headers: dict[str, str] | None = None, **content: Any) -> dict[str, Any]:
        try:
            answer = self._pool.request("POST", self.base + path, headers=self._headers | (headers or {}), redirect=False, **content)
        except urllib3.exceptions.HTTPError as e:
            timed_out = isinstance(e, urllib3.exceptions.TimeoutError) and not isinstance(e, urllib3.exceptions.NewConnectionError)
            raise errors.no_way(self.base, str(e)[:300], what="Kibana", timed_out=timed_out) from e
        try:
            told = orjson.loads(answer.data)
        except orjson.JSONDecodeError:
            told = None
        if answer.status in (401, 403):
            raise Complaint(f"{self.base} does not let us in ({answer.status}).", "Give --api-key-file or --user.", COULD_NOT)
        if answer.status != 200 or not isinstance(told, dict):
            why = told.get("message", "") if isinstance(told, dict) else ""
            raise Complaint(
                f"{self.base} answers {answer.status}{f': {why}'[:300] if why else ''}.",
                "Give the address of Kibana, not of Elasticsearch.",
                COULD_NOT,
            )
        return told


def _authorization(server: connect.ElasticServer) -> dict[str, str]:
    given = credentials(server.api_key_file, server.user, server.password_file)
    if "basic_auth" in given:
        return urllib3.make_headers(basic_auth=":".join(given["basic_auth"]))
    if "api_key" in given:
        key = given["api_key"]
        if isinstance(key, tuple):
            key = base64.b64encode(":".join(key).encode()).decode()
        return {"Authorization": f"ApiKey {key}"}
    return {}
