r"""Facts of a Windows host from its SYSTEM and SOFTWARE hives: name, version, time zone, control set, system root, profiles.

Sources: Microsoft Learn, `TIME_ZONE_INFORMATION` and `DYNAMIC_TIME_ZONE_INFORMATION`; ProfileList as documented in KB 947215; the zone
names are Unicode CLDR's `windowsZones` (territory 001), as data in `windows_zones.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.hives.mount import MountedHive, mount, open_hive
from scout.data import load_data
from scout.formats.commandline import expand_windows
from scout.formats.regf import Hive, Key

_VERSION = "Software\\Microsoft\\Windows NT\\CurrentVersion"
_ROOTS = ("Windows", "WINNT")
WANTED: tuple[str, ...] = tuple(f"{root}/System32/config/{name}" for root in _ROOTS for name in ("SYSTEM", "SOFTWARE"))

Fetch = Callable[[str], Evidence | None]


def facts(fetch: Fetch) -> dict[str, Any]:
    """Return keyword arguments of `Host`, only what is known. `fetch(path)` gives a wanted member with its companions."""
    result: dict[str, Any] = {}
    for path in WANTED:
        hive = _hive(fetch(path))
        if hive is not None:
            result = (_system(hive) if path.endswith("SYSTEM") else _software(hive)) | result
    return {"os": "windows", **result} if result else {}


def _hive(evidence: Evidence | None) -> MountedHive | None:
    opened = open_hive(evidence) if evidence else None
    return MountedHive(opened, mount(evidence, Host(""), opened)) if evidence and isinstance(opened, Hive) else None


def _key(hive: MountedHive, path: str) -> Key | None:
    """Return the key of a normalised path; that of the current control set, and not the 32-bit copy."""
    return next((found.key for found in hive.find(path) if found.current is not False and not found.wow64), None)


def _number(key: Key | None, name: str) -> int | None:
    value = key.value(name) if key else None
    return value.number if value else None


def _system(hive: MountedHive) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if not hive.current:
        return result
    result["control_set"] = hive.current
    control = "System\\CurrentControlSet\\Control"
    names = _key(hive, f"{control}\\ComputerName\\ComputerName")
    if name := names.text("ComputerName") if names else "":
        result["name"] = name
    if zone := _zone(_key(hive, f"{control}\\TimeZoneInformation")):
        result["timezone"] = zone
    return result


def _zone(key: Key | None) -> str:
    """Return the IANA name, or the fixed offset of the standard time, '' where neither is known."""
    if key is None:
        return ""
    if name := zones().get(key.text("TimeZoneKeyName").upper(), ""):
        return name
    bias = _number(key, "ActiveTimeBias") if _number(key, "DynamicDaylightTimeDisabled") else _number(key, "Bias")
    if bias is None:
        return ""
    minutes = -(bias - (1 << 32) if bias >> 31 else bias)
    if abs(minutes) > 24 * 60:
        return ""
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@cache
def zones() -> dict[str, str]:
    """Return Windows zone name in upper case → IANA name."""
    return {str(name).upper(): str(zone) for name, zone in load_data("commodore.facts", "windows_zones.yaml").items()}


def _software(hive: MountedHive) -> dict[str, Any]:
    result: dict[str, Any] = {}
    version = _key(hive, _VERSION)
    if version is not None:
        if root := version.text("SystemRoot"):
            result["system_root"] = root
        if described := _version(version):
            result["os_version"] = described
    profiles = _key(hive, f"{_VERSION}\\ProfileList")
    if profiles is not None:
        result |= _profiles(profiles, result.get("system_root", "C:\\Windows"))
    return result


def _version(key: Key) -> str:
    """Return `Windows 10 Pro 22H2 (10.0.19045.3803)`; a build from 22000 on is Windows 11, although ProductName says 10."""
    name, build = key.text("ProductName"), key.text("CurrentBuildNumber") or key.text("CurrentBuild")
    if build.isdigit() and int(build) >= 22000 and "Server" not in name:
        name = name.replace("Windows 10", "Windows 11")
    major, minor, revision = (_number(key, n) for n in ("CurrentMajorVersionNumber", "CurrentMinorVersionNumber", "UBR"))
    number = f"{major}.{minor or 0}" if major is not None else key.text("CurrentVersion")
    number = ".".join(part for part in (number, build, str(revision) if revision is not None else "") if part)
    release = key.text("DisplayVersion") or key.text("ReleaseId") or key.text("CSDVersion")
    return " ".join(part for part in (name, release, f"({number})" if number else "") if part)


def _profiles(key: Key, system_root: str) -> dict[str, Any]:
    """Return SID → profile directory, and SID → account name, which is the directory's name."""
    profiles: dict[str, str] = {}
    users: dict[str, str] = {}
    for profile in key.subkeys():
        sid = profile.name.removesuffix(".bak")
        path = expand_windows(profile.text("ProfileImagePath"), system_root)
        if not sid.startswith("S-1-") or not path or sid in profiles:
            continue
        profiles[sid] = path
        users[sid] = {"S-1-5-18": "SYSTEM", "S-1-5-19": "LOCAL SERVICE", "S-1-5-20": "NETWORK SERVICE"}.get(sid, path.rpartition("\\")[2])
    return {"profiles": profiles, "users": users} if profiles else {}
