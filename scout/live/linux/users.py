"""Accounts of the host (`users/1`), from /etc/passwd and /etc/group; no password hash is read.

name, uid, gid, gecos, home, shell; group: name of the primary group; groups: names of the groups that list the account
login: false where the shell refuses (nologin, false)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scout.formats import accounts as formats
from scout.live.linux import procfs

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """All accounts, in the order of the file."""
    yield from accounts("/etc/passwd", "/etc/group")


def accounts(passwd: str, group: str) -> Iterator[dict[str, Any]]:
    """Accounts of these two files; a line that is none is left out."""
    names: dict[int, str] = {}
    members: dict[str, list[str]] = defaultdict(list)
    for one in formats.groups(procfs.whole(group)):
        names.setdefault(one.gid, one.name)
        for member in one.members:
            members[member].append(one.name)
    for user in formats.accounts(procfs.whole(passwd)):
        yield {
            "name": user.name,
            "uid": user.uid,
            "gid": user.gid,
            "gecos": user.gecos,
            "home": user.home,
            "shell": user.shell,
            "group": names.get(user.gid, ""),
            "groups": members.get(user.name, []),
            "login": user.shell.rsplit("/", 1)[-1] not in ("nologin", "false"),
        }
