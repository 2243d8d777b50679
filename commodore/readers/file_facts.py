"""What is known of the file itself, as fields: name, size, hash, times."""

from __future__ import annotations

from typing import Any

from commodore.evidence import Evidence

_FACTS = {"btime": "file.created", "mtime": "file.mtime", "ctime": "file.ctime", "atime": "file.accessed", "sha256": "file.hash.sha256"}
FILE_FIELDS = (
    "file.path",
    "file.name",
    "file.directory",
    "file.extension",
    "file.size",
    "file.hash.sha256",
    "file.created",
    "file.mtime",
    "file.ctime",
    "file.accessed",
)


def file_facts(evidence: Evidence) -> dict[str, Any]:
    """Return the fields of the file of a unit. `@timestamp` is the last change of its content, else its birth."""
    mark = "\\" if evidence.source[1:3] == ":\\" or evidence.source.startswith("\\\\") else "/"
    folder, _, name = evidence.source.rpartition(mark)
    fields: dict[str, Any] = {"file.path": evidence.source, "file.name": name, "file.directory": folder or mark, "file.size": evidence.size}
    stem, dot, extension = name.rpartition(".")
    if stem and dot and extension:
        fields["file.extension"] = extension
    fields |= {field: evidence.facts[fact] for fact, field in _FACTS.items() if evidence.facts.get(fact)}
    if when := fields.get("file.mtime") or fields.get("file.created"):
        fields["@timestamp"] = when
    return fields
