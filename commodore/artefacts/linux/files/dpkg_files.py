"""Files of Debian packages: the paths and MD5 sums that each installed package brought."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.lines import lines, text

ARTEFACT = Artefact(
    name="dpkg_files",
    title="Files of Debian packages",
    about="One record per installed package: the files that it brought, with the MD5 sum that each had. A program with this path and sum "
    "is the one of the package; one with another sum was changed.",
    proves_not="That the list is true: whoever is root can rewrite it. Files of settings are not in it.",
    match=("var/lib/dpkg/info/*.md5sums",),
    by_name=False,
    fields=("escadre.package.md5", "escadre.package.files", "package.name"),
    kind="state",
    category=("package",),
    type=("info",),
    action="package-files-observed",
    attack=("T1554",),
    message="The package {package.name} brought its files, whose sums are known.",
    sources=("dpkg(1): files of the database; deb-md5sums(5)",),
)

_DIGEST = 32


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield one record per package. A line is the MD5 sum, two blanks, and the path without its first `/`."""
    sums, paths, bad = [], [], 0
    for line in lines(evidence):
        if isinstance(line, Problem):
            yield line
            continue
        digest, _, path = text(line.raw).partition("  ")
        if len(digest) != _DIGEST or not path:
            bad += bool(line.raw.strip())
            continue
        sums.append(digest)
        paths.append(f"/{path}")
    if bad:
        yield Problem(f"{bad} lines are no sum and path")
    if paths:
        name = evidence.name.removesuffix(".md5sums")
        yield Record("0", {"package.name": name, "escadre.package.files": paths, "escadre.package.md5": sums})
