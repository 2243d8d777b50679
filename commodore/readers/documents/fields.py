"""What a document shows, as fields of a record: of a collected document, and of one in an archive."""

from __future__ import annotations

import hashlib
from typing import Any

from commodore.readers.documents.model import Document, Embedded
from commodore.readers.layers import analysis, as_text
from commodore.readers.layers.analysis import analysed
from commodore.readers.layers.languages import language_of
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


def document_fields(document: Document) -> dict[str, Any]:
    """Return the fields of a document with its macros, texts and files."""
    parts = [(name, text, "vba") for name, text in document.macros]
    parts += [(name, text, "jscript" if name.endswith("JavaScript") else "command") for name, text in document.texts]
    parts += [(part.name or "file", as_text(part.data[: 1 << 21]), _language(part)) for part in document.embedded if _language(part)]
    found = analysed("", "", parts, extra=list(document.traits.values()))
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


def _language(part: Embedded) -> str:
    return language_of(part.name, part.data[:4096])
