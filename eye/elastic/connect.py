"""A client for the server that the user named. Certificates are always checked; the versions that are known to work are stated here."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError, UnsupportedProductError
from elasticsearch.serializer import JsonSerializer, NdjsonSerializer, Serializer

from eye.elastic import errors
from eye.elastic.credentials import credentials
from eye.remote import address
from eye.remote.pools import bounded
from eye.remote.told import told
from scout.console import COULD_NOT, WRONG_USE, Complaint

OLDEST = (8, 0)
"""The client speaks the protocol of Elasticsearch 8, which 9 answers too. Tried on 8.19 and 9.5."""
CONNECTIONS = 4
TIMEOUT = 60.0
"""Seconds that one request may take."""


@dataclass(frozen=True, slots=True)
class ElasticServer:
    """The server that the user named. `url` or `cloud_id`; `fingerprint`: SHA-256 of its certificate, in place of an authority."""

    url: str = ""
    cloud_id: str = ""
    api_key_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    fingerprint: str = ""

    @property
    def place(self) -> str:
        """The address for messages."""
        return self.url or "the deployment of --cloud-id"


def connect(server: ElasticServer) -> Elasticsearch:
    """Return an open client whose server answered. Raises Complaint with one line that says what is there instead."""
    if server.url and server.cloud_id:
        raise Complaint("--url and --cloud-id are two addresses.", "Give one of them.", WRONG_USE)
    if not server.url and not server.cloud_id:
        raise Complaint("one of --url and --cloud-id is needed.", "--url https://host:9200", WRONG_USE)
    options: dict[str, Any] = {"request_timeout": TIMEOUT, "retry_on_timeout": False, "max_retries": 0, "connections_per_node": CONNECTIONS}
    options |= {"http_compress": False, "serializers": _SERIALIZERS}  # answers that are packed have no bound
    if server.url:
        address.check_address(server.url)
        options["hosts"] = server.url
    else:
        options["cloud_id"] = server.cloud_id
    options |= address.verification(server.ca, server.fingerprint) if not server.url.startswith("http://") else {}
    options |= credentials(server.api_key_file, server.user, server.password_file)
    try:
        client = Elasticsearch(**options)
        for node in client.transport.node_pool.all():
            bounded(node.pool)  # type: ignore[attr-defined]
        _check_version(server.place, told(client.info().body, "version", "number", of=str))
    except (UnsupportedProductError, ApiError, TransportError, ssl.SSLError) as e:
        raise errors.refused(server.place, e) from e
    except (ValueError, KeyError) as e:
        do = "Write https://host:9200." if server.url else "Copy the Cloud ID from the page of the deployment: NAME:LETTERS."
        raise Complaint(f"{server.place} is no address of an Elasticsearch: {e}.", do, WRONG_USE) from e
    return client


class _Answers(JsonSerializer):
    """JSON of answers, in which nesting has a bound."""

    def json_loads(self, data: bytes) -> Any:
        return orjson.loads(data)


class _Ready(NdjsonSerializer):
    """Bodies of bulk requests: one that is ready goes as it is, instead of being copied twice."""

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else super().dumps(data)


_SERIALIZERS: dict[str, Serializer] = {f"application/{form}json": _Answers() for form in ("", "vnd.elasticsearch+")}
_SERIALIZERS |= {f"application/{form}x-ndjson": _Ready() for form in ("", "vnd.elasticsearch+")}


def _check_version(place: str, version: str) -> None:
    numbers = tuple(int(part) for part in re.findall(r"[0-9]{1,6}", version)[:2])
    if numbers < OLDEST:
        raise Complaint(f"{place} is Elasticsearch {version}.", "Elasticsearch 8 or 9 is needed.", COULD_NOT)
