"""The state of one file system object: what a plan expects, a journal holds and a check compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from scout.archive.facts import rfc3339

NEEDED = {
    "file": ("type", "sha256", "size", "mode", "uid", "gid", "nlink", "xattrs", "parent_ino", "root_ino"),
    "link": ("type", "link", "uid", "gid", "nlink", "parent_ino", "root_ino"),
}
"""facts that an `expect` must have, by type; one with less is refused"""

_IDENTITY = ("parent_ino", "root_ino", "dev", "mounts")
_COMPARED = ("type", "sha256", "size", "link", "mode", "uid", "gid", "nlink", "xattrs", "attributes", "native")


@dataclass(frozen=True, slots=True)
class ObjectState:
    """One object. `mode` is octal text (`0644`), `xattrs` name → base64 (POSIX ACLs are among them), times in ns since 1970 UTC."""

    type: str
    mode: str
    uid: int
    gid: int
    nlink: int
    mtime_ns: int
    sha256: str = ""
    size: int = 0
    link: str = ""
    xattrs: tuple[tuple[str, str], ...] = ()
    native: tuple[tuple[str, str], ...] = ()
    """what a mounted NTFS volume says beside: descriptor, attributes, creation time, as (name, base64)"""
    flags: str = ""
    """`immutable`, `append` or both: such an object cannot be changed"""
    attributes: str = ""
    """file flags that are restored, as the letters of `chattr`"""
    fixed: str = ""
    """file flags that cannot be restored, as the letters of `lsattr`"""
    atime_ns: int = 0
    """restored, but not compared: any reader changes it"""
    parent_ino: int = 0
    root_ino: int = 0
    dev: int = 0
    mounts: tuple[str, ...] = ()
    """mount points between the root and the object, its own included; a whole file system of the object's own device is not among them"""

    def same(self, other: ObjectState | None) -> bool:
        """Return True where all that is compared is equal: type, content, mode, owner, xattrs, flags, number of names, mtime, link text."""
        return other is not None and self.mtime_ns == other.mtime_ns and all(getattr(self, k) == getattr(other, k) for k in _COMPARED)

    def changes(self, now: ObjectState) -> list[str]:
        """Return what differs in `now`, as `mode was 0644, is 0646`; empty where `same`."""
        pairs = [(name, getattr(self, name), getattr(now, name)) for name in _COMPARED if name not in ("xattrs", "native")]
        told = [(name, _short(was), _short(value)) for name, was, value in pairs if was != value]
        told += _xattrs(dict(self.xattrs) | dict(self.native), dict(now.xattrs) | dict(now.native))
        found = [f"{name} was {was or 'none'}, is {value or 'none'}" for name, was, value in told]
        if self.mtime_ns != now.mtime_ns:
            found.append(f"mtime was {rfc3339(self.mtime_ns)}, is {rfc3339(now.mtime_ns)}")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the state for the journal; `from_json` reads it back."""
        return {**asdict(self), "xattrs": dict(self.xattrs), "native": dict(self.native), "mounts": list(self.mounts)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ObjectState:
        pairs = {name: tuple(sorted(data.get(name, {}).items())) for name in ("xattrs", "native")}
        return ObjectState(**{**data, **pairs, "mounts": tuple(data["mounts"])})

    def expectation(self) -> dict[str, Any]:
        """Return the `expect` entry for the plan: text only; what `NEEDED` lists, and the device and mounts where known."""
        known: dict[str, Any] = {"type": self.type}
        if self.type == "file":
            known |= {"sha256": self.sha256, "size": str(self.size), "mode": self.mode}
        if self.type == "link":
            known |= {"link": readable(self.link)}
        known |= {"uid": str(self.uid), "gid": str(self.gid), "nlink": str(self.nlink)}
        if self.type == "file":
            known |= {"xattrs": {readable(k): v for k, v in self.xattrs}}
        known |= {"parent_ino": str(self.parent_ino), "root_ino": str(self.root_ino), "dev": str(self.dev)}
        return known | ({"mounts": list(self.mounts)} if self.mounts else {})

    def with_content(self, sha256: str, size: int, mtime_ns: int) -> ObjectState:
        """Return the state of the same object with other content."""
        return replace(self, sha256=sha256, size=size, mtime_ns=mtime_ns)


def presence(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """Return what is there or gone, for a person."""
    if now is None:
        return "it was there, is gone" if was else ""
    state = ObjectState.from_json(now)
    detail = f", sha256 {state.sha256[:12]}…" if state.sha256 else f" to {state.link}" if state.link else ""
    return f"it was removed, a {state.type} is there (mode {state.mode}, owner {state.uid}:{state.gid}{detail})"


def readable(text: object) -> str:
    """Return text that YAML can hold: a byte that is not UTF-8 (a lone surrogate) becomes a Python escape."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def expectation_of(facts: Mapping[str, Any], root_ino: object = None) -> dict[str, Any]:
    """Return an `expect` entry from the facts of the collection; what it did not record is absent (and must be sealed on the host).

    SCOUT leaves empty facts out, so a file whose folder's inode it knows and of which it names no extended attributes had none: a wrong
    guess is a drift that `check` reports, never a loss.
    """
    kind = str(facts.get("type") or ("file" if facts.get("sha256") else ""))
    if root_ino is not None:
        facts = {"root_ino": root_ino, **facts}
    if kind == "file" and "parent_ino" in facts:
        facts = {"xattrs": {}, **facts}
    wanted = (*NEEDED.get(kind, ("type",)), "dev")
    known: dict[str, Any] = {}
    for name in wanted:
        value = kind if name == "type" else facts.get(name)
        if value is None or value == "":
            continue
        known[name] = {readable(k): readable(v) for k, v in value.items()} if isinstance(value, Mapping) else readable(value)
    return known


def lacking(expect: Mapping[str, Any]) -> list[str]:
    """Return the facts that an `expect` entry needs and does not have."""
    kind = str(expect.get("type", ""))
    return [name for name in NEEDED.get(kind, ("type",)) if name not in expect] if kind in NEEDED else ["type"]


def differences(expect: Mapping[str, Any], now: ObjectState, *, copy: bool) -> list[tuple[str, str, str]]:
    """Return (what, expected, now) of every difference. In a copy of the tree, file ids mean nothing and are not compared."""
    kind = str(expect.get("type", ""))
    if kind != now.type:
        return [("type", kind, now.type)]
    current = now.expectation()
    found = []
    for name, value in expect.items():
        if name in _IDENTITY and (copy or name in ("dev", "mounts", "root_ino")):
            continue
        if name == "xattrs" and name in current and isinstance(value, Mapping):
            found += _xattrs(value, current[name])
        elif name in current and current[name] != value:
            found.append((name, _short(value), _short(current[name])))
    unknown = [m for m in now.mounts if m not in expect.get("mounts", [])]
    if unknown:
        found.append(("mount", "none known", ", ".join(unknown)))
    return found


def _xattrs(was: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return each extended attribute that differs, with its values in base64."""
    names = sorted({*was, *now})
    return [(f"xattrs {n}", _short(was.get(n, "none")), _short(now.get(n, "none"))) for n in names if was.get(n) != now.get(n)]


def _short(value: object) -> str:
    text = ", ".join(sorted(value)) if isinstance(value, dict) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
