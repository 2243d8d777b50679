r"""Services and drivers of the running Windows, by the service manager.

The registry has what a service is (`ControlSet…\Services\<name>`); the service manager reads it at boot and by its own calls only. So a
service whose key goes is deleted by the manager, and one whose key comes back is made by it, with what the key holds.
Source: [MS-SCMR] 2.2, 3.1.4.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_uint32, c_void_p
from struct import unpack_from

from hunter.hives.records import KeyRecord, ValueRecord
from hunter.host.windows import live_keys
from hunter.host.windows.native import ADVAPI, NTDLL, Attributes, failed, last_error, wait
from hunter.unsafe import UnsafeError

RUNNING, STOPPED = "running", "stopped"
_STATES = {1: STOPPED, 2: "starting", 3: "stopping", 4: RUNNING, 5: "continuing", 6: "pausing", 7: "paused"}
_MANAGER, _SERVICE = 0xF003F, 0xF01FF
_QUERY = 0x4
_NO_CHANGE = 0xFFFFFFFF
_UNKNOWN, _DISABLED, _MARKED, _EXISTS, _NOT_ACTIVE, _RUNNING_ALREADY = 1060, 1058, 1072, 1073, 1062, 1056
SECONDS = 30
"""how long a service may take to stop or start"""
_STEP = 100
_OWN_ACCOUNTS = ("LOCALSYSTEM", "NT AUTHORITY\\", "NT SERVICE\\")
"""accounts of the system, which have no password; that of another account is not in the key and is lost"""


class _Status(ctypes.Structure):
    """SERVICE_STATUS_PROCESS."""

    _fields_ = tuple((name, c_uint32) for name in ("type", "state", "accepts", "exit", "special", "point", "hint", "process", "flags"))


@contextmanager
def _opened(name: str, access: int) -> Iterator[c_void_p | None]:
    """Open a service; None where the manager does not know it. UnsafeError where it cannot be opened."""
    manager = ADVAPI.OpenSCManagerW(None, None, _MANAGER if access != _QUERY else 1)
    if not manager:
        raise UnsafeError(str(failed("the service manager cannot be reached").strerror))
    service = None
    try:
        service = ADVAPI.OpenServiceW(manager, name, access)
        if not service and last_error() not in (_UNKNOWN, 123):  # not known, no name of a service
            raise UnsafeError(str(failed(f"the service {name} cannot be opened").strerror))
        yield service
    finally:
        if service:
            ADVAPI.CloseServiceHandle(service)
        ADVAPI.CloseServiceHandle(manager)


def _status(service: c_void_p) -> _Status:
    status, needed = _Status(), c_uint32()
    if not ADVAPI.QueryServiceStatusEx(service, 0, byref(status), ctypes.sizeof(status), byref(needed)):
        raise UnsafeError(str(failed("the state of a service cannot be read").strerror))
    return status


def state(name: str) -> tuple[str, bool] | None:
    """Return (state, whether it takes a stop) of a service or driver, None where the service manager does not know it."""
    with _opened(name, _QUERY) as service:
        if service is None:
            return None
        status = _status(service)
        return _STATES.get(status.state, "unknown"), bool(status.accepts & 1)


def stop(name: str) -> None:
    """Stop a service. UnsafeError where it does not take the stop or does not end in time."""
    with _opened(name, _SERVICE) as service:
        if service is None:
            return
        status = _Status()
        if not ADVAPI.ControlService(service, 1, byref(status)) and last_error() != _NOT_ACTIVE:
            raise UnsafeError(str(failed(f"the service {name} does not stop").strerror))
        _await(service, name, STOPPED)


def start(name: str) -> None:
    """Start a service. UnsafeError where it does not start in time."""
    with _opened(name, _SERVICE) as service:
        if service is None:
            raise UnsafeError(f"the service manager does not know {name}")
        if not ADVAPI.StartServiceW(service, 0, None) and last_error() != _RUNNING_ALREADY:
            raise UnsafeError(str(failed(f"the service {name} does not start").strerror))
        _await(service, name, RUNNING)


def _await(service: c_void_p, name: str, wanted: str) -> None:
    for _ in range(SECONDS * 1000 // _STEP):
        if _STATES.get(_status(service).state) == wanted:
            return
        wait(_STEP)
    raise UnsafeError(f"the service {name} is not {wanted} after {SECONDS} s")


# --- what the registry does


def control_set() -> str:
    """Return the key of the control set in use, as the kernel names it, '' where that cannot be read."""
    handle, attributes = c_void_p(), Attributes(r"\Registry\Machine\System\CurrentControlSet")
    if NTDLL.NtOpenKey(byref(handle), c_uint32(0x20119), byref(attributes)) & 0xFFFFFFFF:
        return ""
    try:
        buffer, needed = ctypes.create_string_buffer(1024), c_uint32()
        if NTDLL.NtQueryKey(handle, 3, buffer, 1024, byref(needed)) & 0xFFFFFFFF:
            return ""
        return buffer.raw[4 : 4 + unpack_from("<I", buffer.raw)[0]].decode("utf-16-le")
    finally:
        NTDLL.NtClose(handle)


def service_of(key: str) -> str:
    """Return the service whose key this is, '' for any other key."""
    parent, _, name = key.rpartition("\\")
    return name if parent.casefold() == f"{control_set()}\\services".casefold() else ""


def set_start(key: str, record: ValueRecord) -> bool:
    """Set the start type of a service where that is what a value says, by the service manager. False: it is an ordinary value."""
    name = service_of(key)
    if not name or record.name.casefold() != "start" or record.type != "REG_DWORD" or len(record.data) != 4:
        return False
    with _opened(name, _SERVICE) as service:
        if service is None:
            return False
        kind, none = int.from_bytes(record.data, "little"), _NO_CHANGE
        if not ADVAPI.ChangeServiceConfigW(service, none, kind, none, None, None, None, None, None, None, None):
            raise failed(f"the start type of {name} cannot be changed")
    now = live_keys.value(key, record.name)
    return now is not None and (now.kind, now.data) == (record.kind, record.data)


def deleted(key: str) -> bool:
    """Delete the service that a key belongs to, by the service manager. False where the key is still there: it is an ordinary key."""
    name = service_of(key)
    if not name:
        return False
    with _opened(name, _SERVICE) as service:
        if service is None:
            return False
        if not ADVAPI.DeleteService(service) and last_error() != _MARKED:
            raise failed(f"the service {name} cannot be deleted")
    for _ in range(20):  # the manager removes the key when the last handle is closed; a running service keeps one
        if not live_keys.exists(key):
            return True
        wait(_STEP // 2)
    return False


def register(key: str, record: KeyRecord) -> None:
    """Let the service manager know a service whose key was put back, and give the key exactly its values again."""
    name = service_of(key)
    held = {value.name.casefold(): value for value in record.values}
    if not name or not {"type", "imagepath", "start"} <= held.keys():
        return
    kind, begin, errors = (_number(held.get(word)) for word in ("type", "start", "errorcontrol"))
    program, account, shown = (_text(held.get(word)) for word in ("imagepath", "objectname", "displayname"))
    manager = ADVAPI.OpenSCManagerW(None, None, _MANAGER)
    if not manager:
        raise failed("the service manager cannot be reached")
    try:
        own = account if account.upper().startswith(_OWN_ACCOUNTS) else None
        service = ADVAPI.CreateServiceW(manager, name, shown or None, _SERVICE, kind, begin, errors, program, None, None, None, own, None)
        if service:
            ADVAPI.CloseServiceHandle(service)
        elif last_error() not in (_EXISTS, _MARKED):
            raise failed(f"the service manager does not take {name} back")
    finally:
        ADVAPI.CloseServiceHandle(manager)
    now = {value.name.casefold(): value for value in live_keys.values(key)}
    for word, value in held.items():
        if word not in now or now[word].facts() != value.facts():
            live_keys.put_value(key, value)
    for word in now.keys() - held.keys():
        live_keys.remove_value(key, now[word].name)
    before = {below.name.casefold() for below in record.keys}
    for each in live_keys.names(key):
        if each.casefold() not in before:
            live_keys.remove(f"{key}\\{each}")
    live_keys.secure(key, record.security)
    live_keys.touch(key, record.written)


def _number(value: ValueRecord | None) -> int:
    return int.from_bytes(value.data[:4], "little") if value else 0


def _text(value: ValueRecord | None) -> str:
    return value.data.decode("utf-16-le", "replace").partition("\0")[0] if value else ""
