"""Who the examined host is, from its own files: name, version, time zone, users, homes. What is guessed is named in `inferred`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.lines import lines, number
from scout.sources.directory import DirectorySource, Parts

MAX_HIVE = 64 << 20
"""a larger hive is not read for its facts alone; the archive holds it"""
_NO_HOME = {"", "/", "/nonexistent", "/dev/null", "/proc", "/sys", "/dev", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/tmp"}  # noqa: S108  (names, not used as files)


def systems_of(path: str) -> list[str]:
    """`windows`, `linux`, by what lies in the folder; empty where it looks like neither. Raises OSError.

    Both where a whole Linux root has a Windows folder beside it: anyone who owns the disk can put one there.
    """
    names = os.listdir(path)
    windows = [name for name in names if name.lower() in ("windows", "winnt")]
    linux = {"etc", "usr", "var"} & set(names)
    found = ["windows"] if any(inner.lower() == "system32" for name in windows for inner in _list(f"{path}/{name}")) else []
    return [*found, "linux"] if len(linux) == 3 or (linux and not found) else found


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def text(root: DirectorySource, *parts: str) -> str:
    """A small text file of the host; '' where it is not there."""
    try:
        return root.bytes(parts).decode("utf-8", "replace")
    except OSError:
        return ""


def host(root: DirectorySource, *, live: bool) -> dict[str, Any]:
    """The `host` of collection.json: `name`, `os`, `os_version`, `timezone`, `system_root`, `machine_id`, `root_ino`, `inferred`."""
    known = _windows(root) if root.windows else _linux(root, live=live)
    inferred = []
    if not known.get("name"):
        known["name"] = Path(root.path).name or "host"
        inferred.append("name")
    known |= {"os": "windows" if root.windows else "linux", "root_ino": root.ino, "inferred": inferred}
    return {key: value for key, value in known.items() if value not in (None, "")}


def load_owners(root: DirectorySource) -> None:
    """Fill `root.users` and `root.groups` from the host's own passwd and group."""
    for file, least, names in (("passwd", 7, root.users), ("group", 4, root.groups)):
        for fields in _colons(text(root, "etc", file), least):
            known = number(fields[2])
            if known is not None:
                names.setdefault(known, fields[0])


def profiles(root: DirectorySource) -> list[str]:
    """Profile and home folders below the root (`Users/agnes.m`, `home/agnes`), from passwd and from what lies in the usual places."""
    return list(dict.fromkeys("/".join(parts) for parts in (_windows_profiles(root) if root.windows else _homes(root))))


def variables(root: DirectorySource) -> dict[str, str]:
    """`%SystemRoot%` of a Windows tree: its own folder, as it is spelled there."""
    if not root.windows:
        return {}
    found = root.find("Windows", "System32") or root.find("WINNT", "System32")
    return {"SystemRoot": found[0] if found else "Windows"}


def _windows_profiles(root: DirectorySource) -> Iterator[Parts]:
    """Folders that ProfileList names on this volume, and those in the usual places.

    Source: Microsoft, "About User Profiles" (ProfileList, ProfileImagePath).
    """
    folder = variables(root)["SystemRoot"]
    software = _hive(root, folder, "SOFTWARE")
    listed = software.find(r"Microsoft\Windows NT\CurrentVersion\ProfileList") if software is not None else None
    for key in listed.subkeys() if listed is not None else ():
        path = re.sub(r"(?i)^%(?:systemroot|windir)%", lambda _: f"C:\\{folder}", key.text("ProfileImagePath"))
        parts = re.sub(r"(?i)^%systemdrive%", "C:", path).split("\\")
        if parts.pop(0).upper() == "C:" and parts and not {"", ".", ".."} & set(parts):
            found = root.find(*parts)
            if found:
                yield found
    for folder in ("Users", "Documents and Settings"):
        found = root.find(folder)
        if found:
            yield from _folders(root, found)


def _homes(root: DirectorySource) -> Iterator[Parts]:
    yield ("root",)
    named = [fields[5] for fields in _colons(text(root, "etc", "passwd"), 7)]
    for path in named:
        if path.rstrip("/") not in _NO_HOME and path.startswith("/"):
            parts = root.resolve(tuple(part for part in path.split("/") if part))
            if parts:
                yield parts
    home = root.resolve(("home",))
    if home:
        yield from _folders(root, home)


def _folders(root: DirectorySource, parts: Parts) -> Iterator[Parts]:
    try:
        entries = root.scan(parts, lambda _: True)
    except OSError:
        return
    for entry in entries:
        if entry.kind == "folder":
            yield (*parts, entry.name)


def _colons(content: str, fields: int) -> Iterator[list[str]]:
    for line in lines(content):
        found = line.split(":")
        if len(found) >= fields and not line.startswith("#"):
            yield found


def _linux(root: DirectorySource, *, live: bool) -> dict[str, Any]:
    release = text(root, "etc", "os-release") or text(root, "usr", "lib", "os-release")
    named = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', release, re.MULTILINE))
    name = os.uname().nodename if live else next(iter(text(root, "etc", "hostname").split()), "")
    return {
        "name": name,
        "os_version": named.get("PRETTY_NAME", ""),
        "timezone": _timezone(root),
        "system_root": "/",
        "machine_id": text(root, "etc", "machine-id").strip(),
        "kernel": os.uname().release if live else "",
    }


def _timezone(root: DirectorySource) -> str:
    try:
        target = root.link(("etc", "localtime"))
    except OSError:
        target = ""
    found = re.search(r"zoneinfo/(?:posix/|right/)?([A-Za-z0-9_+\-/]+)$", target)
    if found:
        return found.group(1)
    named = text(root, "etc", "timezone").strip()
    return named if re.fullmatch(r"[A-Za-z0-9_+\-/]+", named) else ""


def _windows(root: DirectorySource) -> dict[str, Any]:
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


def _from_system(hive: Any) -> dict[str, Any]:
    known: dict[str, Any] = {}
    select = hive.find("Select")
    current = select.value("Current") if select is not None else None
    number = (current.number if current is not None else None) or 1
    control = f"ControlSet{number:03d}\\Control"
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


def _hive(root: DirectorySource, folder: str, name: str) -> Any:
    """The hive with its logs replayed, in memory; None where there is none, it is too large, or it cannot be read."""
    from scout.formats.regf import BadHive, Hive

    contents = []
    for file in (name, f"{name}.LOG1", f"{name}.LOG2"):
        parts = root.find(folder, "System32", "config", file)
        try:
            contents.append(_whole(root, parts) if parts else b"")
        except OSError:
            contents.append(b"")
    if not contents[0]:
        return None
    try:
        return Hive.open(contents[0], [log for log in contents[1:] if log])
    except BadHive:
        return None


def _whole(root: DirectorySource, parts: Parts) -> bytes:
    fd, status = root.open(parts)
    with os.fdopen(fd, "rb") as file:
        return file.read(MAX_HIVE) if status.st_size <= MAX_HIVE else b""
