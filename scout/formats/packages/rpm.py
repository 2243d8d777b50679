"""rpm (Fedora, Red Hat, SUSE and their like): the headers of installed packages, with the digest of each file.

Source: `scout.formats.rpm_database`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from scout.formats import sqlite_wal
from scout.formats.linux_paths import one_path
from scout.formats.packages import Note, PackageFile, ignored
from scout.formats.rpm_database import files, headers

FOLDERS = ("/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm")
"""where the database lies: older systems, newer ones, systems that boot from images (rpm-ostree)"""
_SQLITE = b"SQLite format 3\0"
FILES = tuple(f"{folder[1:]}/{{Packages,rpmdb.sqlite,Packages.db}}" for folder in FOLDERS)
LISTS = FILES
LOG = "{name}-wal"
"""what has the newest changes of an SQLite database until rpm merges them"""


def merged(content: bytes, log: bytes, note: Note = ignored) -> bytes:
    """Return a database with the changes that its write-ahead log commits. `note` gets why a log could not be used."""
    if not log or not content.startswith(_SQLITE):
        return content
    database = bytearray(content)
    if refused := sqlite_wal.apply(database, log):
        note(refused)
    return bytes(database)


def owned(path: str, content: bytes) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """Yield (file, package) of the database."""
    for header in headers(content):
        yield from ((one_path(one.path), one.package) for one in files(header))


def listed(path: str, content: bytes, wanted: Collection[str]) -> Iterator[PackageFile]:
    """Yield the files among `wanted` that the database lists."""
    yield from (one for one in brought(path, content) if one.path in wanted)


def brought(path: str, content: bytes, note: Note = ignored) -> Iterator[PackageFile]:  # noqa: ARG001
    """Yield all files of the database that have a digest."""
    for header in headers(content, note):
        for one in files(header, note):
            if one.digest and one.algorithm:
                yield PackageFile(one_path(one.path), one.package, one.algorithm, one.digest, settings=one.settings)
