"""The state of one file of Windows, read by its handle, and a file made with all that a state describes."""

from __future__ import annotations

import base64
import ctypes
from collections.abc import Iterator
from ctypes import byref, c_uint32, c_void_p
from dataclasses import replace
from typing import Any

from hunter.host.files import Content
from hunter.host.keys import EPOCH
from hunter.host.state import ObjectState
from hunter.host.tree import FILE_LIMIT
from hunter.host.windows import handles
from hunter.host.windows.native import ADVAPI, KERNEL, descriptor, failed, set_descriptor
from hunter.unsafe import SurpriseError, UnsafeError

_PRIVATE = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
_ACL, _ATTRIBUTES, _CREATED = "system.ntfs_acl", "system.ntfs_attrib", "system.ntfs_crtime"
"""names as ntfs-3g gives them to the same facts"""
_MADE = ("type", "sha256", "size", "xattrs", "native", "mtime_ns")


def ns_of(ticks: int) -> int:
    """Return a FILETIME as nanoseconds since 1970."""
    return (ticks - EPOCH) * 100


def ticks_of(stamp: int) -> int:
    """Return nanoseconds since 1970 as a FILETIME."""
    return stamp // 100 + EPOCH


def type_of(attributes: int) -> str:
    """Return the type of a file by its attributes."""
    return "link" if attributes & handles.REPARSE else "directory" if attributes & handles.DIRECTORY else "file"


def state_of(handle: Any, native: str) -> ObjectState:
    """Return the state of an open file. UnsafeError where it changes while it is read."""
    known = handles.facts(handle)
    kind, basic = type_of(known.basic.attributes), known.basic
    raw = [(_ACL, descriptor(handle)), (_ATTRIBUTES, (basic.attributes & handles.KEPT).to_bytes(4, "little"))]
    raw.append((_CREATED, basic.created.to_bytes(8, "little")))
    made = ObjectState(
        kind,
        "0444" if basic.attributes & handles.READONLY else "0644",
        0,
        0,
        known.links,
        ns_of(basic.written),
        native=tuple(sorted((name, base64.b64encode(data).decode()) for name, data in raw)),
        fixed=", ".join(word for bit, word in handles.FIXED if basic.attributes & bit),
        atime_ns=ns_of(basic.read),
        dev=known.volume,
    )
    if kind != "file":
        return made
    sha256, size = handles.digest(handle, FILE_LIMIT)
    kept = tuple(sorted((f"user.{name}", base64.b64encode(data).decode()) for name, data in _streams(native)))
    if handles.facts(handle).stamp != known.stamp:
        raise UnsafeError("it changed while it was read")
    return replace(made, sha256=sha256, size=size, xattrs=kept)


def _streams(native: str) -> Iterator[tuple[str, bytes]]:
    room = handles.LARGEST_STREAM
    for name, size in handles.streams(native):
        room -= size
        if room < 0:
            raise UnsafeError(f"its alternate streams are larger than {handles.LARGEST_STREAM >> 20} MiB")
        with handles.opened(f"{native}:{name}", handles.READ) as handle, handles.stream_of(handle) as stream:
            yield name, stream.read(size)


def make_private_folder(path: str) -> None:
    """Make a folder that only administrators and the system may enter."""
    made = c_void_p()
    if not ADVAPI.ConvertStringSecurityDescriptorToSecurityDescriptorW(_PRIVATE, 1, byref(made), None):
        raise failed("a security descriptor cannot be made")

    class Security(ctypes.Structure):
        _fields_ = (("length", c_uint32), ("descriptor", c_void_p), ("inherit", c_uint32))

    try:
        security = Security(ctypes.sizeof(Security), made, 0)
        if not KERNEL.CreateDirectoryW(path, byref(security)):
            raise failed(path)
    finally:
        KERNEL.LocalFree(made)


def make_file(path: str, state: ObjectState, content: Content | None) -> None:
    """Make a file with everything that a state describes. SurpriseError where it comes out otherwise."""
    if state.type != "file":
        raise UnsafeError(f"a {state.type} of Windows cannot be made again")
    native = {name: base64.b64decode(data) for name, data in state.native}
    access = handles.READ | handles.WRITE | handles.CONTROL | handles.CHANGE_CONTROL | handles.WRITE_ATTRIBUTES
    with handles.opened(path, access, 0, handles.CREATE_NEW, 0x80) as handle, handles.stream_of(handle, write=True) as stream:
        if content is not None:
            content(stream)
        stream.flush()
    for name, data in state.xattrs:
        beside = handles.opened(f"{path}:{name.removeprefix('user.')}", handles.READ | handles.WRITE, 0, handles.CREATE_NEW)
        with beside as handle, handles.stream_of(handle, write=True) as stream:
            stream.write(base64.b64decode(data))
    with handles.opened(path, access | handles.AUDIT if _audited(native) else access) as handle:
        if _ACL in native:
            set_descriptor(handle, native[_ACL])
        created = int.from_bytes(native.get(_CREATED, b""), "little")
        attributes = int.from_bytes(native.get(_ATTRIBUTES, b""), "little") or 0x80
        handles.set_facts(handle, handles.Basic(created, ticks_of(state.atime_ns), ticks_of(state.mtime_ns), 0, attributes))
        if not KERNEL.FlushFileBuffers(handle):
            raise failed(path)
    with handles.opened(path, handles.READ | handles.CONTROL | (handles.AUDIT if _audited(native) else 0)) as handle:
        made = state_of(handle, path)
    wrong = [name for name in _MADE if getattr(made, name) != getattr(state, name)]
    if wrong:
        raise SurpriseError(f"the new file does not come out as planned ({', '.join(wrong)})")


def _audited(native: dict[str, bytes]) -> bool:
    return bool(int.from_bytes(native.get(_ACL, b"")[2:4], "little") & 0x10)
