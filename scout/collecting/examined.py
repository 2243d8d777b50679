"""Open the examined host: its sources, the targets that apply to it, and whether it is the host that this runs on."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scout.collecting import identity, plan, running_windows
from scout.collecting.options import CollectOptions
from scout.console import WRONG_USE, Complaint
from scout.sources.directory import DirectorySource
from scout.sources.source import EvidenceSource, Parts, find
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget, load, select
from scout.targets.patterns import literal

ANSWER_SECONDS = 30.0
"""time that one call may take on a file system that may hang"""
PATHS = "PATH"
"""target id of the paths that the command line names"""


@dataclass(slots=True)
class ExaminedHost:
    """The examined host, opened. The first source is the one with the operating system; it names the host, its users and homes."""

    sources: list[EvidenceSource]
    targets: list[CollectionTarget]
    live: bool
    timed: TimedCalls
    gaps: identity.Gaps = field(default_factory=dict)
    """files of which the host's facts were not read completely: native path → sentence"""

    @property
    def system(self) -> EvidenceSource:
        """The source with the operating system."""
        return self.sources[0]

    def close(self) -> None:
        """Release threads and descriptors."""
        self.timed.close()
        for source in self.sources:
            source.close()


def open_host(options: CollectOptions) -> ExaminedHost:
    """Open the root and choose the targets. Complaint where root, system, profile or targets are wrong."""
    path = str(options.root) if options.root is not None else own_root()
    live = options.root is None or os.path.realpath(path) == os.path.realpath(own_root())
    if not Path(path).is_dir():
        what = "is not a directory" if Path(path).exists() else "does not exist"
        raise Complaint(f"{path} {what}.", "Give --root the directory under which the examined disk is mounted.", WRONG_USE)
    try:
        sources: list[EvidenceSource] = list(running_windows.drives()) if live and own_system() == "windows" else [DirectorySource(path)]
        timed = TimedCalls(0 if sources[0].answers else ANSWER_SECONDS)
        systems = [options.system] if options.system else [own_system()] if live else timed.call(identity.systems_of, sources[0])
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror or e}.", "Run as root, or mount it so that it can be read.") from e
    if len(systems) != 1:
        sources[0].close()
        raise _unclear(path, systems)
    if isinstance(sources[0], DirectorySource):
        sources[0].windows = systems == ["windows"]
    host = ExaminedHost(sources, [], live, timed)
    if options.paths:
        host.targets = [_of_paths(host, options.paths)]
    else:
        host.targets = select(load(), os_name=systems[0], profile=options.profile, names=options.targets, live=live)
    if not host.targets:
        what = f"None of the targets {', '.join(options.targets)} applies to {path} ({systems[0]})."
        raise Complaint(what, "scout targets lists them by system.", WRONG_USE)
    return host


def _unclear(path: str, systems: Sequence[str]) -> Complaint:
    if systems:
        what = f"{path} looks like a Linux root (etc, usr, var) and like a Windows disk (Windows/System32)."
        return Complaint(what, "Say which one it is: --os linux or --os windows.", WRONG_USE)
    what = f"{path} looks like neither a Windows disk (Windows/System32) nor a Linux root (etc, usr, var)."
    return Complaint(what, "Give the top of the mounted disk, or say what it is: --os windows or --os linux.", WRONG_USE)


def make_plan(host: ExaminedHost, on_folder: Callable[[Parts], None] | None = None) -> plan.CollectionPlan:
    """Walk every source once; return what is there, in the order of work. Reads only passwd or ProfileList, which name the homes."""
    files = [target for target in host.targets if target.paths or target.first]
    homes, variables = identity.profiles(host.system, host.gaps), identity.variables(host.system)
    made = plan.CollectionPlan([], [])
    for source in host.sources:
        one = plan.make(source, files, homes, variables, host.timed, on_folder)
        made.items.extend(one.items)
        if source is host.system:  # what the targets want is on the drive with the system; on other drives most of it never was
            made.missing.extend(one.missing)
    return made


def _of_paths(host: ExaminedHost, paths: Sequence[str]) -> CollectionTarget:
    """Return a target for native paths: a file, or a folder with everything below. The secrets of all targets stay secret."""
    source = host.system
    system = "windows" if source.windows else "linux"
    return CollectionTarget(
        id=PATHS,
        what="Paths that the command line names",
        why="Asked for",
        os=system,
        paths=tuple(dict.fromkeys(_pattern(host, path) for path in paths)),
        secret=tuple(dict.fromkeys(pattern for target in load() if target.os == system for pattern in target.secret)),
        priority="O",
        order=0,
        cap=0,
        size="as they are",
        access="N",
        unread="the artefacts choose by path and content",
    )


def _pattern(host: ExaminedHost, path: str) -> str:
    parts = parts_of(host.system, path)
    real = find(host.system, *parts) or parts
    try:
        folder = stat.S_ISDIR(host.timed.call(host.system.status, real).st_mode)
    except OSError:
        folder = False
    return "/".join(map(literal, real)) + ("/**" if folder else "")


def parts_of(source: EvidenceSource, path: str) -> Parts:
    r"""Return the names in a native path: `/etc/passwd`, `C:\Windows\x`. Complaint where it is not absolute or leads upwards."""
    if source.windows:
        drive, rest = path[:2].upper(), path[2:].replace("/", "\\")
        names = rest.split("\\") if drive == source.native(())[:2] and rest.startswith("\\") else None
        form = "C:\\Windows\\Temp\\x.exe"
    else:
        names, form = path.split("/") if path.startswith("/") else None, "/etc/crontab"
    if names is None or ".." in names or "\0" in path:
        raise Complaint(f"--path {path}: not an absolute path of the examined host.", f"Write it as the host does: {form}", WRONG_USE)
    return tuple(name for name in names if name not in ("", "."))


def own_system() -> str:
    """Return the system of the host that this runs on. Its folders are not asked: anyone may have created them."""
    return "windows" if sys.platform == "win32" else "linux"


def own_root() -> str:
    """Return the root of the host that this runs on."""
    if sys.platform == "win32":
        return os.environ.get("SYSTEMDRIVE", "C:") + "\\"
    return "/"
