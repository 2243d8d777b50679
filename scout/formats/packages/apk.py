"""apk (Alpine): `installed`, in which each file has the SHA-1 of its content.

Source: Alpine Linux, Apk spec, Installed Database V2: P, F, R and Z fields; an empty line ends a package.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator

from scout.formats.linux_paths import one_path
from scout.formats.packages import Note, PackageFile, ignored, whole

FOLDERS = ("/lib/apk/db", "/usr/lib/apk/db")
"""on a merged system the first is the second, reached through a link"""
FILES = tuple(f"{folder[1:]}/installed" for folder in FOLDERS)
LISTS = FILES
END = b"\n\n"
_SHA1 = 40


def owned(path: str, content: bytes) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """Yield (file, package) of the database."""
    for package, file, _, _ in _lines(content):
        if file:
            yield file, package


def listed(path: str, content: bytes, wanted: Collection[str]) -> Iterator[PackageFile]:
    """Yield the files among `wanted` that the database lists."""
    yield from (one for one in brought(path, content) if one.path in wanted)


def brought(path: str, content: bytes, note: Note = ignored) -> Iterator[PackageFile]:  # noqa: ARG001
    """Yield all files of the database that have a digest. apk keeps what administrators changed below /etc."""
    whole(content, END, note)
    for package, file, kind, text in _lines(content):
        if kind == b"Z:" and file and text.startswith("Q1"):
            try:
                digest = base64.b64decode(text[2:], validate=True).hex()
            except ValueError:  # not base64, or not ASCII
                digest = ""
            if len(digest) == _SHA1:
                yield PackageFile(file, package, "sha1", digest, settings=file.startswith("/etc/"))
            else:
                note(f"the digest of {file} is no SHA-1")


def _lines(content: bytes) -> Iterator[tuple[str, str, bytes, str]]:
    """Yield (package, file, kind, text) of each line; the file is '' before the first one of a package."""
    package = folder = file = ""
    for line in content.split(b"\n"):
        kind, text = line[:2], line[2:].decode("utf-8", "surrogateescape")
        if kind == b"P:":
            package, folder, file = text, "", ""
        elif kind == b"F:":
            folder, file = text, ""
        elif kind == b"R:":
            file = one_path(f"/{folder}/{text}" if folder else f"/{text}")
        yield package, file, kind, text
