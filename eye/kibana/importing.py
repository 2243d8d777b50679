"""Saved objects into a running Kibana: `POST /api/saved_objects/_import`, and where asked for its advanced settings.

Sources: Kibana API, "Import saved objects" (multipart field `file`, header `kbn-xsrf`, `overwrite`, `/s/{space_id}` before the path). The
settings have no public API: the request is that of Kibana's own page, and a Kibana that refuses it is set by hand.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from eye.elastic.connect import ElasticServer
from eye.elastic.credentials import credentials
from eye.kibana.export import SETTINGS, KibanaObjects
from eye.remote.json_server import JsonServer
from eye.remote.told import told as value
from scout.console import WRONG_USE, Complaint


@dataclass
class KibanaImport:
    """Result of an import. `errors`: objects that Kibana refused, with its reason; `settings`: whether it took the settings."""

    imported: int = 0
    errors: list[str] = field(default_factory=list)
    settings: bool = False


class Kibana:
    """A Kibana at an address (with its base path, if it has one) and a space ('' for the default one)."""

    def __init__(self, server: ElasticServer, space: str = "") -> None:
        if not re.fullmatch(r"[a-z0-9_-]*", space):
            raise Complaint(f"{space} is no space.", "The identifier of a space has lower-case letters, digits, _ and -.", WRONG_USE)
        self._server = JsonServer(server.url, "Kibana", {"kbn-xsrf": "escadre"} | _authorization(server), server.ca, server.fingerprint)
        self._space = f"/s/{space}" if space else ""

    def put(self, made: KibanaObjects) -> KibanaImport:
        """Import all objects, in place of those of the same ids. Raises Complaint."""
        files = {"file": ("escadre.ndjson", made.ndjson(), "application/ndjson")}
        status, told = self._server.ask("POST", f"{self._space}/api/saved_objects/_import?overwrite=true", fields=files)
        if status != 200 or not isinstance(told, dict):
            raise self._server.refusal(status, told)
        return KibanaImport(value(told, "successCount", of=int), [_refused(e) for e in value(told, "errors", of=list, default=[])])

    def set(self) -> bool:
        """Make the advanced settings of the space; return whether Kibana took them."""
        status, _ = self._server.ask(
            "POST", f"{self._space}/internal/kibana/settings", {"x-elastic-internal-origin": "Kibana"}, json={"changes": SETTINGS}
        )
        return status == 200


def _refused(one: object) -> str:
    """Return an object that Kibana refused, with its reason."""
    error = value(one, "error", of=dict, default={})
    return f"{value(one, 'type', of=str)} {value(one, 'id', of=str)}: {error.get('type')} {error.get('message', '')}".strip()


def _authorization(server: ElasticServer) -> dict[str, str]:
    given = credentials(server.api_key_file, server.user, server.password_file)
    if "basic_auth" in given:
        return {"authorization": f"Basic {given['basic_auth']}"}
    if "api_key" in given:
        key = given["api_key"]
        return {"Authorization": f"ApiKey {base64.b64encode(':'.join(key).encode()).decode() if isinstance(key, tuple) else key}"}
    return {}
