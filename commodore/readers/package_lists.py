"""Databases of package systems as records: one per package and kind of file. `package_artefact` makes declaration and parser.

The formats are in `scout/formats/packages`; a record has the digests of one algorithm, which the database says.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from scout.formats.packages import PackageFile

_LARGEST = 512 << 20
"""bytes of a database that are read"""
ALGORITHMS = ("md5", "sha1", "sha256")
"""Digests that the list of members may have"""


def package_artefact(module: ModuleType, *, name: str, title: str, system: str, sources: tuple[str, ...]) -> tuple[Artefact, Any]:
    """Return (ARTEFACT, parse) for the databases that a module of `scout.formats.packages` reads."""
    artefact = Artefact(
        name=name,
        title=title,
        about=f"One record per package that {system} installed: the files that it brought, with the digest that each had, and one for its "
        "files of settings. A program with this path and digest is the one of the package; one with another digest was changed.",
        proves_not="That the list is true: whoever is root can rewrite it.",
        match=module.FILES,
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
        files: list[PackageFile] = []
        number = 0
        for one in module.brought(evidence.source, content, damaged.append):
            if files and files[-1].package != one.package:
                for record in _records(files, number):
                    yield record
                    number += 1
                files = []
            files.append(one)
        for record in _records(files, number):
            yield record
            number += 1
        yield from map(Problem, damaged)
        if not number and not damaged and content:
            yield Problem("the file names no file of a package with a digest", "byte 0", 1)

    return artefact, parse


def _records(files: list[PackageFile], number: int) -> Iterator[Record]:
    """Yield a record for each algorithm and kind of file of one package."""
    kinds = dict.fromkeys((one.algorithm, one.settings) for one in files if one.algorithm in ALGORITHMS)
    for number, (algorithm, settings) in enumerate(kinds, number):  # noqa: B020  (it goes on from there)
        listed = [one for one in files if (one.algorithm, one.settings) == (algorithm, settings)]
        fields: dict[str, Any] = {
            "package.name": listed[0].package,
            "escadre.package.files": [one.path for one in listed],
            f"escadre.package.{algorithm}": [one.digest for one in listed],
        }
        yield Record(f"{number}", fields | ({"escadre.package.settings": True} if settings else {}))
