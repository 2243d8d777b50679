"""Current login sessions (`sessions/1`), from utmp (through the C library) and from systemd's own session files.

source              utmp or logind
user, terminal, host (where from), pid, started (RFC 3339 UTC)
logind also: session (its id), uid, state, type (tty, x11, wayland), service, remote

Source: utmp(5); sd-login(3), files below /run/systemd/sessions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from scout.lines import number
from scout.live.linux import procfs

SCHEMA = 1
SESSIONS = "/run/systemd/sessions"


def collect() -> Iterator[dict[str, Any]]:
    """Return the sessions of both sources, merged."""
    import psutil

    for one in psutil.users():
        known = {
            "source": "utmp",
            "user": one.name,
            "terminal": one.terminal,
            "host": one.host,
            "pid": one.pid,
            "started": procfs.moment(one.started),
        }
        yield {key: value for key, value in known.items() if value not in (None, "")}
    yield from logind(SESSIONS)


def logind(folder: str) -> Iterator[dict[str, Any]]:
    """Sessions of the files in a folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith(".ref"):
            continue
        fields = dict(line.split("=", 1) for line in procfs.lines(f"{folder}/{name}") if "=" in line and not line.startswith("#"))
        if not fields:
            continue
        known: dict[str, Any] = {
            "source": "logind",
            "session": name,
            "user": fields.get("USER"),
            "terminal": fields.get("TTY"),
            "host": fields.get("REMOTE_HOST"),
            "state": fields.get("STATE"),
            "type": fields.get("TYPE"),
            "service": fields.get("SERVICE"),
        }
        known |= {key: number(fields.get(name, "")) for key, name in (("uid", "UID"), ("pid", "LEADER"))}
        if (started := number(fields.get("REALTIME", ""))) is not None:
            known["started"] = procfs.moment(started / 1_000_000)
        if "REMOTE" in fields:
            known["remote"] = fields["REMOTE"] == "1"
        yield {key: value for key, value in known.items() if value not in (None, "")}
