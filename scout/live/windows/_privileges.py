"""Privileges of this process, where the account has them: read past permissions (SeBackup), look into others' processes (SeDebug)."""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from functools import cache
from typing import Any

from scout.live.windows import _native, _processes

WANTED = ("SeBackupPrivilege", "SeDebugPrivilege", "SeSecurityPrivilege")
_ENABLED, _NOT_ALL = 2, 1300


class _Privileges(ctypes.Structure):
    _fields_ = (("count", wintypes.DWORD), ("low", wintypes.DWORD), ("high", wintypes.LONG), ("attributes", wintypes.DWORD))


@cache
def take() -> tuple[str, ...]:
    """Enable `WANTED` in this process; return those that the account has. They end with the process."""
    token = _own_token(0x28)
    with _native.Handle(token.value):
        return tuple(name for name in WANTED if _enable(token, name))


def user() -> str:
    r"""Return the account of this process, `DOMAIN\name`."""
    current = _native.library("kernel32").GetCurrentProcess
    current.restype = wintypes.HANDLE
    return str(_processes.token_facts(current()).get("user", ""))


def elevated() -> bool:
    """Return whether this process has an administrator's full token."""
    token, out, size = _own_token(0x8), wintypes.DWORD(), wintypes.DWORD()
    with _native.Handle(token.value):
        done = _native.library("advapi32").GetTokenInformation(token, 20, ctypes.byref(out), 4, ctypes.byref(size))
    return bool(done and out.value)


def _own_token(access: int) -> Any:
    token, current = wintypes.HANDLE(), _native.library("kernel32").GetCurrentProcess
    current.restype = wintypes.HANDLE
    _native.library("advapi32").OpenProcessToken(wintypes.HANDLE(current()), wintypes.DWORD(access), ctypes.byref(token))
    return token


def _enable(token: Any, name: str) -> bool:
    advapi, one = _native.library("advapi32"), _Privileges(1, 0, 0, _ENABLED)
    room = ctypes.byref(one, 4)
    if not advapi.LookupPrivilegeValueW(None, ctypes.c_wchar_p(name), room):
        return False
    if not advapi.AdjustTokenPrivileges(token, False, ctypes.byref(one), 0, None, None):
        return False
    return int(getattr(_native.last_error(), "winerror", 0) or 0) != _NOT_ALL
