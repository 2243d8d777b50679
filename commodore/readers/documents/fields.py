"""What a document shows, as fields of a record: of a collected document, and of one in an archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from commodore.readers.documents.model import Document
from commodore.readers.layers import analysis, as_text, unfold
from commodore.readers.layers.analysis import analysed
from commodore.readers.layers.languages import guessed_language
from commodore.readers.shortcuts import SHORTCUT_FIELDS

FIELDS = (
    *analysis.FIELDS,
    "email.from.address",
    "email.message_id",
    "email.origination_timestamp",
    "email.reply_to.address",
    "email.subject",
    "email.to.address",
    "email.x_mailer",
    "escadre.document.embedded",
    "escadre.document.embedded_sha256",
    "escadre.document.links",
    "escadre.document.macros",
    "escadre.format",
    *SHORTCUT_FIELDS,
)
_LISTED = 200
_LANGUAGES = {"JavaScript": "jscript", "page": "hta"}
"""name of a text of a document → its language; of the others it is that of commands"""


def document_fields(document: Document) -> dict[str, Any]:
    """Return the fields of a document with its macros, texts and files."""
    found = analysed("", "", _parts(document), extra=list(document.traits.values()))
    fields: dict[str, Any] = {"escadre.format": document.format} | document.facts | found.fields
    if document.macros:
        fields["escadre.document.macros"] = [name for name, _ in document.macros][:_LISTED]
    if document.embedded:
        fields["escadre.document.embedded"] = [part.name or "file" for part in document.embedded][:_LISTED]
        fields["escadre.document.embedded_sha256"] = [hashlib.sha256(part.data).hexdigest() for part in document.embedded][:_LISTED]
    if document.links:
        fields["escadre.document.links"] = list(document.links)[:_LISTED]
    if document.bounds:
        fields["escadre.bounds"] = [*document.bounds, *fields.get("escadre.bounds", ())]
    return fields


def searched(document: Document) -> Iterator[tuple[str, bytes]]:
    """Yield what is in a document, for searches: macros, texts, addresses, files, and the layers of all of them, each with its name."""
    for name, text in (*document.macros, *document.texts):
        yield name, text.encode("utf-8", "surrogatepass")
    if document.links:
        yield "addresses", "\n".join(document.links).encode("utf-8", "surrogatepass")
    yield from document.searched
    yield from document.embedded
    for name, text, language in _parts(document):
        for layer in unfold(text, language or "other").layers:
            yield " > ".join((name, *layer.how)), layer.data


def _parts(document: Document) -> list[tuple[str, str, str]]:
    """Return the parts of a document that may be scripts: (name, text, language)."""
    parts = [(name, text, "vba") for name, text in document.macros]
    parts += [(name, text, _LANGUAGES.get(name.rpartition("/")[2], "command")) for name, text in document.texts]
    for part in document.embedded:
        if not part.data.startswith((b"MZ", b"\x7fELF")) and (language := guessed_language(part.name, part.data[:4096])):
            parts.append((part.name or "file", as_text(part.data[: 1 << 21]), language))
    return parts
