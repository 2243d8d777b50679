"""Identify the examined host from its own files: name, version, time zone, users, homes. Guesses are listed in `inferred`.

All reading goes through the source, which follows no link out of it. A bound that cuts a file is recorded as a gap: path → sentence.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scout.collecting import running_windows
from scout.formats import linux_host
from scout.formats.accounts import accounts, groups
from scout.live.windows._volume import WindowsVolume
from scout.sources.source import EvidenceSource, Parts, contents, find, resolve

if TYPE_CHECKING:
    from scout.formats.regf import Hive

MAX_HIVE = 256 << 20
"""bytes of a hive that is read for facts: SOFTWARE of Windows 10 and 11 has 60 to 150 MB"""
MAX_TEXT = 4 << 20
"""bytes of passwd and group that are read"""
MAX_HOMES = 2_000
"""homes from passwd or ProfileList, and again homes from the usual folders: each is looked through with every pattern"""
MAX_TRIED = 20_000
"""homes of passwd that are looked up"""
Gaps = dict[str, str]
_NO_HOME = {"", "/", "/nonexistent", "/dev/null", "/proc", "/sys", "/dev", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/tmp"}  # noqa: S108  (names, not used as files)


_NO_PROFILE = ("all users", "default user")
"""junctions that every Windows has beside the profiles"""


def systems_of(source: EvidenceSource) -> list[str]:
    """Return `windows`, `linux`, by the folders at the top of the source; [] where it looks like neither. Raises OSError.

    Both where a complete Linux root has a Windows folder beside it: anyone who owns the disk can create one.
    """
    entries = source.scan((), lambda _: True)
    names = {entry.name for entry in entries}
    folders = [entry.name for entry in entries if entry.kind == "folder" and entry.name.lower() in ("windows", "winnt")]
    linux = {"etc", "usr", "var"} & names
    found = ["windows"] if any(_has_system32(source, name) for name in folders) else []
    return [*found, "linux"] if len(linux) == 3 or (linux and not found) else found


def _has_system32(source: EvidenceSource, folder: str) -> bool:
    try:
        return bool(source.scan((folder,), lambda name: name.lower() == "system32"))
    except OSError:
        return False


def text(source: EvidenceSource, *parts: str, gaps: Gaps | None = None) -> str:
    """Return a small text file of the host, other bytes than UTF-8 as surrogates (`os.fsdecode`); '' where it is not there."""
    try:
        data, cut = contents(source, parts, MAX_TEXT)
    except OSError:
        return ""
    if cut and gaps is not None:
        gaps[source.native(parts)] = f"only its first {MAX_TEXT:,} bytes were read for users and homes"
    return data.decode("utf-8", "surrogateescape")


def shown(value: str) -> str:
    """Return text of the host without surrogates, for what is printed and becomes a file name."""
    return value.encode("utf-8", "replace").decode("utf-8")


def host(root: EvidenceSource, *, live: bool) -> dict[str, Any]:
    """Return the `host` of collection.json: `name`, `os`, `os_version`, `timezone`, `system_root`, `machine_id`, `root_ino`, `inferred`."""
    known = (running_windows.facts() if live else _windows(root)) if root.windows else _linux(root, live=live)
    inferred = []
    if not known.get("name"):
        known["name"] = Path(root.path).name or "host"
        inferred.append("name")
    known |= {"os": "windows" if root.windows else "linux", "root_ino": root.ino, "inferred": inferred}
    return {key: shown(value) if isinstance(value, str) else value for key, value in known.items() if value not in (None, "")}


def load_owners(root: EvidenceSource, gaps: Gaps) -> None:
    """Fill `users` and `groups` of the source from the host's own passwd and group."""
    for user in accounts(text(root, "etc", "passwd", gaps=gaps)):
        root.users.setdefault(user.uid, shown(user.name))
    for group in groups(text(root, "etc", "group", gaps=gaps)):
        root.groups.setdefault(group.gid, shown(group.name))


def homes_by_account(root: EvidenceSource) -> dict[str, str]:
    """Return account → home, as passwd of a Linux host has them."""
    return {user.name: user.home.rstrip("/") for user in accounts(text(root, "etc", "passwd")) if user.home.startswith("/")}


def profiles(root: EvidenceSource, gaps: Gaps) -> list[str]:
    """Return profile and home folders below the root (`Users/agnes.m`, `home/agnes`): those that the host names, then the usual folders.

    At most `MAX_HOMES` of each; more are recorded in `gaps`.
    """
    places = ("Users", "Documents and Settings") if root.windows else ("home",)
    named = _listed_profiles(root, gaps, root) if root.windows else _homes(root, gaps)
    folders = [find(root, place) if root.windows else resolve(root, (place,)) for place in places]
    usual = (parts for folder in folders if folder for parts in _folders(root, folder))
    origin = (
        root.native(("etc", "passwd"))
        if not root.windows
        else root.native((variables(root)["SystemRoot"], "System32", "config", "SOFTWARE"))
    )
    found = dict.fromkeys([*_bounded(named, gaps, origin), *_bounded(usual, gaps, root.native((places[0],)))])
    return ["/".join(parts) for parts in found]


def profiles_on(volume: EvidenceSource, system: EvidenceSource) -> list[str]:
    """Return the profiles and homes on another volume of the host than that of its system: those that ProfileList puts there, and the
    folders of the usual places, at most `MAX_HOMES` of each.
    """
    places = ("Users", "Documents and Settings") if volume.windows else ("home",)
    folders = [find(volume, place) if volume.windows else resolve(volume, (place,)) for place in places]
    usual = (parts for folder in folders if folder for parts in _folders(volume, folder))
    named = _bounded(_listed_profiles(system, {}, volume), {}, "") if volume.windows else []
    return ["/".join(parts) for parts in dict.fromkeys([*named, *_bounded(usual, {}, "")])]


def _bounded(homes: Iterator[Parts], gaps: Gaps, origin: str) -> list[Parts]:
    """Return at most `MAX_HOMES` different homes."""
    out: dict[Parts, None] = {}
    for parts in homes:
        if parts not in out and len(out) == MAX_HOMES:
            gaps[origin] = f"it names more than {MAX_HOMES:,} homes: only the first {MAX_HOMES:,} were looked through"
            break
        out[parts] = None
    return list(out)


def variables(root: EvidenceSource) -> dict[str, str]:
    """Return `%SystemRoot%` of a Windows tree: the folder as it is spelled there."""
    if not root.windows:
        return {}
    found = find(root, "Windows", "System32") or find(root, "WINNT", "System32")
    return {"SystemRoot": found[0] if found else "Windows"}


def _listed_profiles(root: EvidenceSource, gaps: Gaps, volume: EvidenceSource) -> Iterator[Parts]:
    """Yield the folders that ProfileList of the system `root` names on a volume; behind a link as they are named.

    Source: Microsoft, "About User Profiles" (ProfileList, ProfileImagePath).
    """
    folder, drive = variables(root)["SystemRoot"], root.native(())[:2]
    for named in running_windows.profiles() if isinstance(root, WindowsVolume) else _profiles_of_hive(root, folder, gaps):
        path = re.sub(r"(?i)^%(?:systemroot|windir)%", lambda _: f"{drive}\\{folder}", named)
        parts = re.sub(r"(?i)^%systemdrive%", drive, path).split("\\")
        if parts.pop(0).upper() == volume.native(())[:2] and parts and not {"", ".", ".."} & set(parts):
            found = find(volume, *parts) or (tuple(parts) if _behind_link(volume, parts) else None)
            if found:
                yield found


def _behind_link(volume: EvidenceSource, names: Sequence[str]) -> bool:
    """Return whether a link is on the way to a path."""
    for length in range(1, len(names)):
        above = find(volume, *names[:length])
        if above is None:
            return False
        try:
            if stat.S_ISLNK(volume.status(above).st_mode):
                return True
        except OSError:
            return False
    return False


def _profiles_of_hive(root: EvidenceSource, folder: str, gaps: Gaps) -> Iterator[str]:
    software = _hive(root, folder, "SOFTWARE", gaps)
    listed = software.find(r"Microsoft\Windows NT\CurrentVersion\ProfileList") if software is not None else None
    for key in listed.subkeys() if listed is not None else ():
        yield key.text("ProfileImagePath")


def _homes(root: EvidenceSource, gaps: Gaps) -> Iterator[Parts]:
    """Yield the homes that passwd names and that are folders, in the order of the file."""
    yield ("root",)
    named = dict.fromkeys(user.home.rstrip("/") for user in accounts(text(root, "etc", "passwd", gaps=gaps)))
    for tried, path in enumerate(path for path in named if path not in _NO_HOME and path.startswith("/")):
        if tried == MAX_TRIED:
            gaps[root.native(("etc", "passwd"))] = f"it names more than {MAX_TRIED:,} homes: the rest was not looked up"
            return
        parts = resolve(root, tuple(part for part in path.split("/") if part))
        if parts and _is_folder(root, parts):
            yield parts


def _is_folder(root: EvidenceSource, parts: Parts) -> bool:
    try:
        return stat.S_ISDIR(root.status(parts).st_mode)
    except OSError:
        return False


def _folders(root: EvidenceSource, parts: Parts) -> Iterator[Parts]:
    try:
        entries = root.scan(parts, lambda _: True)
    except OSError:
        return
    for entry in entries:
        if entry.kind == "folder" or (entry.kind == "link" and root.windows and entry.name.lower() not in _NO_PROFILE):
            yield (*parts, entry.name)


def _linux(root: EvidenceSource, *, live: bool) -> dict[str, Any]:
    def read(path: str) -> bytes:
        return _bytes(root, *path.split("/"))

    zone = linux_host.zone_of(lambda path: _link(root, *path.split("/")), read)
    return {
        "name": os.uname().nodename if live else linux_host.name_of(read),
        "os_version": linux_host.version_of(read),
        "timezone": zone.name,
        "timezone_conflict": zone.conflict,
        "system_root": "/",
        "machine_id": text(root, "etc", "machine-id").strip(),
        "kernel": os.uname().release if live else "",
    }


def _bytes(root: EvidenceSource, *parts: str) -> bytes:
    try:
        return contents(root, parts, linux_host.LONGEST)[0]
    except OSError:
        return b""


def _link(root: EvidenceSource, *parts: str) -> str:
    try:
        return root.link(parts)
    except OSError:
        return ""


def _windows(root: EvidenceSource) -> dict[str, Any]:
    folder = variables(root)["SystemRoot"]
    known: dict[str, Any] = {"system_root": f"C:\\{folder}"}
    system, software = _hive(root, folder, "SYSTEM"), _hive(root, folder, "SOFTWARE")
    if system is not None:
        known |= _from_system(system)
    if software is not None:
        version = software.find(r"Microsoft\Windows NT\CurrentVersion")
        if version is not None:
            words = [version.text("ProductName"), version.text("DisplayVersion") or version.text("CSDVersion")]
            build = version.text("CurrentBuild") or version.text("CurrentBuildNumber")
            known["os_version"] = " ".join([word for word in words if word] + ([f"build {build}"] if build else []))
        cryptography = software.find(r"Microsoft\Cryptography")
        if cryptography is not None:
            known["machine_id"] = cryptography.text("MachineGuid")
    return known


def _from_system(hive: Hive) -> dict[str, Any]:
    known: dict[str, Any] = {}
    control = f"{control_set(hive)}\\Control"
    name = hive.find(rf"{control}\ComputerName\ComputerName")
    if name is not None:
        known["name"] = name.text("ComputerName")
    zone = hive.find(rf"{control}\TimeZoneInformation")
    if zone is not None:
        known["timezone_name"] = zone.text("TimeZoneKeyName").split("\x00")[0]
        bias = zone.value("ActiveTimeBias")
        minutes = bias.number if bias is not None else None
        if minutes is not None:
            minutes = -(minutes - (1 << 32) if minutes >= 1 << 31 else minutes)
            known["timezone"] = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return known


def control_set(hive: Hive) -> str:
    """Return the control set that the host started with last: `ControlSet001`."""
    select = hive.find("Select")
    current = select.value("Current") if select is not None else None
    return f"ControlSet{(current.number if current is not None else None) or 1:03d}"


def system_hive(root: EvidenceSource) -> Hive | None:
    """Return the SYSTEM hive of a Windows volume as it is, without its logs; None where it cannot be read."""
    from scout.formats.regf import BadHive, Hive

    parts = find(root, variables(root)["SystemRoot"], "System32", "config", "SYSTEM")
    try:
        data, cut = contents(root, parts, MAX_HIVE) if parts else (b"", True)
        return None if cut else Hive.open(data, [])
    except (OSError, BadHive):
        return None


def _hive(root: EvidenceSource, folder: str, name: str, gaps: Gaps | None = None) -> Hive | None:
    """Return a hive with its logs replayed, in memory; None where there is none, it is too large, or it cannot be read."""
    from scout.formats.regf import BadHive, Hive

    files = []
    for file in (name, f"{name}.LOG1", f"{name}.LOG2"):
        parts = find(root, folder, "System32", "config", file)
        try:
            data, cut = contents(root, parts, MAX_HIVE) if parts else (b"", False)
        except OSError:
            data, cut = b"", False
        if cut and parts and gaps is not None:
            gaps[root.native(parts)] = f"larger than {MAX_HIVE:,} bytes: it was not read for the host's profiles"
        files.append(b"" if cut else data)
    if not files[0]:
        return None
    try:
        return Hive.open(files[0], [log for log in files[1:] if log])
    except BadHive:
        return None
