r"""The place of a hive in the registry: `HKLM\SOFTWARE`, `HKU\<SID>`, or `?\<file name>` where the name does not show it.

Sources: Registry Hives, Microsoft Win32 documentation; HKEY_USERS and HKEY_CLASSES_ROOT Key, the same; names of the registry copies in
restore points of Windows XP: Monitored File Extensions and System Restore, Microsoft Learn.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from commodore.evidence import Evidence
from commodore.host import Host
from scout.formats.regf import Hive

_MACHINE = {name: name for name in ("SOFTWARE", "SYSTEM", "SAM", "SECURITY", "HARDWARE", "COMPONENTS", "DRIVERS", "ELAM")} | {
    "BCD": "BCD00000000"
}
"""file name → key below HKLM"""
_RESTORE_POINT = re.compile(
    r"_REGISTRY_(?:MACHINE_(?P<machine>[A-Z]+)|USER_(?P<default>\.DEFAULT)|USER_(?P<kind>NTUSER|USRCLASS)_(?P<sid>S-1-[-0-9]+))"
)
_SERVICE_PROFILES = {"systemprofile": "S-1-5-18", "localservice": "S-1-5-19", "networkservice": "S-1-5-20"}
_PROFILE_PARENTS = ("users", "documents and settings", "serviceprofiles", "config")


class Mount(NamedTuple):
    r"""The place of a hive in the registry: `path` (`HKLM\SOFTWARE`), and for user hives the owner as far as known."""

    path: str
    user: str = ""
    """name of the account"""
    sid: str = ""
    profile: str = ""
    """profile directory, native path"""
    classes: bool = False
    """whether it is the hive of a user's classes (UsrClass.dat), by its file name or by the one that Windows wrote into it"""
    copy: str = ""
    """what the hive is that Windows does not read: a backup, of a former installation; '' for one in use"""


_COPIES = (
    (re.compile(r"(?is)(?:.*\\)?system volume information\\_restore"), "a restore point"),
    (re.compile(r"(?is)(?:.*\\)?windows\.old(?:\.\d+|\(\d+\))?\\"), "a former installation"),
    (re.compile(r"(?is)(?:.*\\)?config\\regback\\[^\\]*\Z"), "a backup"),
    (re.compile(r"(?is)(?:.*\\)?repair\\[^\\]*\Z"), "a backup"),
)
"""native paths of hives beside those in use, and what they are"""


def mount(evidence: Evidence, host: Host, hive: Hive | None = None) -> Mount:
    """Return the place of a hive, from its file name, its folder, and the host's profiles."""
    source = evidence.source.replace("/", "\\")
    copy = next((what for pattern, what in _COPIES if pattern.match(source)), "")
    return _mount(evidence, host, hive)._replace(copy=copy)


def _mount(evidence: Evidence, host: Host, hive: Hive | None) -> Mount:
    name = evidence.name.upper()
    if name in _MACHINE:
        return Mount(f"HKLM\\{_MACHINE[name]}")
    if name == "DEFAULT":
        return Mount("HKU\\.DEFAULT", sid="S-1-5-18")
    if copied := _RESTORE_POINT.fullmatch(name):
        return _copied(copied, host) or Mount(f"?\\{evidence.name}")
    if name not in ("NTUSER.DAT", "NTUSER.MAN", "USRCLASS.DAT"):
        written = _last(hive.name).upper() if hive else ""
        return Mount(f"?\\{evidence.name}", classes=written == "USRCLASS.DAT")
    user = _user(evidence, host, hive)
    return user._replace(path=f"{user.path}_Classes", classes=True) if name == "USRCLASS.DAT" else user


def _copied(name: re.Match[str], host: Host) -> Mount | None:
    """Return the place of a hive that a restore point has under this name."""
    if name["machine"]:
        return Mount(f"HKLM\\{_MACHINE[name['machine']]}") if name["machine"] in _MACHINE else None
    if name["default"]:
        return Mount("HKU\\.DEFAULT", sid="S-1-5-18")
    sid = name["sid"]
    classes = name["kind"] == "USRCLASS"
    path = f"HKU\\{sid}" + ("_Classes" if classes else "")
    return Mount(path, host.users.get(sid, ""), sid, host.profiles.get(sid, ""), classes)


def _user(evidence: Evidence, host: Host, hive: Hive | None) -> Mount:
    """Return the place of a user's hive. Its folder is the profile; that of UsrClass.dat is below the profile."""
    folder = evidence.source.replace("/", "\\").rpartition("\\")[0]
    low, below = folder.casefold() + "\\", evidence.name.upper() == "USRCLASS.DAT"
    for sid, profile in host.profiles.items():
        start = profile.rstrip("\\").casefold() + "\\"
        if low == start or (below and low.startswith(start)):
            owner = host.users.get(sid, _last(profile.rstrip("\\")))
            return Mount(f"HKU\\{sid}", owner, sid if sid.startswith("S-1-") else "", profile)
    parts = folder.split("\\")
    places = [n for n, (parent, _) in enumerate(pairwise(parts), 1) if parent.casefold() in _PROFILE_PARENTS]
    owner = parts[places[-1]] if places else ""
    profile = "\\".join(parts[: places[-1] + 1]) if places else ""
    owner = owner or (_in_header(hive.name) if hive else "")
    sid = _SERVICE_PROFILES.get(owner.casefold(), "")
    return Mount(f"HKU\\{sid or owner or '?'}", owner, sid, profile)


def _in_header(path: str) -> str:
    r"""Return the account in the path that the header of a hive has, '' where it shows none.

    The header has the last 31 characters: the first folder may be cut, and for UsrClass.dat only `\Microsoft\Windows` is left.
    """
    parts = path.casefold().split("\\")
    if len(parts) < 3:
        return ""
    cut = len(parts) == 3
    known = parts[-3] in _PROFILE_PARENTS or (cut and any(parent.endswith(parts[-3]) for parent in _PROFILE_PARENTS))
    return path.split("\\")[-2] if known else ""


def _last(path: str) -> str:
    return path.rpartition("\\")[2]


_CONTROL_SET = re.compile(r"ControlSet(\d{1,3})", re.IGNORECASE)
_COPY_32 = re.compile(r"((?:Software\\)?(?:Classes\\)?)Wow6432Node(?:\\|$)", re.IGNORECASE)
_VIRTUAL = re.compile(r"VirtualStore\\MACHINE(?=\\|$)", re.IGNORECASE)


def key_place(at: Mount, path: str, current: int) -> tuple[int, str]:
    r"""Return the place of the key at `path` below the hive, as programs see it: control set and unified path.

    The control set is its number, 0 outside control sets; `current` is that of the one in use, 0 where it is unknown. The unified path is
    '' where it is that of hive and key. It has `CurrentControlSet` for the set in use, no `Wow6432Node`, the machine's key for what
    Windows redirected to a user's VirtualStore, and `HKU\<SID>\Software\Classes` for a user's classes.
    """
    top, separator, below = path.partition("\\")
    if number := _control_set(top):
        return number, f"{at.path}\\CurrentControlSet{separator}{below}" if number == current else ""
    if at.classes:
        if moved := _VIRTUAL.match(path):
            return 0, _joined("HKLM", _without_copy(path[moved.end() + 1 :]))
        return 0, _joined(at.path.removesuffix("_Classes"), "Software\\Classes", _without_copy(path))
    return 0, _joined(at.path, _without_copy(path)) if _COPY_32.match(path) else ""


@lru_cache(maxsize=64)
def _control_set(name: str) -> int:
    """Return the number of the control set that a key at the top of a hive is; 0 where it is none."""
    found = _CONTROL_SET.fullmatch(name)
    return int(found[1]) if found else 0


def _without_copy(path: str) -> str:
    found = _COPY_32.match(path)
    return f"{found[1]}{path[found.end() :]}".rstrip("\\") if found else path


def _joined(*parts: str) -> str:
    return "\\".join(part for part in parts if part)
