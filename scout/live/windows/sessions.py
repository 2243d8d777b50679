r"""Sessions and logons (`sessions/1`): the fields of Linux hosts as far as Windows has them.

source              wts (terminal sessions), lsa (logon sessions)
user (`DOMAIN\name`), session (number of the terminal session), terminal (name of the station), state, host (name of the remote computer)
started             RFC 3339 UTC
lsa also: logon_id (hexadecimal), type (interactive, network, service, remote interactive …), package (Kerberos, NTLM …), sid, server

Source: Microsoft, WTSEnumerateSessionsW, WTSQuerySessionInformationW, LsaGetLogonSessionData.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

from scout.live.windows import _native

SCHEMA = 1
_STATES = ("active", "connected", "connect query", "shadow", "disconnected", "idle", "listen", "reset", "down", "init")
_TYPES = {
    2: "interactive",
    3: "network",
    4: "batch",
    5: "service",
    7: "unlock",
    8: "network cleartext",
    9: "new credentials",
    10: "remote interactive",
    11: "cached interactive",
    12: "cached remote interactive",
    13: "cached unlock",
}
_USER, _DOMAIN, _CLIENT = 5, 7, 10
_MOST = 100_000


class _Station(ctypes.Structure):
    _fields_ = (("session", wintypes.DWORD), ("name", wintypes.LPWSTR), ("state", ctypes.c_int))


class _Logon(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_ulong),
        ("id_low", ctypes.c_ulong),
        ("id_high", ctypes.c_long),
        ("user", _native.UnicodeString),
        ("domain", _native.UnicodeString),
        ("package", _native.UnicodeString),
        ("type", ctypes.c_ulong),
        ("session", ctypes.c_ulong),
        ("sid", ctypes.c_void_p),
        ("time", ctypes.c_longlong),
        ("server", _native.UnicodeString),
        ("dns_domain", _native.UnicodeString),
        ("upn", _native.UnicodeString),
    )


def collect() -> Iterator[dict[str, Any]]:
    """Yield terminal sessions, then logon sessions. Other people's logon sessions need an administrator."""
    yield from _terminal()
    yield from _logons()


def _terminal() -> Iterator[dict[str, Any]]:
    wts = _native.library("wtsapi32")
    rows, count = ctypes.POINTER(_Station)(), wintypes.DWORD()
    if not wts.WTSEnumerateSessionsW(None, 0, 1, ctypes.byref(rows), ctypes.byref(count)):
        raise _native.last_error()
    for number in range(min(count.value, _MOST)):
        one = rows[number]
        user, domain = _asked(wts, one.session, _USER), _asked(wts, one.session, _DOMAIN)
        state = _STATES[one.state] if 0 <= one.state < len(_STATES) else str(one.state)
        yield _native.known(
            {
                "source": "wts",
                "user": f"{domain}\\{user}" if user and domain else user,
                "session": int(one.session),
                "terminal": _native.text(one.name),
                "state": state,
                "host": _asked(wts, one.session, _CLIENT),
            }
        )
    wts.WTSFreeMemory(rows)


def _asked(wts: Any, session: int, what: int) -> str:
    out, size = wintypes.LPWSTR(), wintypes.DWORD()
    if not wts.WTSQuerySessionInformationW(None, wintypes.DWORD(session), what, ctypes.byref(out), ctypes.byref(size)):
        return ""
    found = _native.text(out.value)
    wts.WTSFreeMemory(out)
    return found


def _logons() -> Iterator[dict[str, Any]]:
    secur = _native.library("secur32")
    count, ids = ctypes.c_ulong(), ctypes.c_void_p()
    status = secur.LsaEnumerateLogonSessions(ctypes.byref(count), ctypes.byref(ids)) & 0xFFFFFFFF
    if status:
        raise OSError(f"LsaEnumerateLogonSessions: status 0x{status:08x}")
    for number in range(min(count.value, _MOST)):
        data = ctypes.POINTER(_Logon)()
        where = ctypes.c_void_p((ids.value or 0) + 8 * number)
        if secur.LsaGetLogonSessionData(where, ctypes.byref(data)) or not data:
            continue
        one = data.contents
        domain, user = str(one.domain), str(one.user)
        yield _native.known(
            {
                "source": "lsa",
                "user": f"{domain}\\{user}" if domain and user else user,
                "session": int(one.session),
                "logon_id": f"{(one.id_high & 0xFFFFFFFF) << 32 | one.id_low:x}",
                "type": _TYPES.get(one.type, str(one.type)),
                "package": str(one.package),
                "sid": _native.sid_text(one.sid),
                "started": _native.moment(int(one.time)),
                "server": str(one.server),
            }
        )
        secur.LsaFreeReturnBuffer(data)
    secur.LsaFreeReturnBuffer(ids)
