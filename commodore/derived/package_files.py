"""Collected files of packages: whether each has the content that its package brought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.view import CaseView
from commodore.host import Host
from commodore.readers.package_lists import ALGORITHMS, DATABASES, MODIFIED, SETTINGS, UNMODIFIED
from scout.formats.linux_paths import one_path

ARTEFACT = Artefact(
    name="package_files",
    title="Collected files of packages",
    about="One record per collected file that a package of the host brought: its content is compared with the digest in the database of "
    "packages. `modified` is a program, library or unit that somebody replaced; settings may be changed by administrators.",
    proves_not="That an unmodified file is harmless: whoever is root can rewrite the database of packages. That a file without a record "
    "belongs to no package: some packages have no sums.",
    datasets=DATABASES,
    fields=(
        "escadre.package.state",
        "escadre.records_used",
        "file.hash.md5",
        "file.hash.sha256",
        "file.mtime",
        "file.path",
        "file.size",
        "package.name",
    ),
    times={"file.mtime": "last change of the content of the file"},
    kind="state",
    category=("file", "package"),
    type=("info",),
    action="package-file-compared",
    attack=("T1554",),
    message="{file.path!q} is of the package {package.name}: {escadre.package.state}.",
    sources=("docs/design/contracts.md: members", "deb-md5sums(5); rpm, apk and pacman: scout.formats.packages"),
)


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield the files in the order of the collection. A file that several packages list (a diversion) is compared with each of them."""
    members = {one_path(str(line["path"])): line for line in view.members() if line.get("md5") and line.get("verdict") == "taken"}
    found: dict[str, tuple[str, str, str]] = {}
    for dataset in DATABASES if members else ():
        for record in view.records(dataset):
            changed = SETTINGS if record.get("escadre.package.settings") else MODIFIED
            algorithm = next((name for name in ALGORITHMS if f"escadre.package.{name}" in record), "md5")
            digests = record.get(f"escadre.package.{algorithm}") or ()
            for file, digest in zip(record["escadre.package.files"], digests, strict=False):
                place = one_path(file)
                member = members.get(place)
                if member is not None and (place not in found or found[place][1] != UNMODIFIED):
                    state = UNMODIFIED if digest == member.get(algorithm) else changed
                    found[place] = (str(record["package.name"]).partition(":")[0], state, str(record["escadre.id"]))
    for place, member in members.items():
        if place in found:
            yield _record(member, *found[place])


def _record(member: dict[str, Any], package: str, state: str, used: str) -> Record:
    fields = {
        "file.path": member["path"],
        "file.size": member.get("size"),
        "file.mtime": member.get("mtime"),
        "file.hash.md5": member["md5"],
        "file.hash.sha256": member.get("sha256"),
        "package.name": package,
        "escadre.package.state": state,
        "escadre.records_used": [used],
    }
    return Record(str(member["path"]), {name: value for name, value in fields.items() if value is not None})
