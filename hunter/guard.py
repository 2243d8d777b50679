"""What HUNTER refuses to remove, whatever the plan says: boot-critical, connection-carrying, package-owned, and the last way to log in.

The lists are data (`guard.yaml`). A refusal is overridden by `--i-know` with the exact target, which the refusal prints.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from hunter.host.logins import LoginAccount, accounts, administrators, has_password, key_files
from hunter.host.state import UnsafeError
from hunter.host.tree import HostView
from hunter.objects._text import AmbiguousError, NotFoundError, find_line, without
from hunter.objects.units import unit_of
from hunter.packages import Owned, owned
from hunter.plan.model import RemovalAction
from scout.data import load_data

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\{[^{}]*\}|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GuardRule:
    """One line of the guard list."""

    pattern: re.Pattern[str]
    why: str


@dataclass(frozen=True, slots=True)
class GuardList:
    """The guard list."""

    paths: tuple[GuardRule, ...]
    units: tuple[GuardRule, ...]
    of_packages: tuple[re.Pattern[str], ...]
    """guarded where a package database is there and cannot be read"""
    not_proposed: tuple[str, ...]


@cache
def guard() -> GuardList:
    """The list of `guard.yaml`."""
    listed = load_data("hunter", "guard.yaml")
    made = {name: tuple(GuardRule(_pattern(e["match"]), e["why"]) for e in listed[name]) for name in ("paths", "units")}
    return GuardList(made["paths"], made["units"], tuple(map(_pattern, listed["of_packages"])), tuple(listed["not_proposed"]))


def _pattern(text: str) -> re.Pattern[str]:
    out = []
    for piece in _TOKEN.findall(text):
        if piece == "**/":
            out.append("(?:.*/)?")
        elif piece == "**":
            out.append(".*")
        elif piece == "*":
            out.append("[^/]*")
        elif piece.startswith("{") and len(piece) > 1:
            out.append("(?:" + "|".join(_pattern(p).pattern for p in piece[1:-1].split(",")) + ")")
        else:
            out.append(re.escape(piece))
    return re.compile("".join(out), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusals:
    """By action id: why it is not done, and what a person should know of one that is."""

    refused: dict[str, str]
    notes: dict[str, str]


def refusals(view: HostView, actions: Sequence[RemovalAction], known: Sequence[str] = ()) -> Refusals:
    """What the guards say of these actions. `known`: exact targets that the user answers for (`--i-know`)."""
    found, notes = {}, {}
    asked = owned(view, [p for a in actions if a.target.line is None for p in (a.target.path, *a.expect)])
    for a in actions:
        reason = _refusal(a, asked)
        if reason and not _answered(a, known):
            found[a.id] = f"{reason}. Only: --i-know {a.target.path}"
        elif asked.unread and a.target.line is None:
            notes[a.id] = f"{'; '.join(asked.unread)}: whether a package owns it is not known"
    return Refusals(found | {k: v for k, v in _last_login(view, actions, known).items() if k not in found}, notes)


def _answered(action: RemovalAction, known: Sequence[str]) -> bool:
    return action.target.path in known or (action.kind == "systemd-unit" and action.target.name in known)


def _refusal(action: RemovalAction, asked: Owned) -> str:
    if action.kind == "systemd-unit" and not action.target.path.endswith(".conf"):
        for rule in guard().units:
            if rule.pattern.fullmatch(unit_of(action.target.path)):
                return f"unit {unit_of(action.target.path)}: {rule.why}"
    for path in (action.target.path, *action.expect):
        for rule in guard().paths:
            if rule.pattern.fullmatch(path):
                return f"{path}: {rule.why}"
        if action.target.line is not None:  # a table that a package brought is cleaned line by line
            continue
        if owner := asked.packages.get(path):
            return f"{path} belongs to the package {owner}: reinstall that, it may be needed"
        if asked.unread and any(pattern.fullmatch(path) for pattern in guard().of_packages):
            return f"{path} lies where packages put their files, and {'; '.join(asked.unread)}"
    return ""


def _last_login(view: HostView, actions: Sequence[RemovalAction], known: Sequence[str]) -> dict[str, str]:
    """The actions after which no administrator, or where none can now, nobody at all, could log in by key or password."""
    if not any(a.kind in ("authorized-key", "file") for a in actions):
        return {}
    mine = [a for a in actions if a.kind == "authorized-key"]
    try:
        everybody = accounts(view)
        files = set(key_files(everybody))
        mine += [a for a in actions if a.kind == "file" and a.target.path in files]
        if not mine:
            return {}
        chiefs = administrators(view, everybody)
        who, word = (chiefs, "administrator") if _way_in(view, chiefs, ()) else (everybody, "account")
        if _way_in(view, who, mine):
            return {}
    except (UnsafeError, OSError) as e:
        mine, why = [a for a in mine if not _answered(a, known)], f"it cannot be told whether anybody could still log in ({e})"
        return {a.id: f"{why}. Only: --i-know {a.target.path}" for a in mine}
    theirs = set(key_files(who))
    last = [a for a in mine if a.target.path in theirs] or mine
    if any(_answered(a, known) for a in last):
        return {}
    return {a.id: f"it is the last key: afterwards no {word} could log in. Only: --i-know {a.target.path}" for a in last}


def _way_in(view: HostView, who: Sequence[LoginAccount], gone: Sequence[RemovalAction]) -> bool:
    """True where one of these accounts can log in when `gone` is done."""
    return has_password(view, who) or any(_keys_left(view, path, gone) for path in key_files(who))


def _keys_left(view: HostView, path: str, actions: Sequence[RemovalAction]) -> bool:
    try:
        data = view.read(path)
    except (FileNotFoundError, NotADirectoryError, UnsafeError, ValueError):
        return False
    cuts = []
    for a in actions:
        if a.target.path == path and a.target.line is None:
            return False
        if a.target.path == path:
            with suppress(NotFoundError, AmbiguousError):  # it takes nothing out then; `check` tells why
                cuts += find_line(data, a.target.line or b"", a.target.number)[0]
    return any(line.strip() and not line.strip().startswith(b"#") for line in without(data, cuts).splitlines())
