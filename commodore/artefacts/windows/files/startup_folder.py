"""Startup folders: files that Explorer opens when a user logs on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.file_facts import FILE_FIELDS
from commodore.readers.shortcuts import SHORTCUT_FIELDS, shortcut_fields
from scout.formats import shortcut

ARTEFACT = Artefact(
    name="startup_folder",
    title="Startup folders",
    about="Each file in a Startup folder of one user or of all. Explorer opens it at logon, whatever its type. A fresh system has only "
    "desktop.ini there. For a shortcut, the record has its target. Proves that the file exists, not that it was opened.",
    match=(
        "ProgramData/Microsoft/Windows/Start Menu/Programs/Startup/*",
        "Users/*/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/*",
        "Documents and Settings/*/*/Programs/Startup/*",  # Start Menu, by its name in the system's language
        "Windows/ServiceProfiles/*/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/*",
        "Windows/System32/config/systemprofile/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/*",
    ),
    targets=("WP04",),
    needs=("profiles", "users"),
    fields=(*FILE_FIELDS, *SHORTCUT_FIELDS, "user.name", "user.id"),
    times={
        "@timestamp": "birth of the file if the collector could read it, else the last change of its content",
        "file.created": "birth",
        "file.mtime": "last change of the content",
        "file.ctime": "last change of the metadata",
        "file.accessed": "last access",
    },
    kind="state",
    category=("file", "configuration"),
    type=("info",),
    action="startup-file-observed",
    attack=("T1547.001",),
    message="Explorer opens {file.path!q}[, a shortcut to {file.target_path!q},] when [{user.name!q}|a user] logs on.",
    sources=(
        "KNOWNFOLDERID FOLDERID_Startup and FOLDERID_CommonStartup, Microsoft Win32 documentation",
        "[MS-SHLLINK] Shell Link Binary File Format",
    ),
    version=4,
)

_FACTS = {"btime": "file.created", "mtime": "file.mtime", "ctime": "file.ctime", "atime": "file.accessed", "sha256": "file.hash.sha256"}


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per file, with the target of a shortcut."""
    folder, _, name = evidence.source.replace("/", "\\").rpartition("\\")
    fields: dict[str, Any] = {"file.path": evidence.source, "file.name": name, "file.directory": folder, "file.size": evidence.size}
    stem, dot, extension = name.rpartition(".")
    if stem and dot and extension:
        fields["file.extension"] = extension
    fields |= {field: evidence.facts[fact] for fact, field in _FACTS.items() if evidence.facts.get(fact)}
    if when := fields.get("file.created") or fields.get("file.mtime"):
        fields["@timestamp"] = when
    if fields.get("file.extension", "").lower() in ("lnk", "url"):
        with evidence.open() as stream:
            data = stream.read(shortcut.LARGEST)
        try:
            opened = shortcut.target(data)
            fields |= shortcut_fields(opened, data)
            yield from (Problem(f"a part of the shortcut cannot be read: {problem}") for problem in opened.problems)
        except ValueError as reason:
            yield Problem(f"what the shortcut opens cannot be read: {reason}")
    yield Record("0", fields | _owner(folder, host))


def _owner(folder: str, host: Host) -> dict[str, Any]:
    """Return the user of a folder; nothing for the folder of all users."""
    for sid, profile in host.profiles.items():
        if folder.casefold().startswith(f"{profile.rstrip(chr(92)).casefold()}\\"):
            name = host.users.get(sid, "")
            return ({"user.id": sid} if sid.startswith("S-1-") else {}) | ({"user.name": name} if name else {})
    found = re.match(r"(?i)(?:[a-z]:)?\\?(?:Users|Documents and Settings)\\([^\\]+)\\", folder)
    return {"user.name": found[1]} if found and found[1].casefold() not in ("all users", "public") else {}


def expected(evidence: Evidence) -> int | None:  # noqa: ARG001
    """Return 1: a file is one record."""
    return 1
