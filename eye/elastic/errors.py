"""Errors of a server or of the way to it, as one line for a person."""

from __future__ import annotations

import ssl
from http import HTTPStatus

from elasticsearch import ApiError, AuthenticationException, AuthorizationException, TransportError, UnsupportedProductError
from elasticsearch.exceptions import ConnectionTimeout

from eye.remote.unreachable import no_answer
from scout.console import COULD_NOT, Complaint

BUSY = (429, 502, 503, 504)
"""Status codes that ask for a later try."""
_STATUS = frozenset(HTTPStatus)
RIGHTS = (
    "The role of a loader is eye/elastic/generated/role-loader.json: cluster rights manage_index_templates and monitor, "
    "and on escadre-* create_index, create_doc, read, maintenance, view_index_metadata and manage."
)


def reason(error: ApiError | TransportError) -> str:
    """Return the error of the server or the connection in one line of at most 400 characters."""
    if isinstance(error, ApiError):
        told = error.body.get("error", error.body) if isinstance(error.body, dict) else error.body
        words = told_reason(told) if told else HTTPStatus(error.status_code).phrase if error.status_code in _STATUS else ""
        return f"{error.status_code}: {' '.join(words.split())}"[:400].rstrip(": ")
    return str(error.args[0] if error.args else error).split("\n")[0][:300]


def told_reason(told: object) -> str:
    """Return the innermost reason of the error object of an answer or of an item."""
    outer = told
    while isinstance(told, dict) and isinstance(told.get("caused_by"), dict):
        told = told["caused_by"]
    first, last = (str(e.get("reason") or e.get("type") or "") if isinstance(e, dict) else str(e) for e in (outer, told))
    return first if first == last or not last else f"{first}: {last}"


def kind(told: object) -> str:
    """Return the type of an error object: `mapper_parsing_exception`."""
    return str(told.get("type", "")) if isinstance(told, dict) else ""


def is_block(told: object) -> bool:
    """Return whether an error says that an index takes nothing at all, whatever the document: read-only, or the disk is full."""
    return kind(told) in ("cluster_block_exception", "index_closed_exception", "index_not_found_exception")


def unreachable(url: str, error: TransportError) -> Complaint:
    """The complaint about an address at which no Elasticsearch answers."""
    return no_answer(url, reason(error), f"{error.errors!r}", timed_out=isinstance(error, ConnectionTimeout))


def _is_page(answer: object) -> bool:
    return isinstance(answer, str) and answer.lstrip().startswith("<")


def _not_from_it(url: str, error: ApiError) -> Complaint | None:
    """The complaint about an answer that something before the server gave; None for one of the server's own."""
    status = error.status_code
    if 300 <= status < 400:
        to = error.meta.headers.get("location", "")
        return Complaint(
            f"{url} sends us elsewhere ({status}{f', {to[:200]}' if to else ''}).",
            "Give the address of the server itself; a proxy or a page to log in at is before it.",
            COULD_NOT,
        )
    if status == 407 or _is_page(error.body):
        return Complaint(
            f"{url} answers {status} with a web page: a proxy or another program, not Elasticsearch.",
            "Check the address, and reach the server without the proxy.",
            COULD_NOT,
        )
    return None


def refused(url: str, error: ApiError | UnsupportedProductError | TransportError | ssl.SSLError) -> Complaint:
    """The complaint about a server that answered, or did not, before anything was loaded."""
    if isinstance(error, ApiError) and (found := _not_from_it(url, error)):
        return found
    if isinstance(error, (AuthenticationException, AuthorizationException)):
        do = "Check the user and the password, or the API key: it may have expired, or be invalidated."
        if "missing authentication" in reason(error):
            do = "Give --api-key-file or --user."
        return Complaint(f"{url} does not let us in ({reason(error)}).", do, COULD_NOT)
    if isinstance(error, UnsupportedProductError):
        return Complaint(f"{url} is no Elasticsearch.", "Give the address of an Elasticsearch 8 or 9.", COULD_NOT)
    if isinstance(error, ApiError):
        do = "Check the address, and the path in it." if error.status_code == 404 else "Look at the server's log."
        return Complaint(f"{url} answers {reason(error)}.", do, COULD_NOT)
    if isinstance(error, TransportError):
        return unreachable(url, error)
    return Complaint(f"no safe way to {url}: {error}.", "Look at the certificate.", COULD_NOT)


def failed(error: ApiError | TransportError) -> Complaint:
    """The complaint about a server that gave up in the middle of the work."""
    if isinstance(error, ApiError):
        if found := _not_from_it("the server", error):
            return found
        told = error.body.get("error") if isinstance(error.body, dict) else None
        if error.status_code in (401, 403) and not is_block(told):
            return Complaint(f"this account may not do this ({reason(error)}).", RIGHTS, COULD_NOT)
        if is_block(told):
            index = f"{told['index']}: " if isinstance(told, dict) and told.get("index") else ""
            return blocked(f"{index}{told_reason(told)}")
        if 400 <= error.status_code < 500 and error.status_code not in BUSY:
            do = "Change what it names, and run it again: what is there already is kept."
            if "maximum normal shards" in reason(error):
                do = (
                    "Delete indices that nobody needs (an index here is one shard), or raise cluster.max_shards_per_node, and run it again."
                )
            return Complaint(f"Elasticsearch refuses: {reason(error)}.", do, COULD_NOT)
    return Complaint(f"Elasticsearch gave up: {reason(error)}.", "Run it again: what is there already is kept.", COULD_NOT)


def blocked(why: str) -> Complaint:
    """The complaint about an index that takes no document."""
    do = "Open it, or lift its block (PUT INDEX/_settings), then run it again: what is there already is kept."
    if "cluster read-only" in why:
        do = "Lift cluster.blocks.read_only (PUT _cluster/settings), then run it again: what is there already is kept."
        return Complaint(f"the whole cluster takes nothing: {why}.", do, COULD_NOT)
    if "disk" in why or "watermark" in why:
        do = "Free space on the disks of the server; it lifts the block by itself. Then run it again: what is there already is kept."
    return Complaint(f"an index takes no documents: {why}.", do, COULD_NOT)
