"""Documents, messages and shortcuts: macros, what loads or starts something, and the files in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.documents import Document, magic, patterns, read
from commodore.readers.documents.model import LARGEST, Embedded
from commodore.readers.file_facts import FILE_FIELDS, file_facts
from commodore.readers.layers import as_text
from commodore.readers.layers.analysis import FIELDS, analysed
from commodore.readers.layers.languages import language_of

ARTEFACT = Artefact(
    name="documents",
    title="Documents, messages and shortcuts",
    about="One record per Office document, RTF, OneNote section, PDF, message (.eml, .msg) and shortcut: its macros, the files in it, the "
    "addresses that it loads or shows, what stands behind encodings in its macros, and suspicious traits. `escadre.severity` is there only "
    "where several strong traits meet; each such record is a finding.",
    proves_not="That somebody opened the document, or let its macros run. Encrypted documents are not opened.",
    match=patterns(),
    magic=magic(),
    magic_required=False,
    by_name=False,
    fields=(
        *FILE_FIELDS,
        *FIELDS,
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
        "file.target_path",
        "process.command_line",
    ),
    times={
        "@timestamp": "last change of the content of the file",
        "file.mtime": "the same",
        "file.created": "birth of the file",
        "email.origination_timestamp": "date that the sender's program wrote",
    },
    kind="state",
    category=("file",),
    type=("info",),
    action="document-observed",
    attack=("T1566.001", "T1204.002", "T1137"),
    message="{file.path!q} is [{escadre.format}|a document]"
    "[ with {escadre.document.embedded:an embedded file|embedded files}][ that {escadre.traits.words}].",
    sources=("commodore/readers/documents/formats: each format names its source", "[MS-OVBA] Office VBA File Format"),
)
_LISTED = 200


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    with evidence.open() as stream:
        data = stream.read(LARGEST + 1)
    document = read(data[:LARGEST], evidence.name) if data else None
    if document is None:
        return
    if len(data) > LARGEST:
        document.bounds[f"the first {LARGEST:,} of {evidence.length:,} bytes were read"] = None
    fields = file_facts(evidence) | _facts(document)
    fields.setdefault("file.hash.sha256", hashlib.sha256(data).hexdigest() if len(data) <= LARGEST else "")
    if not fields["file.hash.sha256"]:
        del fields["file.hash.sha256"]
    for trouble in document.troubles:
        yield Problem(f"a part of the document cannot be read: {trouble}")
    for bound in fields.get("escadre.bounds", ()):
        yield Problem(bound)
    yield Record("0", fields)


def contents(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of what is in a document: macros, texts and files, for searches."""
    with evidence.open() as stream:
        document = read(stream.read(LARGEST), evidence.name)
    if document is not None:
        yield from ((name, text.encode("utf-8", "surrogatepass")) for name, text in (*document.macros, *document.texts))
        yield from document.embedded


def _facts(document: Document) -> dict[str, Any]:
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
