"""What the evidence says of a file that an entry starts: its content, its signature, its package, and whether it was there.

    files = StartedFiles(view, members, wanted)
    files.of("/usr/sbin/cron")          StartedFile; what nobody knows is empty

A name in a command proves nothing, and neither does the place of a file. A valid signature and an unmodified file of a package speak for a
file; a package's file with another content and a signature that does not fit speak against it. What was not collected is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from commodore.case.jsonl import having
from commodore.case.known_programs import KnownProgram, KnownPrograms, key
from commodore.persistence.suspicion import Suspicion
from scout.formats.linux_paths import spellings
from scout.formats.windows_paths import is_windows

if TYPE_CHECKING:
    from commodore.case.view import CaseView
    from commodore.persistence.members import Members

DATASETS = frozenset({"dpkg_files", "file_listing", "missing_targets", "package_files", "programs", "security_catalogs"})
"""Datasets that `StartedFiles` reads"""
_PLACES = ("lies", "is hidden", "is a script")
"""How clauses about a place begin"""
_MOST = 100_000
"""files of one host that are remembered"""


class StartedFile(NamedTuple):
    """One file. `verdict`: of its signature, '' where it is no collected program; `state`: of its package; `listed`: seen by SCOUT's list.

    owned     whether a package has the path, None where nothing says so
    gone      the collection shows that it was not there
    copies    collected programs with the same content
    catalogs  catalogs of Windows were collected, which sign most of its programs
    """

    path: str
    sha256: str = ""
    verdict: str = ""
    signer: str = ""
    package: str = ""
    state: str = ""
    owned: bool | None = None
    listed: bool = False
    gone: bool = False
    copies: int = 0
    catalogs: bool = False

    @property
    def signed(self) -> str:
        """Return the clause of a valid signature, or ''."""
        return f"is signed by {self.signer or 'a trusted signer'}" if self.verdict == "valid" else ""

    @property
    def vouched(self) -> str:
        """Return the clause that speaks for the file, or ''."""
        return f"is as the package {self.package} brought it" if self.state == "unmodified" else self.signed

    def weighed(self, found: Iterable[Suspicion]) -> list[Suspicion]:
        """Return the suspicions about the file, less what speaks for it and more what speaks against it.

        A package puts its files where it likes. A signed program may load an unsigned library beside it: an odd place remains of medium
        severity. What a name pretends is never excused.
        """
        out = []
        for one in found:
            placed = self.vouched and one.words.startswith(_PLACES)
            if not placed:
                out.append(one)
            elif self.state != "unmodified" and one.severity in ("high", "critical"):
                out.append(Suspicion("medium", f"{one.words}, though it {self.vouched}"))
        if self.state == "modified":
            out.append(Suspicion("high", f"is not the file that the package {self.package} brought"))
        if self.verdict == "invalid":
            out.append(Suspicion("high", "has a signature that does not fit its content"))
        return out

    def knowledge(self) -> tuple[list[str], list[str]]:
        """Return (what is known, what is not), as clauses and as nouns."""
        known, unknown = [], []
        if self.gone:
            return ["it was not there when the host was collected"], []
        if self.sha256:
            known.append("its content was collected" if self.copies < 2 else f"its content was collected from {self.copies} places")
        else:
            unknown.append("its content (not collected)")
        if is_windows(self.path):
            self._signature(known, unknown)
        elif self.package:
            known.append(f"it is of the package {self.package}" + (f", {self.state}" if self.state else ""))
            if not self.state:
                unknown.append("whether it was modified")
        elif self.owned is False:
            known.append("no package owns it")
        else:
            unknown.append("its package")
        return known, unknown

    def _signature(self, known: list[str], unknown: list[str]) -> None:
        if self.verdict == "valid":
            known.append(f"it {self.signed}")
        elif self.verdict not in ("", "unknown"):
            known.append(f"its signature is {self.verdict}")
        elif self.verdict and self.catalogs:
            known.append("neither it nor a collected catalog has a signature of it")
        else:
            unknown.append("whether it is signed")


class StartedFiles:
    """The files of one host. `wanted`: paths of Linux files for which the list of all files is asked."""

    def __init__(self, view: CaseView | None = None, members: Members | None = None, wanted: Collection[str] = ()) -> None:
        self._view, self._members, self._wanted = view, members, wanted
        self._found: dict[str, StartedFile] = {}

    def of(self, path: str) -> StartedFile:
        """Return what is known of the file at a native path."""
        if self._view is None:
            return StartedFile(path)
        known = self._found.get(path)
        if known is None:
            known = self._made(path)
            if len(self._found) < _MOST:
                self._found[path] = known
        return known

    @cached_property
    def _programs(self) -> KnownPrograms | None:
        return KnownPrograms(self._view) if self._view is not None else None

    @cached_property
    def _packages(self) -> dict[str, tuple[str, str]]:
        records = self._view.records("package_files") if self._view is not None else ()
        return {key(str(r["file.path"])): (str(r["package.name"]), str(r["escadre.package.state"])) for r in records}

    @cached_property
    def _owners(self) -> dict[str, tuple[str, bool | None]]:
        """Path of a wanted file that SCOUT listed → package or '', and whether a package has it."""
        if self._view is None or not self._wanted:
            return {}
        paths = [form for path in self._wanted for form in spellings(path)]
        found = {}
        for record in self._view.records("file_listing", having("file.path", paths)):
            owned = record.get("escadre.file.in_package")
            found[key(str(record["file.path"]))] = (str(record.get("package.name") or ""), owned if isinstance(owned, bool) else None)
        return found

    @cached_property
    def _gone(self) -> frozenset[str]:
        records = self._view.records("missing_targets") if self._view is not None else ()
        return frozenset(key(str(record["file.path"])) for record in records)

    def _made(self, path: str) -> StartedFile:
        mark = key(path)
        program: KnownProgram | None = self._programs.by_path(path) if self._programs is not None else None
        sha256 = str((self._members.facts(path) if self._members is not None else {}).get("sha256") or "")
        package, state = self._packages.get(mark, ("", ""))
        listed = self._owners.get(mark)
        return StartedFile(
            path,
            sha256=sha256,
            verdict=program.verdict if program is not None else "",
            signer=program.signer if program is not None else "",
            package=package or (listed[0] if listed else ""),
            state=state,
            owned=True if package else listed[1] if listed else None,
            listed=listed is not None,
            gone=mark in self._gone,
            copies=len(self._programs.by_hash(sha256)) if self._programs is not None and sha256 else 0,
            catalogs=self._programs is not None and self._programs.catalogs,
        )


NO_FILES = StartedFiles()
