r"""Profiles: accounts that logged on to the host, with their folder and the times of loading."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key
from scout.formats.regf.data import filetime

_PAIRS = {
    "LocalProfileLoadTime": "event.start",
    "ProfileLoadTime": "event.start",
    "LocalProfileUnloadTime": "event.end",
    "ProfileUnloadTime": "event.end",
}


def _profile(at: At, key: Key) -> dict[str, Any] | None:
    sid = key.name.removesuffix(".bak")
    path = key.text("ProfileImagePath")
    if not path:
        return None
    made: dict[str, Any] = {"user.id": sid, "user.name": at.host.users.get(sid) or path.rpartition("\\")[2], "file.path": path}
    for prefix, field in _PAIRS.items():
        low, high = key.value(f"{prefix}Low"), key.value(f"{prefix}High")
        if low is None or high is None:
            continue
        if low.number is None or high.number is None:
            low.hive.note(low.offset, f"{prefix} of types {low.type} and {high.type}: only two numbers are known")
        elif when := filetime(high.number << 32 | low.number):
            made[field] = when
    state = key.value("State")
    rest = [f"State={state.number}"] if state and state.number else []
    rest += ["Backup=yes"] if key.name.endswith(".bak") else []
    return made | {"@timestamp": made.get("event.start") or key.last_written or None, "escadre.settings": rest or None}


ARTEFACT, parse, expected = registry_artefact(
    name="user_profiles",
    title="User profiles",
    about="Each account that has a profile on the host, local and of the domain: SID, folder, last loading and unloading (Windows 10 "
    "1607 and later). Service accounts have one too.",
    proves_not="That a person logged on at the time of loading: services and tasks load profiles too.",
    keys=(r"Software\Microsoft\Windows NT\CurrentVersion\ProfileList\*",),
    read=each_key(_profile),
    fields=("file.path", "event.start", "event.end", "escadre.settings"),
    times={
        "@timestamp": "last loading of the profile; where that is not kept, the last write of the key, as a rule at the last logon",
        "event.start": "last loading of the profile",
        "event.end": "last unloading of the profile",
    },
    category=("iam",),
    type=("user", "info"),
    action="account-observed",
    attack=("T1033",),
    message="The account {user.name!q} ({user.id}) has the profile {file.path!q}[, last loaded at {event.start}].",
    sources=("ProfileList key, libyal winreg-kb", "User Profiles, Microsoft Win32"),
)
