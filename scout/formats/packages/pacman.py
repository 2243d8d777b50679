"""pacman (Arch): `mtree` of each package, compressed by gzip, with the SHA-256 of each file.

Sources: libarchive, mtree(5); pacman, makepkg(8).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator

from scout.formats.linux_paths import one_path
from scout.formats.packages import Note, PackageFile, ignored, whole

FILES = ("var/lib/pacman/local/*/mtree",)
LISTS = FILES
END = b"\n"
_LARGEST = 64 << 20
"""bytes of one unpacked list"""
_ENTRY = re.compile(rb"^\./(\S+) [^\n]*?sha256digest=([0-9a-f]{64})", re.MULTILINE)
_NAME = re.compile(rb"^\./(\S+) [^\n]*", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")


def owned(path: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield (file, package) of one list."""
    package = path.split("/")[-2].rsplit("-", 2)[0]
    for found in _NAME.finditer(_unpacked(content)):
        yield _file(found[1]), package


def listed(path: str, content: bytes, wanted: Collection[str]) -> Iterator[PackageFile]:
    """Yield the files among `wanted` that the list of one package has; nothing where it does not unpack."""
    yield from (one for one in brought(path, content) if one.path in wanted)


def brought(path: str, content: bytes, note: Note = ignored) -> Iterator[PackageFile]:
    """Yield all files of one list that have a digest. Which files are settings is in another file: all below /etc may be changed."""
    package = path.split("/")[-2].rsplit("-", 2)[0]
    for found in _ENTRY.finditer(_unpacked(content, note)):
        file = _file(found[1])
        yield PackageFile(file, package, "sha256", found[2].decode(), settings=file.startswith("/etc/"))


def _unpacked(content: bytes, note: Note = ignored) -> bytes:
    unpacking = zlib.decompressobj(31)
    try:
        unpacked = unpacking.decompress(content, _LARGEST)
    except zlib.error as e:
        note(f"the list does not unpack: {e}")
        return b""
    if not unpacking.eof:
        note(f"the list does not unpack to its end: {len(unpacked):,} bytes were read")
    else:
        whole(unpacked, END, note)
    return unpacked


def _file(name: bytes) -> str:
    plain = _ESCAPE.sub(lambda escape: bytes([int(escape[1], 8)]), name)
    return one_path("/" + plain.decode("utf-8", "surrogateescape"))
