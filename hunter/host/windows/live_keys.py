r"""Keys and values of the running registry, by the calls of the kernel: names are counted, so one with a NUL is reached as well.

A key is named by its path in the kernel's name space (`\Registry\Machine\SOFTWARE\…`). The 64-bit view is used throughout: what 32-bit
programs see has names of its own there (`Wow6432Node`). A link is never followed.
Sources: the Windows driver kit (ZwCreateKey … ZwSetInformationKey), [MS-RRP] for the types.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_int64, c_uint32, c_void_p
from struct import unpack_from
from typing import Any

from hunter.hives.records import DEEPEST, LARGEST, KeyRecord, ValueRecord
from hunter.host.windows.native import NTDLL, CountedText, StatusError, check, descriptor, set_descriptor
from hunter.host.windows.native import Attributes as _Attributes
from hunter.unsafe import UnsafeError

READ, WRITE = 0x20019, 0xF0006
"""read; set values, make subkeys, delete, change the descriptor"""
_WIDE, _AUDIT = 0x100, 0x01000000
_LINK, _BACKUP = 8, 4
_BASIC, _FULL, _NAME = 0, 2, 3
_NO_MORE, _SMALL, _OVERFLOW = 0x8000001A, 0xC0000023, 0x80000005
_LARGEST_NAME = 1 << 16


@contextmanager
def opened(path: str, access: int = READ) -> Iterator[c_void_p]:
    """Open a key; close it at the end. StatusError (`gone`, `denied`), UnsafeError where a link leads elsewhere."""
    handle, attributes = c_void_p(), _Attributes(path)
    status = 0
    for wanted, options in ((access | _AUDIT, _LINK | _BACKUP), (access, _LINK | _BACKUP), (access, _LINK)):
        status = NTDLL.NtOpenKeyEx(byref(handle), c_uint32(wanted | _WIDE), byref(attributes), c_uint32(options)) & 0xFFFFFFFF
        if status == 0:
            break
    check(status, path)
    try:
        _check_name(handle, path)
        yield handle
    finally:
        NTDLL.NtClose(handle)


def _check_name(handle: c_void_p, path: str) -> None:
    raw = _query(handle, _NAME)
    name = raw[4 : 4 + unpack_from("<I", raw)[0]].decode("utf-16-le", "surrogatepass")
    if name.casefold() != path.casefold():
        raise UnsafeError(f"{path} is a link to {name}: name the real key")


def _query(handle: c_void_p, kind: int) -> bytes:
    size, needed = 1024, c_uint32()
    while True:
        buffer = ctypes.create_string_buffer(size)
        status = NTDLL.NtQueryKey(handle, kind, buffer, size, byref(needed)) & 0xFFFFFFFF
        if status == 0:
            return bytes(buffer.raw[: needed.value])
        if status not in (_SMALL, _OVERFLOW) or size > _LARGEST_NAME * 4:
            check(status, "a key cannot be read")
        size = max(size * 2, needed.value)


def exists(path: str) -> bool:
    """Return whether a key is there. UnsafeError where that cannot be known."""
    try:
        with opened(path):
            return True
    except StatusError as e:
        if e.gone:
            return False
        raise UnsafeError(f"{path} cannot be read: {e.strerror}") from e


def written(path: str) -> int:
    """Return the last write of a key, 100 ns ticks since 1601 UTC."""
    with opened(path) as handle:
        return int(unpack_from("<Q", _query(handle, _BASIC))[0])


def names(path: str) -> list[str]:
    """Return the names of the subkeys of a key."""
    with opened(path) as handle:
        found = list(_enumerated(handle, NTDLL.NtEnumerateKey, _BASIC))
    return [_text(raw[16 : 16 + unpack_from("<I", raw, 12)[0]], path) for raw in found]


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-16-le")
    except UnicodeDecodeError as e:
        raise UnsafeError(f"{where} has a name that is no text (half of a character): remove it by hand") from e


def _enumerated(handle: c_void_p, call: Any, kind: int) -> Iterator[bytes]:
    index, size, needed, total = 0, 4096, c_uint32(), 0
    while True:
        buffer = ctypes.create_string_buffer(size)
        status = call(handle, c_uint32(index), kind, buffer, size, byref(needed)) & 0xFFFFFFFF
        if status == _NO_MORE:
            return
        if status in (_SMALL, _OVERFLOW) and size < LARGEST:
            size = max(size * 2, needed.value)
            continue
        check(status, "a key cannot be read")
        total += needed.value
        if total > LARGEST:
            raise UnsafeError(f"it is larger than {LARGEST >> 20} MiB")
        yield bytes(buffer.raw[: needed.value])
        index += 1


def values(path: str) -> list[ValueRecord]:
    """Return the values of a key in their order."""
    with opened(path) as handle:
        return [_value(raw, index) for index, raw in enumerate(_enumerated(handle, NTDLL.NtEnumerateValueKey, 1))]


def _value(raw: bytes, index: int) -> ValueRecord:
    """Return one value from its KEY_VALUE_FULL_INFORMATION."""
    _, kind, at, size, length = unpack_from("<IIIII", raw)
    return ValueRecord.made(_text(raw[20 : 20 + length], "the key"), kind, raw[at : at + size] if size else b"", index)


def value(path: str, name: str) -> ValueRecord | None:
    """Return one value of a key, None where it is not there. StatusError without the key."""
    with opened(path) as handle:
        text, size, needed = CountedText(name), 4096, c_uint32()
        while True:
            buffer = ctypes.create_string_buffer(size)
            status = NTDLL.NtQueryValueKey(handle, byref(text), 1, buffer, size, byref(needed)) & 0xFFFFFFFF
            if status == 0:
                return _value(bytes(buffer.raw[: needed.value]), 0)
            if status == 0xC0000034:
                return None
            if status not in (_SMALL, _OVERFLOW) or size > LARGEST:
                check(status, f"{path}\\{name}")
            size = max(size * 2, needed.value)


def record(path: str, depth: int = 0, room: list[int] | None = None) -> KeyRecord:
    """Return a key with everything below it. UnsafeError where it is too deep or too large."""
    room = [LARGEST] if room is None else room
    if depth > DEEPEST:
        raise UnsafeError(f"{path} lies too deep")
    with opened(path) as handle:
        full = _query(handle, _FULL)
        stamp, _, at, length = unpack_from("<QIII", full)
        security = descriptor(handle)
    kept = values(path)
    room[0] -= len(full) + len(security) + sum(len(v.data) + len(v.cell) for v in kept)
    if room[0] < 0:
        raise UnsafeError(f"it is larger than {LARGEST >> 20} MiB")
    below = tuple(record(f"{path}\\{name}", depth + 1, room) for name in sorted(names(path), key=str.upper))
    class_name = full[at : at + length] if length else b""
    return KeyRecord.made(path.rpartition("\\")[2], int(stamp), class_name, security, kept, below)


def put_value(path: str, kept: ValueRecord) -> None:
    """Write a value: one call, which is done or not done."""
    with opened(path, WRITE) as handle:
        text, data = CountedText(kept.name), ctypes.create_string_buffer(kept.data, max(len(kept.data), 1))
        call = NTDLL.NtSetValueKey
        check(call(handle, byref(text), 0, c_uint32(kept.kind), data, c_uint32(len(kept.data))), f"{path}\\{kept.name}")
        check(NTDLL.NtFlushKey(handle), path)


def remove_value(path: str, name: str) -> None:
    """Remove a value: one call, which is done or not done."""
    with opened(path, WRITE) as handle:
        check(NTDLL.NtDeleteValueKey(handle, byref(CountedText(name))), f"{path}\\{name}")
        check(NTDLL.NtFlushKey(handle), path)


def touch(path: str, ticks: int) -> None:
    """Set the last write of a key, where Windows takes it."""
    with opened(path, WRITE) as handle:
        check(NTDLL.NtSetInformationKey(handle, 0, byref(c_int64(ticks)), 8), path)


def make(path: str, kept: KeyRecord) -> None:
    """Make a key at `path` with everything below it, descriptor and last writes last."""
    handle, text = c_void_p(), CountedText(kept.class_name.decode("utf-16-le", "surrogatepass"))
    create = NTDLL.NtCreateKey
    access = c_uint32(READ | WRITE | _WIDE)
    attributes = _Attributes(path)
    check(create(byref(handle), access, byref(attributes), 0, byref(text) if kept.class_name else None, 0, None), path)
    NTDLL.NtClose(handle)
    for each in kept.values:
        put_value(path, each)
    for below in kept.keys:
        make(f"{path}\\{below.name}", below)
    secure(path, kept.security)
    touch(path, kept.written)


def secure(path: str, raw: bytes) -> None:
    """Give a key its security descriptor."""
    with opened(path, READ | WRITE) as handle:
        set_descriptor(handle, raw)


def remove(path: str, depth: int = 0) -> None:
    """Remove a key with everything below it, leaves first."""
    if depth > DEEPEST:
        raise UnsafeError(f"{path} lies too deep")
    for name in names(path):
        remove(f"{path}\\{name}", depth + 1)
    with opened(path, WRITE) as handle:
        check(NTDLL.NtDeleteKey(handle), path)


def rename(path: str, name: str) -> None:
    """Give a key another name under the same parent: one call, which is done or not done."""
    with opened(path, WRITE) as handle:
        check(NTDLL.NtRenameKey(handle, byref(CountedText(name))), path)
        check(NTDLL.NtFlushKey(handle), path)
