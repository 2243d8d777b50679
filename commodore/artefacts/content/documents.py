"""Documents, messages and shortcuts: macros, what loads or starts something, and the files in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record, SweepLayer
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.documents import magic, patterns, read
from commodore.readers.documents.fields import FIELDS, document_fields, searched
from commodore.readers.documents.model import LARGEST
from commodore.readers.file_facts import FILE_FIELDS, file_facts

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
    fields=(*FILE_FIELDS, *FIELDS),
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

PLACE = "0"
"""locator of the record of a document"""


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    with evidence.open() as stream:
        data = stream.read(LARGEST + 1)
    document = read(data[:LARGEST], evidence.name) if data else None
    if document is None:
        return
    if not document.format:
        yield from (Problem(trouble) for trouble in document.troubles)
        return
    if len(data) > LARGEST:
        document.bounds[f"the first {LARGEST:,} of {evidence.length:,} bytes were read"] = None
    fields = file_facts(evidence) | document_fields(document)
    fields.setdefault("file.hash.sha256", hashlib.sha256(data).hexdigest() if len(data) <= LARGEST else "")
    if not fields["file.hash.sha256"]:
        del fields["file.hash.sha256"]
    for trouble in document.troubles:
        yield Problem(f"a part of the document cannot be read: {trouble}")
    for bound in fields.get("escadre.bounds", ()):
        yield Problem(bound)
    yield Record(PLACE, fields)


def contents(evidence: Evidence) -> Iterator[SweepLayer]:
    """Yield what is in a document, for searches."""
    with evidence.open() as stream:
        document = read(stream.read(LARGEST), evidence.name)
    if document is not None:
        yield from (SweepLayer(name, data, PLACE) for name, data in searched(document))
