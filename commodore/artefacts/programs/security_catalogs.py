"""Security catalogs: lists of the digests of files that somebody signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host

ARTEFACT = Artefact(
    name="security_catalogs",
    title="Security catalogs",
    about="Windows signs most of its programs in catalogs, not in the programs: a catalog has the digests of many files and a signature. "
    "A program whose digest is in a valid catalog is signed by its signer.",
    proves_not="That Windows uses the catalog: it does so for those that it keeps in CatRoot.",
    match=("Windows/System32/CatRoot/**/*.cat", "**/*.cat"),
    needs=("collected",),
    fields=(
        "escadre.catalog.count",
        "escadre.catalog.digests",
        "escadre.signature.chain",
        "escadre.signature.verdict",
        "file.code_signature.digest_algorithm",
        "file.code_signature.exists",
        "file.code_signature.status",
        "file.code_signature.subject_name",
        "file.code_signature.thumbprint_sha256",
        "file.code_signature.timestamp",
        "file.code_signature.trusted",
        "file.code_signature.valid",
        "file.name",
        "file.path",
        "file.size",
    ),
    times={
        "@timestamp": "time at which the catalog was made, as it says",
        "file.code_signature.timestamp": "verified time stamp of the signature",
    },
    kind="state",
    category=("file",),
    type=("info",),
    action="catalog-observed",
    attack=("T1553.002",),
    message="The catalog {file.name!q} has the digests of {escadre.catalog.count} files"
    "[, signed by {file.code_signature.subject_name}: {escadre.signature.verdict}].",
    sources=("Certificate Trust List; Catalog Files and Digital Signatures, Microsoft Learn",),
)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per catalog. The readers are imported here: they are slow to start."""
    from commodore.readers.programs import catalogs, certificates
    from commodore.readers.programs.der import DerError
    from commodore.readers.programs.pe import signature_fields

    if not evidence.length:
        yield Problem("empty file")
        return
    try:
        found = catalogs.catalog(evidence.data if evidence.length <= catalogs.LARGEST else b"", host.collected, certificates.microsoft())
    except (DerError, StopIteration) as e:
        large = evidence.length > catalogs.LARGEST
        reason = f"it has {evidence.length} bytes, catalogs are read up to {catalogs.LARGEST}" if large else e or "an element is missing"
        yield Problem(f"the catalog cannot be read: {reason}", lost=1)
        return
    fields: dict[str, Any] = {
        "@timestamp": found.issued,
        "file.path": evidence.source,
        "file.name": evidence.name,
        "file.size": evidence.size,
        "escadre.catalog.count": len(found.digests),
        "escadre.catalog.digests": list(found.digests),
        **signature_fields(found.signature),
    }
    yield Record("0", {name: value for name, value in fields.items() if value not in ("", [], None)})
    if found.problem:
        yield Problem(found.problem)


def expected(evidence: Evidence) -> int:
    """Return 1 for a file that is not empty."""
    return 1 if evidence.length else 0
