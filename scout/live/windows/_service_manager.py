"""The service manager's list of services and drivers. Source: Microsoft, EnumServicesStatusExW, QueryServiceConfigW."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

from scout.live.windows import _native

_STATES = ("", "stopped", "start pending", "stop pending", "running", "continue pending", "pause pending", "paused")
_ALL_TYPES, _ALL_STATES = 0x3FF, 3
_MOST = 20_000


class _Status(ctypes.Structure):
    _fields_ = (
        ("name", wintypes.LPWSTR),
        ("display", wintypes.LPWSTR),
        *((name, wintypes.DWORD) for name in ("type", "state", "accepted", "exit", "own_exit", "checkpoint", "hint", "pid", "flags")),
    )


class _Config(ctypes.Structure):
    _fields_ = (
        *((name, wintypes.DWORD) for name in ("type", "start", "error")),
        ("path", wintypes.LPWSTR),
        ("group", wintypes.LPWSTR),
        ("tag", wintypes.DWORD),
        ("dependencies", wintypes.LPWSTR),
        ("account", wintypes.LPWSTR),
        ("display", wintypes.LPWSTR),
    )


def services() -> Iterator[dict[str, Any]]:
    """Yield `unit`, `display_name`, `type`, `start`, `state`, `active`, `pids`, `image_path`, `account` of each. Raises OSError."""
    advapi = _native.library("advapi32")
    advapi.OpenSCManagerW.restype = advapi.OpenServiceW.restype = ctypes.c_void_p
    manager = advapi.OpenSCManagerW(None, None, wintypes.DWORD(0x5))
    if not manager:
        raise _native.last_error()
    try:
        for row in _listed(advapi, manager):
            yield _native.known({**row, **_configured(advapi, manager, row["unit"])})
    finally:
        advapi.CloseServiceHandle(ctypes.c_void_p(manager))


def _listed(advapi: Any, manager: int) -> list[dict[str, Any]]:
    needed, count, size = wintypes.DWORD(), wintypes.DWORD(), 1 << 18
    while True:
        room, resume = ctypes.create_string_buffer(size), wintypes.DWORD()
        arguments = (0, _ALL_TYPES, _ALL_STATES, room, size, ctypes.byref(needed), ctypes.byref(count), ctypes.byref(resume), None)
        if advapi.EnumServicesStatusExW(ctypes.c_void_p(manager), *arguments):
            break
        failed = _native.last_error()
        if getattr(failed, "winerror", 0) not in _native.MORE_DATA or size >= _native.MOST:
            raise failed
        size *= 4
    out = []
    for one in (_Status * min(count.value, _MOST)).from_buffer(room):
        state = _STATES[one.state] if one.state < len(_STATES) else str(one.state)
        facts = {"unit": _native.text(one.name), "display_name": _native.text(one.display), "state": state, "active": one.state != 1}
        out.append({**facts, "type": int(one.type), "pids": [int(one.pid)] if one.pid else []})
    return out


def _configured(advapi: Any, manager: int, name: str) -> dict[str, Any]:
    service = advapi.OpenServiceW(ctypes.c_void_p(manager), ctypes.c_wchar_p(name), wintypes.DWORD(1))
    if not service:
        return {"error": _native.text(_native.last_error().strerror)}
    try:
        room, needed = ctypes.create_string_buffer(8192), wintypes.DWORD()
        if not advapi.QueryServiceConfigW(ctypes.c_void_p(service), room, 8192, ctypes.byref(needed)):
            return {"error": _native.text(_native.last_error().strerror)}
        one = _Config.from_buffer(room)
        return {"type": int(one.type), "start": int(one.start), "image_path": _native.text(one.path), "account": _native.text(one.account)}
    finally:
        advapi.CloseServiceHandle(ctypes.c_void_p(service))
