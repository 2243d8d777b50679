"""Accounts of the host (`users/1`), from /etc/passwd and /etc/group; no password hash is read.

name, uid, gid, gecos, home, shell; group: name of the primary group; groups: names of the groups that list the account
login: false where the shell refuses (nologin, false)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scout.lines import number
from scout.live.linux import procfs

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """All accounts, in the order of the file."""
    yield from accounts("/etc/passwd", "/etc/group")


def accounts(passwd: str, group: str) -> Iterator[dict[str, Any]]:
    """Accounts of these two files; a line that is none is left out."""
    names: dict[int, str] = {}
    members: dict[str, list[str]] = defaultdict(list)
    for line in procfs.lines(group):
        fields = line.split(":")
        if len(fields) >= 4 and (gid := number(fields[2])) is not None:
            names.setdefault(gid, fields[0])
            for member in filter(None, fields[3].split(",")):
                members[member].append(fields[0])
    for line in procfs.lines(passwd):
        fields = line.split(":")
        if len(fields) < 7:
            continue
        uid, gid = map(number, fields[2:4])
        if uid is not None and gid is not None:
            yield {
                "name": fields[0],
                "uid": uid,
                "gid": gid,
                "gecos": fields[4],
                "home": fields[5],
                "shell": fields[6],
                "group": names.get(gid, ""),
                "groups": members.get(fields[0], []),
                "login": fields[6].rsplit("/", 1)[-1] not in ("nologin", "false"),
            }
