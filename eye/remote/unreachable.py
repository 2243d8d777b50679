"""Errors of a connection that failed before the server answered, as one line for a person."""

from __future__ import annotations

import re

from scout.console import COULD_NOT, Complaint

_BETWEEN = "Look at what is between this machine and the server (a proxy, a gateway), and at the address."
_TLS = (
    ("WRONG_VERSION_NUMBER", "it speaks no TLS", "Write http:// in place of https://, or give the port that speaks TLS."),
    ("RECORD_LAYER_FAILURE", "it speaks no TLS", "Write http:// in place of https://, or give the port that speaks TLS."),
    ("certificate has expired", "its certificate has expired", "Have it renewed; meanwhile --fingerprint takes exactly this one."),
    ("not yet valid", "its certificate is not valid yet", "Compare the clock of this machine with that of the server."),
    ("self-signed", "nobody that this machine trusts signed its certificate", "Give its authority with --ca, or --fingerprint."),
    ("self signed", "nobody that this machine trusts signed its certificate", "Give its authority with --ca, or --fingerprint."),
    ("unable to get local issuer", "nobody that this machine trusts signed its certificate", "Give its authority with --ca."),
    ("ostname mismatch", "its certificate is for another name", "Use the name that the certificate has, or --fingerprint."),
    ("doesn't match", "its certificate is for another address", "Use the name that the certificate has, or --fingerprint."),
    ("IP address mismatch", "its certificate is for another address", "Use the name that the certificate has, or --fingerprint."),
    ("ingerprint", "its certificate has another fingerprint", "Compare it on the server: openssl x509 -noout -fingerprint -sha256."),
)

_LIBRARY = re.compile(r"^\w+\(host=.*?, port=\d+\): |Failed to establish a new connection: |\[Errno -?\d+\] ?")
_CUT = (
    ("AnswerError", ""),
    ("RemoteDisconnected", "it closes the connection without an answer"),
    ("ConnectionReset", "the connection was reset"),
    ("BadStatusLine", "what answers speaks no HTTP"),
    ("HTTPException", "what answers speaks no proper HTTP"),
    ("IncompleteRead", "its answer is cut off"),
    ("InvalidChunkLength", "its answer is cut off"),
)
"""Names of exceptions in the words of the library, and what they mean; '' where the text of the exception says it."""


def _in_words(text: str) -> str:
    for name, words in _CUT:
        if name in text:
            found = re.search(name + r"\(['\"](.*?)['\"]\)", text)
            return words or (found[1] if found else text)
    return _LIBRARY.sub("", text)


def no_answer(url: str, text: str, more: str = "", *, what: str = "Elasticsearch", timed_out: bool = False) -> Complaint:
    """The complaint about a connection that failed: `text` is the library's reason, `more` what lies below it."""
    for mark, why, do in _TLS:
        if mark.lower() in f"{text} {more}".lower():
            return Complaint(f"no safe way to {url}: {why}.", do, COULD_NOT)
    if "deserialize" in text:
        return Complaint(f"what answers at {url} is no {what}: the answer is no JSON, or half of it.", _BETWEEN, COULD_NOT)
    if timed_out:
        return Complaint(f"{url} did not answer in time.", "Look whether a firewall is between, and at the load of the server.", COULD_NOT)
    do = "Check the address, the port, and whether it is http or https."
    if url.startswith("http://") and any(name in text for name in ("RemoteDisconnected", "Reset", "BadStatusLine")):
        do = "Check the address and the port; write https:// if the server speaks TLS."
    elif "Connection aborted" in text or "Connection broken" in text:
        do = _BETWEEN
    return Complaint(f"no {what} answers at {url}: {_in_words(text)}.", do, COULD_NOT)
