"""wtmpdb and lastlog2: logins, sessions and starts of the host in SQLite, which Debian 13 and openSUSE keep instead of wtmp and lastlog."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.sqlite import Tables, TablesView
from commodore.host import Host
from commodore.sentence import sentence

ARTEFACT = Artefact(
    name="wtmpdb",
    title="Login accounting in SQLite (wtmpdb, lastlog2)",
    about="One record per login or start of the host, one more per end of a session or shutdown, and one per account with its last login "
    "(lastlog2). PAM modules write them; whoever is root can change any row.",
    holds=Tables(
        {"Lastlog2": "rowid, Name, Time, TTY, RemoteHost, Service", "wtmp": "ID, Type, User, Login, Logout, TTY, RemoteHost, Service"},
        match=("var/lib/wtmpdb/wtmp*.db", "var/log/wtmp.db", "var/lib/lastlog/lastlog2*.db"),
    ),
    targets=("LF15",),
    fields=(
        "escadre.utmp.type",
        "escadre.tty",
        "event.outcome",
        "event.provider",
        "related.ip",
        "related.user",
        "source.address",
        "source.domain",
        "source.ip",
        "user.name",
    ),
    times={"@timestamp": "Login or Logout (UTC, microseconds); Time of lastlog2 (UTC, seconds)"},
    kind="event",
    category=("authentication", "session"),
    type=("info",),
    action="accounting-entry-recorded",
    attack=("T1078",),
    message="The entry of type {escadre.utmp.type} names [{user.name!q}|no user][ on {escadre.tty}][ from {source.address!q}].",
    confidence="logged",
    sources=("wtmpdb(8); wtmpdb, lib/sqlite.c (table wtmp); lastlog2(8); util-linux, liblastlog2 (table Lastlog2)",),
)

_TYPES = {0: "EMPTY", 1: "BOOT_TIME", 2: "RUN_LVL", 3: "USER_PROCESS"}
_BOOT, _USER = 1, 3
_WHERE = "[ on {escadre.tty}][ from {source.address!q}]"
_LOGIN = sentence(f"[{{user.name!q}}|An unknown user] logged in{_WHERE}.")
_LOGOUT = sentence("The session[ of {user.name!q}][ on {escadre.tty}] ended.")
_LAST = sentence(f"The last login of [{{user.name!q}}|an unknown user] was[ through {{event.provider}}]{_WHERE}.")
_NEVER = sentence("[{user.name!q}|An account without a name] has not logged in since lastlog2 keeps its record.")
_STARTED = sentence("The host started[ with kernel {source.address!q}].")
_STOPPED = sentence("The host was shut down.")


def parse(view: TablesView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    for table in view.names:
        yield from view.each(table, *((_last,) if table == "Lastlog2" else (_began, _ended)))


def _last(row: tuple[Any, ...]) -> Iterator[Record]:
    number, name, time, tty, remote, service = row
    out = _who(name, tty, remote, service)
    out |= {"event.action": "user-login", "event.type": ["info"], "message": (_LAST if time else _NEVER)(out)}
    yield Record(f"lastlog2 {number}", _at(out, time, 1))


def _began(row: tuple[Any, ...]) -> Iterator[Record]:
    number, kind, user, login, _, tty, remote, service = row
    out = _who(user, tty, remote, service, named=kind == _USER) | {"escadre.utmp.type": _TYPES.get(kind, str(kind))}
    if kind == _USER:
        out |= {"event.action": "user-login", "event.type": ["start"], "event.outcome": "success", "message": _LOGIN(out)}
    elif kind == _BOOT:
        out |= {"event.action": "host-started", "event.category": ["host"], "message": _STARTED(out)}
    yield Record(f"wtmp {number}", _at(out, login, 1_000_000))


def _ended(row: tuple[Any, ...]) -> Iterator[Record]:
    number, kind, user, _, logout, tty, remote, service = row
    if not logout:
        return
    out = _who(user, tty, remote, service, named=kind == _USER) | {"escadre.utmp.type": _TYPES.get(kind, str(kind)), "event.type": ["end"]}
    if kind == _USER:
        out |= {"escadre.utmp.type": "DEAD_PROCESS", "event.action": "user-logout", "message": _LOGOUT(out)}
    elif kind == _BOOT:
        out |= {"event.action": "host-shut-down", "event.category": ["host"], "event.type": ["info"], "message": _STOPPED(out)}
    yield Record(f"wtmp {number} end", _at(out, logout, 1_000_000))


def _who(user: Any, tty: Any, remote: Any, service: Any, *, named: bool = True) -> dict[str, Any]:
    """Return the fields of an entry. `named`: the remote host is one, not the version of the kernel."""
    texts = {"user.name": user, "escadre.tty": tty, "source.address": remote, "event.provider": service}
    out: dict[str, Any] = {name: text for name, text in texts.items() if isinstance(text, str) and text}
    if "user.name" in out and named:
        out["related.user"] = [out["user.name"]]
    if "source.address" in out and named:
        try:
            address = ipaddress.ip_address(out["source.address"].split("%", 1)[0])
        except ValueError:
            out["source.domain"] = out["source.address"]
        else:
            out["source.ip"] = str(getattr(address, "ipv4_mapped", None) or address)
            out["related.ip"] = [out["source.ip"]]
    return out


def _at(out: dict[str, Any], time: Any, parts: int) -> dict[str, Any]:
    """Return the fields with their time, in `parts` of a second since 1970; without one where it is none, or after the year 9999."""
    if isinstance(time, int) and 0 < time < 253_402_300_800 * parts:
        seconds, fraction = divmod(time, parts)
        digits = f".{fraction:06d}" if fraction else ""
        out["@timestamp"] = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{digits}Z"
    return out
