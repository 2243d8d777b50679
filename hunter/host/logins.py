"""Find the accounts of a tree that can log in, by password or by key, and the administrators among them.

Sources: passwd(5), shadow(5), group(5), sudoers(5), sshd(8) (`~/.ssh/authorized_keys`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from hunter.host.view import FileView
from scout.formats import accounts as formats
from scout.formats.accounts import PasswdAccount
from scout.lines import lines

_NO_LOGIN = ("/nologin", "/false", "/sync", "/halt", "/shutdown")
_KEY_FILES = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_GROUPS = frozenset({"sudo", "wheel", "admin"})
_GRANT = re.compile(r"\s*([^\s#@=]+)\s+[^\s=]+\s*=")
"""`alice ALL=(ALL) ALL`, `%ops host = …`: the left side of a rule that grants rights"""


def accounts(view: FileView) -> list[PasswdAccount]:
    """Return the accounts with a login shell."""
    return [user for user in formats.accounts(_text(view, "/etc/passwd")) if not user.shell.strip().endswith(_NO_LOGIN)]


def administrators(view: FileView, of: Sequence[PasswdAccount]) -> list[PasswdAccount]:
    """Return those that are root or may become root by sudo; all of them where the tree does not say."""
    groups = list(formats.groups(_text(view, "/etc/group")))
    extra = [f"/etc/sudoers.d/{name}" for name, kind in view.names("/etc/sudoers.d") if kind == "file"]
    rules = [line for path in ("/etc/sudoers", *extra) for line in lines(_text(view, path))]
    if not groups and not rules:
        return list(of)
    granted = {found[1] for line in rules if (found := _GRANT.match(line))}
    wanted = _GROUPS | {name[1:] for name in granted if name.startswith("%")}
    strong = [group for group in groups if group.name in wanted]
    names = {name for group in strong for name in group.members} | granted
    ids = {group.gid for group in strong}
    return [a for a in of if a.uid == 0 or a.name in names or a.gid in ids]


def has_password(view: FileView, who: Sequence[PasswdAccount]) -> bool:
    """Return True where one of these accounts has a usable password."""
    names = {a.name for a in who}
    rows = [line.split(":") for line in lines(_text(view, "/etc/shadow"))]
    return any(len(r) > 1 and r[0] in names and len(r[1]) > 3 and r[1][0] not in "!*" for r in rows)


def key_files(who: Sequence[PasswdAccount]) -> list[str]:
    """Return the default places of their keys (sshd_config may name others)."""
    homes = {a.home.rstrip("/") for a in who if a.home.startswith("/")}
    return [posixpath.join(home or "/", name) for home in sorted(homes) for name in _KEY_FILES]


def _text(view: FileView, path: str) -> str:
    try:
        return view.read(path).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""
