"""dpkg (Debian, Ubuntu): `info/*.md5sums` and the configuration files in `status`.

Sources: dpkg, deb-md5sums(5); dpkg-query(1), field Conffiles; deb-control(5).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from scout.formats.linux_paths import one_path
from scout.formats.packages import PackageFile

FILES = ("var/lib/dpkg/info/*.md5sums", "var/lib/dpkg/status", "var/lib/dpkg/status.d/*.md5sums")
LISTS = ("var/lib/dpkg/info/*.list",)
END = b"\n"
PACKAGE_END = b"\n\n"
"""bytes that end `status`"""
_CONFFILE = re.compile(rb" (/.*) ([0-9a-f]{32})(?: (?:obsolete|remove-on-upgrade))*[ \t\r]*")
_DIGEST = re.compile(rb"[0-9a-f]{32}")


def listed(path: str, content: bytes, wanted: Collection[str]) -> Iterator[PackageFile]:
    """Yield the files among `wanted` that one file of the database lists."""
    name = path.rpartition("/")[2]
    if name == "status":
        yield from (one for one in conffiles(content) if one.path in wanted)
        return
    package = name.removesuffix(".md5sums").partition(":")[0]
    for line in content.split(b"\n"):
        file = one_path("/" + line[34:].rstrip(b"\r").decode("utf-8", "surrogateescape"))
        if file in wanted and _DIGEST.fullmatch(line[:32]):
            yield PackageFile(file, package, "md5", line[:32].decode())


def owned(path: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield (file, package) of one list."""
    package = path.rpartition("/")[2].removesuffix(".list").partition(":")[0]
    for line in content.split(b"\n"):
        if line:
            yield one_path(line.decode("utf-8", "surrogateescape")), package


def conffiles(content: bytes) -> Iterator[PackageFile]:
    """Yield the files of settings that the packages of a `status` file brought, with the sum that each had in its package."""
    package = ""
    for line in content.split(b"\n"):
        if line.startswith(b"Package: "):
            package = line[9:].decode("utf-8", "replace").strip()
        elif line.startswith(b" /") and (found := _CONFFILE.fullmatch(line)):
            yield PackageFile(one_path(found[1].decode("utf-8", "surrogateescape")), package, "md5", found[2].decode())
