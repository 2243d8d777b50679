"""Open the examined host: its sources, the targets that apply to it, and whether it is the host that this runs on."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scout.collecting import configured, identity, narrowing, plan, running_windows
from scout.collecting.options import CollectOptions
from scout.collecting.planned import PlannedItems
from scout.collecting.volumes import HostVolumes
from scout.console import WRONG_USE, Complaint
from scout.sources import snapshots
from scout.sources.directory import DirectorySource
from scout.sources.source import EvidenceSource, Parts, find
from scout.sources.timed_calls import TimedCalls
from scout.sources.timed_directory import TimedDirectory
from scout.targets import CollectionTarget, load, select
from scout.targets.foreign import ForeignDefinition, ForeignLibrary, is_foreign
from scout.targets.patterns import literal

if TYPE_CHECKING:
    from scout.collecting.imaged import ImagedHost

ANSWER_SECONDS = 30.0
"""time that one call may take on a file system that may hang"""
_DRIVE = re.compile(r"[A-Za-z]:")
PATHS = "PATH"
"""target id of the paths that the command line names"""


@dataclass(slots=True)
class ExaminedHost:
    """The examined host, opened. The first source is the one with the operating system; it names the host, its users and homes."""

    sources: list[EvidenceSource]
    targets: list[CollectionTarget]
    live: bool
    timed: TimedCalls
    imaged: ImagedHost | None = None
    """its disks, where it is read from disks or images"""
    paths: Sequence[str] = ()
    """native paths, where only these are taken"""
    foreign: Sequence[ForeignDefinition] = ()
    """the definitions of other collectors among the targets"""
    gaps: identity.Gaps = field(default_factory=dict)
    """files of which the host's facts were not read completely: native path → sentence"""

    @property
    def system(self) -> EvidenceSource:
        """The source with the operating system."""
        return self.sources[0]

    @property
    def stuck(self) -> int:
        """Return the number of calls to file systems that never returned."""
        return self.timed.given_up + sum(one.given_up for one in self.sources if isinstance(one, TimedDirectory))

    def close(self) -> None:
        """Release threads and descriptors."""
        self.timed.close()
        for source in self.sources:
            source.close()
        for disk in self.imaged.disks if self.imaged is not None else ():
            disk.blocks.close()


def open_host(options: CollectOptions) -> ExaminedHost:
    """Open the root, or the images, and choose the targets. Complaint where root, images, system, profile or targets are wrong."""
    host = _of_images(options) if options.images else _of_root(options)
    system = "windows" if host.system.windows else "linux"
    if options.paths or options.sweep is not None:
        host.paths = options.paths or [source.native(()) for source in host.sources]
        host.targets = [target_of_paths(host, host.system, host.paths)]
    else:
        host.targets = _chosen(host, options, system)
        _add_snapshot(host)
    if not host.targets:
        what = f"None of the targets {', '.join(options.targets)} applies to {host.system.path} ({system})."
        raise Complaint(what, "scout targets lists them by system.", WRONG_USE)
    return host


def _add_snapshot(host: ExaminedHost) -> None:
    """Add the oldest snapshot of a Linux root to the sources, where a target asks for it."""
    root = host.system
    if (
        any(target.snapshots for target in host.targets)
        and isinstance(root, DirectorySource)
        and not root.windows
        and len(host.sources) == 1
    ):
        found = snapshots.oldest(root, host.timed)
        if found is not None:
            found.users, found.groups = root.users, root.groups
            host.sources.append(found)


def _chosen(host: ExaminedHost, options: CollectOptions, system: str) -> list[CollectionTarget]:
    """Return the targets of this system that the options name, own ones and definitions of other collectors."""
    own = [name for name in options.targets if not is_foreign(name)]
    foreign = [name for name in options.targets if is_foreign(name)]
    out = [] if foreign and not own else select(load(), os_name=system, profile=options.profile, names=own, live=host.live)
    if foreign:
        library = ForeignLibrary(options.definitions)
        host.foreign = library.choose(foreign)
        secret = _secrets(system)
        out += [replace(one, secret=secret) for definition in host.foreign for one in definition.targets() if one.os == system]
    return out


def _secrets(system: str) -> tuple[str, ...]:
    """Return the secrets of all targets: they stay secret, whoever names them."""
    return tuple(dict.fromkeys(pattern for target in load() if target.os == system for pattern in target.secret))


def _of_images(options: CollectOptions) -> ExaminedHost:
    from scout.collecting.imaged import open_images

    if options.root is not None:
        raise Complaint("--root and --image were given together.", "Give one of them.", WRONG_USE)
    imaged = open_images(options.images, options.system, shadows=options.shadows)
    return ExaminedHost(imaged.sources, [], False, TimedCalls(0), imaged)


def _of_root(options: CollectOptions) -> ExaminedHost:
    path = str(options.root) if options.root is not None else own_root()
    live = options.root is None or os.path.realpath(path) == os.path.realpath(own_root())
    if not Path(path).is_dir():
        what = "is not a directory" if Path(path).exists() else "does not exist"
        raise Complaint(f"{path} {what}.", "Give --root the directory under which the examined disk is mounted.", WRONG_USE)
    try:
        sources: list[EvidenceSource] = (
            list(running_windows.drives(removable=options.removable)) if live and own_system() == "windows" else [_directory(path)]
        )
        timed = TimedCalls(0 if sources[0].answers else ANSWER_SECONDS)
        systems = [options.system] if options.system else [own_system()] if live else timed.call(identity.systems_of, sources[0])
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror or e}.", "Run as root, or mount it so that it can be read.") from e
    if len(systems) != 1:
        sources[0].close()
        raise _unclear(path, systems)
    if isinstance(sources[0], DirectorySource):
        sources[0].windows = systems == ["windows"]
    return ExaminedHost(sources, [], live, timed)


def _directory(path: str) -> DirectorySource:
    """Return the directory as a source; each of its calls is bounded in time where its file system may not answer."""
    made = DirectorySource(path)
    if made.answers:
        return made
    made.close()
    return TimedDirectory(path, ANSWER_SECONDS)


def _unclear(path: str, systems: Sequence[str]) -> Complaint:
    if systems:
        what = f"{path} looks like a Linux root (etc, usr, var) and like a Windows disk (Windows/System32)."
        return Complaint(what, "Say which one it is: --os linux or --os windows.", WRONG_USE)
    what = f"{path} looks like neither a Windows disk (Windows/System32) nor a Linux root (etc, usr, var)."
    return Complaint(what, "Give the top of the mounted disk, or say what it is: --os windows or --os linux.", WRONG_USE)


def make_plan(host: ExaminedHost, on_folder: Callable[[Parts], None] | None = None, *, compare: bool = True) -> plan.CollectionPlan:
    """Walk every source once; return what is there, in the order of work. Reads only passwd or ProfileList, which name the homes, and
    the configuration of logs and keys; with `compare` also files of packages, to find those that were changed.

    What nothing matches is listed for the volume of the system only, for paths for every volume of their drive.
    """
    homes, variables = identity.profiles(host.system, host.gaps), identity.variables(host.system)
    made, volumes = plan.CollectionPlan(PlannedItems(), []), HostVolumes(host.sources)
    found = configured.targets_with(host.targets, host.system, _secrets("windows" if host.system.windows else "linux"))
    for source in host.sources:
        of_config = [configured.on_volume(target, source) for target in found]
        targets = [target_of_paths(host, source, host.paths)] if host.paths else [*host.targets, *of_config]
        files = [target for target in targets if (target.paths or target.first) and _of_copy(target, source)]
        own = homes if source is host.system else list(dict.fromkeys([*homes, *identity.profiles_on(source, host.system)]))
        one = plan.make(source, files, own, variables, host.timed, on_folder, volumes=volumes)
        made.items.move(narrowing.narrow(one.items, source, host.timed, on_folder or (lambda _: None), compare=compare))
        made.missing.extend(one.missing if source is host.system or (host.paths and "@" not in source.volume) else [])
        if len(host.sources) > 1:
            source.forget()
    _once(made.items)
    return made


def _of_copy(target: CollectionTarget, source: EvidenceSource) -> bool:
    """Return whether a target takes files of this source: of a snapshot only what triage takes, and nothing that is merely suspicious."""
    return not isinstance(source, snapshots.SnapshotSource) or (target.priority == "T" and target.rule is None)


def _once(items: PlannedItems) -> None:
    """Remove items behind a link to another volume that the plan of that volume has too, or another link."""
    if not items.behind_links:
        return
    behind = {(item.source.volume, item.parts) for item in items if item.place}
    known = {key for item in items if not item.place and (key := (item.source.volume, item.parts)) in behind}
    items.revise(lambda item: (item,) if not item.place or _add((item.source.volume, item.parts), known) else ())


def _add(key: tuple[str, Parts], known: set[tuple[str, Parts]]) -> bool:
    new = key not in known
    known.add(key)
    return new


def target_of_paths(host: ExaminedHost, source: EvidenceSource, paths: Sequence[str]) -> CollectionTarget:
    """Return a target for those native paths that are on one volume: a file, or a folder with everything below. The secrets of all targets
    stay secret.
    """
    system = "windows" if source.windows else "linux"
    drives = sorted({one.native(())[:1] for one in host.sources}) if source.windows else []
    mine = []
    for path in paths:
        parts = parts_of(source, path)
        if source.windows and path[:1].upper() not in drives:
            what = f"--path {path}: there is no volume {path[:2].upper()}"
            raise Complaint(f"{what} Volumes are {', '.join(f'{one}:' for one in drives)}.", "Give a path on one of them.", WRONG_USE)
        if not source.windows or path[:1].upper() == source.native(())[:1]:
            mine.append(_pattern(host, source, parts))
    return CollectionTarget(
        id=PATHS,
        what="Paths that the command line names",
        why="Asked for",
        os=system,
        paths=tuple(dict.fromkeys(mine)),
        secret=_secrets(system),
        priority="O",
        order=0,
        cap=0,
        size="as they are",
        access="N",
        unread="the artefacts choose by path and content",
    )


def _pattern(host: ExaminedHost, source: EvidenceSource, parts: Parts) -> str:
    real = find(source, *parts) or parts
    try:
        folder = stat.S_ISDIR(host.timed.call(source.status, real).st_mode)
    except OSError:
        folder = False
    return "/".join([*map(literal, real), *(["**"] if folder else [])])


def parts_of(source: EvidenceSource, path: str) -> Parts:
    r"""Return the names in a native path: `/etc/passwd`, `C:\Windows\x`. Complaint where it is not absolute or leads upwards."""
    if source.windows:
        rest = path[2:].replace("/", "\\")
        names = rest.split("\\") if _DRIVE.match(path) and rest.startswith("\\") else None
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
