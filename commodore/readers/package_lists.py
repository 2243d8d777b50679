"""Databases of package systems as records: one per package and kind of file. `package_artefact` makes declaration and parser.

The formats are in `scout/formats/packages`; a record has the digests of one algorithm, which the database says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from types import ModuleType
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence, Group
from commodore.fence import fenced
from commodore.host import Host
from scout.formats.packages import PackageFile

_LARGEST = 512 << 20
"""bytes of a database that are read"""
ALGORITHMS = ("md5", "sha1", "sha256")
"""Digests that the list of members may have"""
DATABASES = ("apk_files", "dpkg_files", "pacman_files", "rpm_files")
"""Datasets with the files of packages: a host has one of them, seldom two"""
UNMODIFIED, MODIFIED, SETTINGS = "unmodified", "modified", "settings modified"
"""Values of `escadre.package.state`"""


def package_artefact(module: ModuleType, *, name: str, title: str, system: str, sources: tuple[str, ...]) -> tuple[Artefact, Any]:
    """Return (ARTEFACT, parse) for the databases that a module of `scout.formats.packages` reads."""
    artefact = Artefact(
        name=name,
        title=title,
        about=f"One record per package that {system} installed: the files that it brought, with the digest that each had, and one for its "
        "files of settings. A program with this path and digest is the one of the package; one with another digest was changed.",
        proves_not="That the list is true: whoever is root can rewrite it.",
        match=module.FILES,
        group=Group({"wal": module.LOG}) if hasattr(module, "LOG") else None,
        targets=("LF05",),
        by_name=False,
        fields=(
            "escadre.package.files",
            "escadre.package.md5",
            "escadre.package.sha1",
            "escadre.package.sha256",
            "escadre.package.settings",
            "package.name",
        ),
        kind="state",
        category=("package",),
        type=("info",),
        action="package-files-observed",
        attack=("T1554",),
        message="The package {package.name} brought its files, whose digests are known.",
        sources=sources,
    )

    def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
        with evidence.open() as stream:
            content = stream.read(_LARGEST)
        damaged = [f"only the first {_LARGEST >> 20} MiB were read"] if evidence.length > _LARGEST else []
        if log := evidence.companions.get("wal"):
            content = module.merged(content, log.data, damaged.append)
        parts = list(_parts(module.brought(evidence.source, content, damaged.append)))
        yield from fenced(enumerate(parts), lambda part: str(part[0]), _record)
        yield from map(Problem, damaged)
        if not parts and not damaged and content:
            yield Problem("the file names no file of a package with a digest", "byte 0", 1)

    return artefact, parse


def _parts(files: Iterable[PackageFile]) -> Iterator[list[PackageFile]]:
    """Yield the files of each package by algorithm and kind: those of settings apart."""
    for _, of_package in groupby(files, lambda one: one.package):
        parts: dict[tuple[str, bool], list[PackageFile]] = {}
        for one in of_package:
            if one.algorithm in ALGORITHMS:
                parts.setdefault((one.algorithm, one.settings), []).append(one)
        yield from parts.values()


def _record(part: tuple[int, list[PackageFile]]) -> Iterator[Record]:
    """Yield the record of one part."""
    number, listed = part
    fields: dict[str, Any] = {
        "package.name": listed[0].package,
        "escadre.package.files": [one.path for one in listed],
        f"escadre.package.{listed[0].algorithm}": [one.digest for one in listed],
    }
    yield Record(f"{number}", fields | ({"escadre.package.settings": True} if listed[0].settings else {}))
