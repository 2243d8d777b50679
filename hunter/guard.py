"""Objects that HUNTER refuses to remove, whatever is in the plan.

Refused are: objects outside the places of their kind (`kinds/`), what a host needs to boot, to be reached, to log and to be updated
(`guard.yaml`), files of packages, and the last way to log in. `--i-know` with the exact target, which the refusal prints, overrides it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hunter.afterwards import FilesAfterwards
from hunter.catalogue import catalogue
from hunter.checks import checks
from hunter.host.logins import accounts, administrators, has_password, key_files
from hunter.host.view import FileView, HostView
from hunter.host.windows_logins import administrators as windows_administrators
from hunter.mechanisms import mechanism_of
from hunter.objects import of, told
from hunter.overlaps import overlaps
from hunter.packages import Owned, owned
from hunter.plan.model import RemovalAction
from hunter.ref import Ref
from hunter.unsafe import UnsafeError
from scout.data import load_data
from scout.formats.accounts import PasswdAccount
from scout.targets.patterns import path_regex

ACCOUNT = "account"
_SERVICE = re.compile(r"(?i)HKLM/SYSTEM/[^/]+/Services/([^/]+)(?:/(?:Start|Type|ImagePath|ObjectName))?")
"""a service, or what decides whether and how it starts"""


@dataclass(frozen=True, slots=True)
class GuardRule:
    """One line of the guard list."""

    match: str
    """a pattern of places, or of names"""
    why: str
    fold: bool = False
    whole: bool = False
    """it holds for the removal of the object as a whole, not of a line or element of it, nor for its default"""

    def fits(self, text: str) -> bool:
        """Return whether a place or name is guarded."""
        return path_regex(self.match, fold=self.fold).fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class GuardList:
    """The guard list."""

    places: dict[str, tuple[GuardRule, ...]]
    """kind of object → rules of `Object.place`"""
    units: tuple[GuardRule, ...]
    rights: tuple[GuardRule, ...]
    """programs that keep setuid, setgid and capabilities"""
    services: tuple[GuardRule, ...]
    of_packages: tuple[re.Pattern[str], ...]
    """guarded where a package database exists and cannot be read"""


@cache
def guard() -> GuardList:
    """The list of `guard.yaml`."""
    listed = load_data("hunter", "guard.yaml")
    made = {name: tuple(map(_rule, listed[name])) for name in ("paths", "units", "rights")}
    keys = {f"registry-{name}": tuple(_rule(e, fold=True) for e in listed[f"registry-{name}"]) for name in ("key", "value")}
    keys["process"] = (*(_rule(e) for e in listed["process"]), *(_rule(e, fold=True) for e in listed["process-windows"]))
    keys["wmi-object"] = tuple(_rule(e, fold=True) for e in listed["wmi-object"])
    return GuardList(
        {"file": made["paths"], **keys},
        made["units"],
        made["rights"],
        tuple(_rule(e, fold=True) for e in listed["services"]),
        tuple(path_regex(text, fold=False) for text in listed["of_packages"]),
    )


def _rule(entry: Mapping[str, str], *, fold: bool = False) -> GuardRule:
    return GuardRule(entry["match"], entry["why"], fold, entry.get("whole") == "yes")


def forbidden(kind: str, ref: Ref) -> str:
    """Why an action of this kind must not change an object, whatever is there; '' where it may."""
    place = of(ref).place(ref)
    for rule in guard().places.get(ref.object, ()):
        if rule.fits(place) and not (rule.whole and mechanism_of(kind).stays):
            return rule.why
    if catalogue()[kind].operation == "file-rights":
        for rule in guard().rights:
            if rule.fits(place):
                return rule.why
    service = _SERVICE.fullmatch(place)
    if service and catalogue()[kind].removal != "RS":
        for rule in guard().services:
            if rule.fits(service[1]):
                return rule.why
    if not catalogue()[kind].may_act_at(place):
        return f"it is not in a place where HUNTER does {catalogue()[kind].verb} ({kind})"
    return ""


@dataclass(frozen=True, slots=True)
class Refusals:
    """By action id: why it is refused, and what a person should know of one that is not."""

    refused: dict[str, str]
    notes: dict[str, str]


def refusals(view: HostView, actions: Sequence[RemovalAction], known: Sequence[str] = ()) -> Refusals:
    """Refusals and notes for these actions. `known`: exact targets that the user answers for (`--i-know`)."""
    found, notes = {}, {}
    whole = [ref for a in actions if a.target.line is None for ref in (a.target.ref, *a.expect)]
    asked = owned(view.files, [ref.name for ref in whole if ref.object == "file"])
    for a in actions:
        reason = _own_account(a, live=view.live) or _refusal(a, asked)
        if reason and not _answered(a, known):
            found[a.id] = f"{reason}. Only: --i-know {_name(a)}"
        elif asked.unread and a.target.line is None:
            notes[a.id] = f"{'; '.join(asked.unread)}: whether a package owns it is not known"
    after = FilesAfterwards(view, actions)
    wrong = (
        overlaps(actions)
        | _checked(view, after, actions)
        | _last_login(view, after, actions, known)
        | _last_administrator(view, actions, known)
    )
    return Refusals(found | {k: v for k, v in wrong.items() if k not in found}, notes)


def _checked(view: HostView, after: FilesAfterwards, actions: Sequence[RemovalAction]) -> dict[str, str]:
    """The actions of files that would be wrong afterwards, all of a file together. Nothing overrides it."""
    found: dict[str, str] = {}
    changed = set(after.changed())
    for path, name in dict.fromkeys((a.target.ref.name, catalogue()[a.kind].check) for a in actions if catalogue()[a.kind].check):
        try:
            why = checks()[name](view.files, after, path) if path in changed else ""
        except (UnsafeError, OSError) as e:
            why = f"what it would be cannot be looked at ({e})"
        found |= {a.id: f"{path}: {why}" for a in actions if why and a.target.ref.name == path}
    return found


def _name(action: RemovalAction) -> str:
    """Return what --i-know takes for an action."""
    return (action.target.line or b"").decode(errors="backslashreplace") if action.kind == ACCOUNT else told(action.target.ref)


def _answered(action: RemovalAction, known: Sequence[str]) -> bool:
    return _name(action) in known or (action.target.name in known and mechanism_of(action.kind).encloses)


def _own_account(action: RemovalAction, *, live: bool) -> str:
    """Why an account must not be disabled: root, and who works on this host."""
    if action.kind != ACCOUNT:
        return ""
    name = (action.target.line or b"").decode(errors="backslashreplace")
    if name == "root":
        return "account root: nobody could repair the host without it"
    return (
        f"account {name}: it is the one that you work with"
        if live and name in (os.environ.get("SUDO_USER"), os.environ.get("USER"))
        else ""
    )


def _refusal(action: RemovalAction, asked: Owned) -> str:
    if unit := mechanism_of(action.kind).unit(action.target.ref):
        for rule in guard().units:
            if rule.fits(unit):
                return f"unit {unit}: {rule.why}"
    for ref in (action.target.ref, *action.expect):
        path = told(ref)
        if why := forbidden(action.kind, ref):
            return f"{path}: {why}"
        if action.target.line is not None or mechanism_of(action.kind).stays or ref.object != "file":  # a package's file is edited too
            continue
        if owner := asked.packages.get(path):
            return f"{path} belongs to the package {owner}: reinstall the package, the host may need the file"
        if asked.unread and any(pattern.fullmatch(path.lstrip("/")) for pattern in guard().of_packages):
            return f"{path} is where packages put their files, and {'; '.join(asked.unread)}"
    return ""


def _last_login(view: HostView, after: FilesAfterwards, actions: Sequence[RemovalAction], known: Sequence[str]) -> dict[str, str]:
    """The actions after which no administrator could log in by key or password; where none can now, nobody at all."""
    mine = [a for a in actions if catalogue()[a.kind].login or (a.target.line is None and a.target.ref.object == "file")]
    if not mine:
        return {}
    try:
        everybody = accounts(view.files)
        keys = set(key_files(everybody))
        mine = [a for a in mine if a.target.line is not None or a.target.ref.name in keys]
        chiefs = administrators(view.files, everybody)
        word = "administrator" if _way_in(view.files, chiefs) else "account" if _way_in(view.files, everybody) else ""
        if not word or _still(after, word):
            return {}
        last = [a for a in mine if _still(FilesAfterwards(view, [other for other in actions if other is not a]), word)] or mine
    except (UnsafeError, OSError) as e:
        mine, why = [a for a in mine if not _answered(a, known)], f"HUNTER cannot tell whether anybody could still log in ({e})"
        return {a.id: f"{why}. Only: --i-know {_name(a)}" for a in mine}
    if any(_answered(a, known) for a in last):
        return {}
    return {a.id: f"it is the last way in: afterwards no {word} could log in. Only: --i-know {_name(a)}" for a in last}


def _last_administrator(view: HostView, actions: Sequence[RemovalAction], known: Sequence[str]) -> dict[str, str]:
    """The actions after which nobody could administer a Windows."""
    mine = [a for a in actions if catalogue()[a.kind].operation == "sam-account"]
    if not mine or view.live or any(_answered(a, known) for a in mine):
        return {}

    def now(key: str) -> bytes | None:
        value = view.registry.value(key, "F")
        return None if value is None else value.data

    gone = {a.target.ref.name.casefold() for a in mine}
    try:
        last = windows_administrators(view, now) and not windows_administrators(view, lambda k: None if k.casefold() in gone else now(k))
    except UnsafeError as e:
        return {a.id: f"HUNTER cannot tell who administers this Windows ({e}). Only: --i-know {_name(a)}" for a in mine}
    why = "it is the last way in: afterwards no administrator could log on"
    return {a.id: f"{why}. Only: --i-know {_name(a)}" for a in mine} if last else {}


def _still(after: FilesAfterwards, word: str) -> bool:
    """Return whether somebody can log in afterwards: an administrator, or any account."""
    left = accounts(after)
    return _way_in(after, administrators(after, left) if word == "administrator" else left)


def _way_in(files: FileView, who: Sequence[PasswdAccount]) -> bool:
    """True where one of these accounts can log in."""
    return has_password(files, who) or any(_has_key(files, path) for path in key_files(who))


def _has_key(files: FileView, path: str) -> bool:
    try:
        data = files.read(path)
    except (FileNotFoundError, NotADirectoryError, UnsafeError, ValueError):
        return False
    return any(line.strip() and not line.strip().startswith(b"#") for line in data.splitlines())
