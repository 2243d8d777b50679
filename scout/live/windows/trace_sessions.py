r"""Sessions of event tracing, and which providers they listen to (`trace_sessions/1`); `kind` says which.

session     id, name, log_file, mode (hexadecimal), flags (hexadecimal, of the kernel's own session), buffer_kb, buffers, lost (events and
            buffers), flush_seconds
provider    guid, pid (absent: a driver, or not registered by a program now), sessions: those that get its events, as `name (level n,
            keywords 0x…)`
autologger  name: a session that the registry starts with Windows; running: whether it runs now
error       what could not be asked, and why

Whoever stops a session, or takes a provider out of one, silences the event log or a security product without touching it.
Source: Microsoft, QueryAllTracesW, EnumerateTraceGuidsEx, EVENT_TRACE_PROPERTIES, TRACE_PROVIDER_INSTANCE_INFO (evntrace.h), "Configuring
and Starting an AutoLogger Session".
"""

from __future__ import annotations

import ctypes
import uuid
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native, _registry

SCHEMA = 1
MOST = 256
"""sessions that are listed; Windows allows 64"""
MOST_PROVIDERS = 50_000
AUTOLOGGERS = r"SYSTEM\CurrentControlSet\Control\WMI\Autologger"
_LASTING = ("EventLog-", "Defender", "SgrmEtw")
"""begin of the names of sessions that run as long as Windows: others of the registry end by themselves"""
_TEXT = 2048
"""bytes of each text behind the properties"""
_LIST, _INFO = 0, 1
"""TraceGuidQueryList, TraceGuidQueryInfo"""


class TraceProperties(ctypes.Structure):
    """EVENT_TRACE_PROPERTIES with its WNODE_HEADER and room for two texts."""

    _fields_ = (
        ("size", ctypes.c_ulong),
        ("provider", ctypes.c_ulong),
        ("history", ctypes.c_ulonglong),
        ("time", ctypes.c_longlong),
        ("guid", ctypes.c_ubyte * 16),
        ("clock", ctypes.c_ulong),
        ("node_flags", ctypes.c_ulong),
        *((name, ctypes.c_ulong) for name in ("buffer_kb", "least", "most", "file_mb", "mode", "flush", "flags")),
        ("age", ctypes.c_long),
        *((name, ctypes.c_ulong) for name in ("buffers", "free", "lost", "written", "lost_buffers", "lost_live")),
        ("thread", ctypes.c_void_p),
        ("file_at", ctypes.c_ulong),
        ("name_at", ctypes.c_ulong),
        ("texts", ctypes.c_ubyte * (2 * _TEXT)),
    )


def collect() -> Iterator[dict[str, Any]]:
    """Yield sessions, autologgers and providers. Raises OSError where Windows lists no session at all: it always has some."""
    advapi = _native.library("advapi32")
    running = sessions(advapi)
    if not running:
        raise OSError("Windows listed no trace session, which no running Windows is without: this answer is not believed")
    yield from running
    names = {str(one["name"]).lower() for one in running}
    yield from _native.fenced("autologger", lambda: _autologgers(names))
    by_number = {int(one["id"]): str(one["name"]) for one in running}
    yield from _native.fenced("provider", lambda: providers(advapi, by_number))


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    silenced = row.get("running") is False and str(row.get("name", "")).startswith(_LASTING)
    return f"the trace session {row['name']} is to start with Windows, and does not run" if silenced else ""


def sessions(library: Any) -> list[dict[str, Any]]:
    """Return the running sessions. `library` has QueryAllTracesW."""
    rooms = [TraceProperties() for _ in range(MOST)]
    for room in rooms:
        room.size = ctypes.sizeof(TraceProperties)
        room.file_at = TraceProperties.texts.offset
        room.name_at = TraceProperties.texts.offset + _TEXT
    pointers, count = (ctypes.c_void_p * MOST)(*map(ctypes.addressof, rooms)), ctypes.c_ulong()
    status = int(library.QueryAllTracesW(pointers, MOST, ctypes.byref(count)))
    if status and status not in _native.MORE_DATA:
        raise _native.error(status)
    return [_session(room) for room in rooms[: count.value]]


def _session(room: TraceProperties) -> dict[str, Any]:
    return _native.known(
        {
            "kind": "session",
            "id": int(room.history & 0xFFFF),  # the handle of the session: its number is in the low word
            "name": _text(room, room.name_at),
            "log_file": _text(room, room.file_at),
            "mode": f"0x{room.mode:x}",
            "flags": f"0x{room.flags:x}" if room.flags else None,
            "buffer_kb": int(room.buffer_kb),
            "buffers": int(room.buffers),
            "lost": int(room.lost + room.lost_buffers + room.lost_live),
            "flush_seconds": int(room.flush),
        }
    )


def _text(room: TraceProperties, at: int) -> str:
    """Return a text behind the properties, up to its NUL; '' for an offset that is outside."""
    if not TraceProperties.texts.offset <= at < ctypes.sizeof(room):
        return ""
    raw = bytes(room)[at : at + _TEXT]
    return _native.text(raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass").split("\0", 1)[0])


def _autologgers(running: set[str]) -> Iterator[dict[str, Any]]:
    registry = _registry.RunningRegistry()
    for name in registry.subkeys(_registry.HKLM, AUTOLOGGERS):
        if registry.number(_registry.HKLM, f"{AUTOLOGGERS}\\{name}", "Start") == 1:
            yield {"name": name, "running": name.lower() in running}


def providers(library: Any, names: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Yield the providers that a session listens to. `library` has EnumerateTraceGuidsEx; `names`: of the sessions, by number."""
    listed = _asked(library, _LIST, b"")
    for at in range(0, min(len(listed), MOST_PROVIDERS * 16) - 15, 16):
        guid = listed[at : at + 16]
        try:
            found = _asked(library, _INFO, guid)
        except OSError:
            continue  # it was taken away meanwhile
        for pid, heard in _instances(found, names):
            if heard:
                yield {"guid": str(uuid.UUID(bytes_le=guid)), "pid": pid or None, "sessions": heard}


def _asked(library: Any, question: int, given: bytes) -> bytes:
    size = ctypes.c_ulong(1 << 16)
    while True:
        room = ctypes.create_string_buffer(size.value)
        asked = ctypes.create_string_buffer(given, len(given)) if given else None
        status = int(library.EnumerateTraceGuidsEx(question, asked, len(given), room, len(room), ctypes.byref(size)))
        if not status:
            return room.raw[: size.value]
        if status not in _native.MORE_DATA or len(room) >= _native.MOST:
            raise _native.error(status)
        size.value = max(size.value, 2 * len(room))


def _instances(raw: bytes, names: dict[int, str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the process of each instance of a provider (TRACE_GUID_INFO), and the sessions that hear it."""
    at = 8
    for _ in range(int.from_bytes(raw[:4], "little")):
        following, count, pid = (int.from_bytes(raw[at + n : at + n + 4], "little") for n in (0, 4, 8))
        heard = []
        for number in range(min(count, 8)):
            one = raw[at + 16 + 32 * number : at + 48 + 32 * number]
            if len(one) == 32 and any(one[:4]):
                session, level, keywords = int.from_bytes(one[6:8], "little"), one[4], int.from_bytes(one[16:24], "little")
                heard.append(f"{names.get(session, f'session {session}')} (level {level}, keywords 0x{keywords:x})")
        yield pid, heard
        if not following or at + following + 16 > len(raw):
            return
        at += following
