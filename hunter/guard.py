"""What HUNTER refuses to remove, whatever the plan says: boot-critical, connection-carrying, package-owned, and the last way to log in.

The lists are data (`guard.yaml`). A refusal is overridden by `--i-know` with the exact target, which the refusal prints.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from hunter.objects.units import unit_of
from hunter.packages import Owned, owned
from hunter.plan import Action
from hunter.state import UnsafeError
from hunter.surgery import AmbiguousError, NotFoundError, find_line, without
from hunter.tree import View
from scout.data import load_data

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\{[^{}]*\}|.", re.DOTALL)
_NO_LOGIN = ("/nologin", "/false", "/sync", "/halt", "/shutdown")
_KEY_FILES = (".ssh/authorized_keys", ".ssh/authorized_keys2")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the guard list."""

    pattern: re.Pattern[str]
    why: str


@dataclass(frozen=True, slots=True)
class Guard:
    """The guard list."""

    paths: tuple[Rule, ...]
    units: tuple[Rule, ...]
    of_packages: tuple[re.Pattern[str], ...]
    """guarded where a package database is there and cannot be read"""
    not_proposed: tuple[str, ...]


@cache
def guard() -> Guard:
    """The list of `guard.yaml`."""
    listed = load_data("hunter", "guard.yaml")
    made = {name: tuple(Rule(_pattern(e["match"]), e["why"]) for e in listed[name]) for name in ("paths", "units")}
    return Guard(made["paths"], made["units"], tuple(map(_pattern, listed["of_packages"])), tuple(listed["not_proposed"]))


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


def refusals(view: View, actions: Sequence[Action], known: Sequence[str] = ()) -> Refusals:
    """What the guards say of these actions. `known`: exact targets that the user answers for (`--i-know`)."""
    found, notes = {}, {}
    asked = owned(view, [p for a in actions if a.target.line is None for p in (a.target.path, *a.expect)])
    for a in actions:
        reason = _refusal(a, asked)
        if reason and not {a.target.path, a.target.name} & set(known):
            found[a.id] = f"{reason}. Only: --i-know {a.target.path}"
        elif asked.unread and a.target.line is None:
            notes[a.id] = f"{'; '.join(asked.unread)}: whether a package owns it is not known"
    return Refusals(found | {k: v for k, v in _last_login(view, actions, known).items() if k not in found}, notes)


def _refusal(action: Action, asked: Owned) -> str:
    if action.target.line is not None:
        return ""
    if action.kind == "systemd-unit" and not action.target.path.endswith(".conf"):
        for rule in guard().units:
            if rule.pattern.fullmatch(unit_of(action.target.path)):
                return f"unit {unit_of(action.target.path)}: {rule.why}"
    for path in (action.target.path, *action.expect):
        for rule in guard().paths:
            if rule.pattern.fullmatch(path):
                return f"{path}: {rule.why}"
        if owner := asked.packages.get(path):
            return f"{path} belongs to the package {owner}: reinstall that, it may be needed"
        if asked.unread and any(pattern.fullmatch(path) for pattern in guard().of_packages):
            return f"{path} lies where packages put their files, and {'; '.join(asked.unread)}"
    return ""


def _last_login(view: View, actions: Sequence[Action], known: Sequence[str]) -> dict[str, str]:
    """The actions that take the last authorised key where afterwards no account could log in by key or password."""
    mine = [a for a in actions if a.kind == "authorized-key"]
    if not mine or {a.target.path for a in mine} & set(known):
        return {}
    try:
        if _passwords(view) or any(_keys_left(view, path, mine) for path in _key_files(view)):
            return {}
    except (UnsafeError, OSError) as e:
        return {a.id: f"it cannot be told whether anybody could still log in ({e}). Only: --i-know {a.target.path}" for a in mine}
    return {a.id: f"it is the last key: afterwards no account could log in. Only: --i-know {a.target.path}" for a in mine}


def _text(view: View, path: str) -> str:
    try:
        return view.read(path).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _accounts(view: View) -> list[tuple[str, str]]:
    """(name, home) of accounts with a login shell."""
    rows = [line.split(":") for line in _text(view, "/etc/passwd").splitlines()]
    return [(r[0], r[5]) for r in rows if len(r) >= 7 and not r[6].strip().endswith(_NO_LOGIN)]


def _passwords(view: View) -> bool:
    """True where an account with a login shell has a usable password. Source: shadow(5)."""
    names = {name for name, _ in _accounts(view)}
    rows = [line.split(":") for line in _text(view, "/etc/shadow").splitlines()]
    return any(len(r) > 1 and r[0] in names and len(r[1]) > 3 and r[1][0] not in "!*" for r in rows)


def _key_files(view: View) -> list[str]:
    homes = {home for _, home in _accounts(view) if home.startswith("/")}
    return [posixpath.join(home, name) for home in sorted(homes) for name in _KEY_FILES]


def _keys_left(view: View, path: str, actions: Sequence[Action]) -> bool:
    try:
        data = view.read(path)
    except (FileNotFoundError, NotADirectoryError, UnsafeError, ValueError):
        return False
    cuts = []
    for a in actions:
        if a.target.path == path:
            with suppress(NotFoundError, AmbiguousError):  # it takes nothing out then; `check` tells why
                cuts += find_line(data, a.target.line or b"", a.target.number)[0]
    return any(line.strip() and not line.strip().startswith(b"#") for line in without(data, cuts).splitlines())
