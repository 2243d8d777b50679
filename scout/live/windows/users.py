r"""Local accounts (`users/1`): the fields of Linux hosts as far as Windows has them; no hash, no password.

name, sid, gecos (full name and comment), home (profile folder of ProfileList), groups (local groups)
login               false: the account is disabled; locked, password_required, password_never_expires
last_logon, password_changed   RFC 3339 UTC, seconds; logons: number of logons that the account database counted
privilege           guest, user, administrator
profile_only        true: a profile of a SID that is no local account (a domain account that logged on here, or a deleted one)

Source: Microsoft, NetUserEnum, NetUserGetInfo (USER_INFO_3), NetUserGetLocalGroups, ProfileList.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from scout.live.windows import _native, _registry

SCHEMA = 1
PROFILES = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
_PRIVILEGES = ("guest", "user", "administrator")
_DISABLED, _NO_PASSWORD, _LOCKED, _NEVER = 0x2, 0x20, 0x10, 0x10000


def collect() -> Iterator[dict[str, Any]]:
    """Yield the local accounts, then profiles of other accounts."""
    registry = _registry.RunningRegistry()
    homes = profiles(registry)
    seen = set()
    for one in _accounts():
        one["home"] = homes.get(one.get("sid", ""))
        seen.add(one.get("sid"))
        yield _native.known(one)
    for sid, home in homes.items():
        if sid not in seen:
            yield _native.known({"name": _native.account(sid), "sid": sid, "home": home, "profile_only": True})


def profiles(registry: _registry.RunningRegistry) -> dict[str, str]:
    """Return SID → profile folder."""
    winreg = _native.module("winreg")
    found = {
        sid: registry.text(_registry.HKLM, f"{PROFILES}\\{sid}", "ProfileImagePath") for sid in registry.subkeys(_registry.HKLM, PROFILES)
    }
    return {sid: _native.text(winreg.ExpandEnvironmentStrings(path)) for sid, path in found.items() if path}


def _accounts() -> Iterator[dict[str, Any]]:
    net, security = _native.module("win32net"), _native.module("win32security")
    resume = 0
    while True:
        rows, _, resume = net.NetUserEnum(None, 0, 0, resume)
        for row in rows:
            yield _account(net, security, _details(net, row["name"]))
        if not resume or not rows:
            return


def _details(net: Any, name: str) -> dict[str, Any]:
    """Return the account at the highest level that this system gives: 3, then 1."""
    found: dict[str, Any] = {"name": name}
    for level in (3, 1):
        with suppress(net.error):
            found = net.NetUserGetInfo(None, name, level)
            break
    return found


def _account(net: Any, security: Any, row: dict[str, Any]) -> dict[str, Any]:
    name, flags, sid = row["name"], int(row.get("flags") or 0), ""
    with suppress(security.error):
        sid = security.ConvertSidToStringSid(security.LookupAccountName(None, name)[0])
    groups: list[str] = []
    with suppress(net.error):
        groups = [_native.text(group) for group in net.NetUserGetLocalGroups(None, name, 0)]
    age = int(row.get("password_age") or 0)
    return {
        "name": _native.text(name),
        "sid": sid,
        "gecos": ", ".join(_native.text(row[key]) for key in ("full_name", "comment") if row.get(key)),
        "groups": groups,
        "login": not flags & _DISABLED,
        "locked": bool(flags & _LOCKED),
        "password_required": not flags & _NO_PASSWORD,
        "password_never_expires": bool(flags & _NEVER),
        "privilege": _PRIVILEGES[row["priv"]] if 0 <= row.get("priv", -1) < len(_PRIVILEGES) else None,
        "last_logon": _native.moment_of_seconds(int(row.get("last_logon") or 0)),
        "logons": max(0, int(row.get("num_logons") or 0)),
        "password_changed": _native.moment_of_seconds(time.time() - age) if age > 0 else None,
    }
