"""Find the file of the examined host that a name means: through links on Linux, without case and with the usual folders on Windows."""

from __future__ import annotations

import re
import stat
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scout.collecting.destinations import Reached, resolved
from scout.collecting.volumes import HostVolumes
from scout.references.named import NamedFile
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls

_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
_LIBRARIES = ("usr/local/lib", "lib64", "usr/lib64", "lib", "usr/lib")
_SCRIPT = re.compile(r"(?i)\.(?:sh|bash|py|pl|rb|php|lua|js|jar|so(?:\.\d+)*|ko|elf|bin|cgi)$")
_SYSTEM_FOLDERS = ("System32", "", "System32/drivers", "SysWOW64", "System32/wbem")
_ENDINGS = ("", ".exe", ".dll", ".sys")
_KEPT_NAMES = 300_000
"""names of folders that are kept, of all listed folders together"""


class ResolvedFile(NamedTuple):
    """A regular file, and the links on the way to it."""

    source: EvidenceSource
    parts: Parts
    links: tuple[tuple[EvidenceSource, Parts], ...] = ()


class LinuxNames:
    """Names on a Linux host."""

    def __init__(self, source: EvidenceSource, timed: TimedCalls) -> None:
        self._source, self._timed, self._volumes = source, timed, HostVolumes([source])
        self._libraries: tuple[str, ...] | None = None
        self._known: dict[str, ResolvedFile | None] = {}

    def find(self, named: NamedFile) -> ResolvedFile | None:
        """Return the regular file; None where there is none, and for a file that is only named and is no program."""
        found = self._found(named.path)
        if found is None or named.certain:
            return found
        return found if self._is_program(found.parts) else None

    def is_folder(self, path: str) -> bool:
        """Return whether an absolute path is a folder."""
        return self._folder(path) is not None

    def listed(self, folder: str) -> list[str]:
        """Return the names in the folder with this absolute path; [] where it is none or cannot be read."""
        parts = self._folder(folder)
        try:
            entries = [] if parts is None else self._timed.call(self._source.scan, parts, lambda _: True)
        except OSError:
            return []
        return [entry.name for entry in entries]

    def _folder(self, path: str) -> Parts | None:
        found = resolved(self._source, self._timed, tuple(part for part in path.split("/") if part), self._volumes, [])
        return found.parts if isinstance(found, Reached) and stat.S_ISDIR(found.mode) else None

    def _found(self, name: str) -> ResolvedFile | None:
        if name not in self._known:
            self._known[name] = next(self._candidates(name), None)
        return self._known[name]

    def _candidates(self, name: str) -> Iterator[ResolvedFile]:
        if "\0" in name or len(name) > 4096:
            return
        if name.startswith("/"):
            folders: tuple[str, ...] = ("",)
        elif "/" in name or name in ("", ".", ".."):
            return
        else:
            folders = self._library_folders() if ".so" in name else _PATH
        for folder in folders:
            parts = tuple(part for part in f"{folder}/{name}".split("/") if part)
            links: list[tuple[EvidenceSource, Parts]] = []
            found = resolved(self._source, self._timed, parts, self._volumes, links)
            if isinstance(found, Reached) and stat.S_ISREG(found.mode):
                yield ResolvedFile(self._source, found.parts, tuple(links))

    def _library_folders(self) -> tuple[str, ...]:
        if self._libraries is None:
            found = list(_LIBRARIES)
            for above in ("lib", "usr/lib"):
                try:
                    listed = self._timed.call(self._source.scan, tuple(above.split("/")), lambda name: "-linux-" in name)
                except OSError:
                    continue
                found.extend(f"{above}/{entry.name}" for entry in listed[:16])
            self._libraries = tuple(f"{folder}{below}" for below in ("", "/security") for folder in found)
        return self._libraries

    def _is_program(self, parts: Parts) -> bool:
        if _SCRIPT.search(parts[-1]):
            return True
        try:
            return bool(self._timed.call(self._source.status, parts).st_mode & 0o111)
        except OSError:
            return False


class WindowsNames:
    """Names on a Windows host. `sources`: its volumes, the system's first; `system_root`: the folder as it is spelled, `Windows`."""

    def __init__(self, sources: Sequence[EvidenceSource], timed: TimedCalls, system_root: str) -> None:
        self._sources = {one.volume: one for one in reversed(sources)}
        self._timed, self._root, self._volumes = timed, system_root, HostVolumes(sources)
        self._folders: OrderedDict[tuple[str, Parts], dict[str, str]] = OrderedDict()
        self._blocked: set[tuple[str, Parts]] = set()
        """folders that cannot be listed: links among them"""
        self._kept = 0
        self._known: dict[str, ResolvedFile | None] = {}

    def find(self, named: NamedFile) -> ResolvedFile | None:
        """Return the regular file; None where there is none on the volumes of the collection."""
        key = named.path.lower()
        if key not in self._known:
            self._known[key] = next(self._candidates(named.path), None)
        return self._known[key]

    def _candidates(self, name: str) -> Iterator[ResolvedFile]:
        if "\0" in name or len(name) > 1024:
            return
        name = name.strip().strip('"').replace("/", "\\")
        if re.match(r"[A-Za-z]:\\", name):
            drive, wanted = name[0].upper(), [name[3:]]
        elif "\\" in name or not name:
            return
        else:
            drive = "C"
            wanted = [f"{self._root}\\{folder}\\{name}".replace("/", "\\") for folder in _SYSTEM_FOLDERS]
        source = self._sources.get(drive)
        if source is None:
            return
        for one in wanted:
            for ending in _ENDINGS if "." not in name.rpartition("\\")[2] else ("",):
                found = self._spelled(source, drive, tuple(part for part in f"{one}{ending}".split("\\") if part))
                if found is not None:
                    yield found

    def _spelled(self, source: EvidenceSource, drive: str, parts: Parts) -> ResolvedFile | None:
        """Return the file as the volume spells it, through links on the way; None where it is no regular file."""
        done: Parts = ()
        for part in parts:
            if part in (".", ".."):
                return None
            name = self._listed(source, drive, done).get(part.lower())
            if name is None:
                return self._through_links(source, parts) if (drive, done) in self._blocked else None
            done = (*done, name)
        try:
            mode = self._timed.call(source.status, done).st_mode if done else 0
        except OSError:
            return None
        if stat.S_ISLNK(mode):
            return self._through_links(source, done)
        return ResolvedFile(source, done) if stat.S_ISREG(mode) else None

    def _through_links(self, source: EvidenceSource, parts: Parts) -> ResolvedFile | None:
        links: list[tuple[EvidenceSource, Parts]] = []
        found = resolved(source, self._timed, parts, self._volumes, links)
        if not isinstance(found, Reached) or not stat.S_ISREG(found.mode):
            return None
        return ResolvedFile(found.source, found.parts, tuple(links))

    def _listed(self, source: EvidenceSource, drive: str, folder: Parts) -> dict[str, str]:
        key = (drive, folder)
        if key in self._folders:
            self._folders.move_to_end(key)
            return self._folders[key]
        try:
            names = {entry.name.lower(): entry.name for entry in self._timed.call(source.scan, folder, lambda _: True)}
        except OSError:
            names = {}
            self._blocked.add(key)
        self._kept += len(names) + 1
        self._folders[key] = names
        while self._kept > _KEPT_NAMES and len(self._folders) > 1:
            self._kept -= len(self._folders.popitem(last=False)[1]) + 1
        return names
