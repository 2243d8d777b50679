"""Sessions and logons of the live host."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    out: dict[str, Any] = {}
    if (number := one.get("uid", one.get("sid"))) is not None:
        out["user.id"] = str(number)
    if isinstance(one.get("started"), str):
        out["@timestamp"] = one["started"]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "sessions/1",
    renamed={
        "user": "user.name",
        "session": "escadre.session.id",
        "terminal": "escadre.tty",
        "host": "source.address",
        "pid": "process.pid",
        "type": "escadre.logon.kind",
    },
    shown=("source", "state", "service", "remote", "logon_id", "package", "server"),
    adds=_adds,
    added=("user.id",),
    name="live_sessions",
    title="Sessions and logons",
    about="Who was logged on while SCOUT ran, from where and since when: utmp and logind on Linux; terminal sessions and logon sessions of "
    "the local security authority on Windows.",
    targets=("LL06", "WL08"),
    times={"@timestamp": "when the session or logon began"},
    category=("session",),
    action="session-observed",
    attack=("T1033",),
    message="[{user.name!q}|Nobody] has a session[ of kind {escadre.logon.kind}][ on {escadre.tty}][ from {source.address!q}].",
    sources=("scout.live.linux.sessions, scout.live.windows.sessions: live/sessions.jsonl, schema sessions/1",),
)
