"""pacman (Arch): `mtree` of each package, compressed by gzip, with the SHA-256 of each file.

Sources: libarchive, mtree(5); pacman, makepkg(8).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator

from scout.formats.linux_paths import one_path
from scout.formats.packages import PackageFile

FILES = ("var/lib/pacman/local/*/mtree",)
_LARGEST = 64 << 20
"""bytes of one unpacked list"""
_ENTRY = re.compile(rb"^\./(\S+) [^\n]*?sha256digest=([0-9a-f]{64})", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")


def listed(path: str, content: bytes, wanted: Collection[str]) -> Iterator[PackageFile]:
    """Yield the files among `wanted` that the list of one package has; nothing where it does not unpack."""
    package = path.split("/")[-2].rsplit("-", 2)[0]
    try:
        text = zlib.decompressobj(31).decompress(content, _LARGEST)
    except zlib.error:
        return
    for found in _ENTRY.finditer(text):
        name = _ESCAPE.sub(lambda escape: bytes([int(escape[1], 8)]), found[1])
        file = one_path("/" + name.decode("utf-8", "surrogateescape"))
        if file in wanted:
            yield PackageFile(file, package, "sha256", found[2].decode())
