"""Files of Debian packages: the paths and MD5 sums that each installed package brought, and those of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.lines import lines, text, unended
from scout.formats.packages import whole
from scout.formats.packages.dpkg import FILES, PACKAGE_END, conffiles

ARTEFACT = Artefact(
    name="dpkg_files",
    title="Files of Debian packages",
    about="One record per installed package: the files that it brought, with the MD5 sum that each had, and one for its files of "
    "settings. A program with this path and sum is the one of the package; one with another sum was changed. Settings may be changed by "
    "administrators.",
    proves_not="That the list is true: whoever is root can rewrite it.",
    match=FILES,
    targets=("LF05",),
    by_name=False,
    fields=("escadre.package.md5", "escadre.package.files", "escadre.package.settings", "package.name"),
    kind="state",
    category=("package",),
    type=("info",),
    action="package-files-observed",
    attack=("T1554",),
    message="The package {package.name} brought its files, whose sums are known.",
    version=2,
    sources=("dpkg(1): files of the database; deb-md5sums(5)", "dpkg-query(1): Conffiles"),
)

_DIGEST = 32
_LARGEST = 256 << 20
"""bytes of a status file that are read"""


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield one record per package. A line is the MD5 sum, two blanks, and the path without its first `/`."""
    if evidence.name == "status":
        yield from _settings(evidence)
        return
    sums, paths, bad = [], [], 0
    for line in lines(evidence):
        if isinstance(line, Problem):
            yield line
            continue
        yield from unended(line)
        digest, _, path = text(line.raw).partition("  ")
        if len(digest) != _DIGEST or not path:
            bad += bool(line.raw.strip())
            continue
        sums.append(digest)
        paths.append("/" + path.removesuffix("\r"))
    if bad:
        yield Problem(f"{bad} lines are no sum and path")
    if paths:
        name = evidence.name.removesuffix(".md5sums")
        yield Record("0", {"package.name": name, "escadre.package.files": paths, "escadre.package.md5": sums})


def _settings(evidence: Evidence) -> Iterator[Record | Problem]:
    with evidence.open() as stream:
        content = stream.read(_LARGEST)
    notes = [f"only the first {_LARGEST >> 20} MiB were read"] if evidence.length > _LARGEST else []
    whole(content, PACKAGE_END, notes.append)
    yield from map(Problem, notes)
    found = conffiles(content)
    for number, (package, files) in enumerate(groupby(found, key=lambda one: one.package)):
        listed = list(files)
        yield Record(
            f"{number}",
            {
                "package.name": package,
                "escadre.package.files": [one.path for one in listed],
                "escadre.package.md5": [one.digest for one in listed],
                "escadre.package.settings": True,
            },
        )
