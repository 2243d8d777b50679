r"""A volume of the running Windows: read through its own calls, and raw where those refuse (locked, denied, metadata files).

- Files are opened with backup semantics, so that SeBackupPrivilege passes permissions, and with every kind of sharing.
- A junction or symbolic link is listed with its target and never followed; a placeholder of a cloud is never downloaded.
- Alternate streams are listed (`a.txt:evil`) and opened as such.
- `raw`: the same volume as an NtfsSource, where this account may open `\\.\C:`. It takes over where a file is in use, denied, or held back
  by a scanner, and for `$MFT` and its like. Custody names the way (`raw volume`).

Sources: Microsoft, CreateFileW, FindFirstStreamW, GetNamedSecurityInfoW, [MS-FSCC] 2.1.2 (reparse tags), "File Attribute Constants".
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from ctypes import wintypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scout.blocks import AlignedBlocks
from scout.live.windows import _native
from scout.sources.directory import DirectorySource, DiskFile
from scout.sources.ntfs import NtfsSource
from scout.sources.rawfile import RawFile, raw_status
from scout.sources.source import Blocked, Parts, SourceEntry, SourceFile

if TYPE_CHECKING:
    from scout.live.windows._saved_hives import SavedHives

_SURROGATE = 0x20000000
"""bit of a reparse tag: the name stands for another one (junction, symbolic link)"""
_REPARSE, _ELSEWHERE = 0x400, 0x400000 | 0x40000 | 0x1000
"""FILE_ATTRIBUTE_REPARSE_POINT; RECALL_ON_DATA_ACCESS, RECALL_ON_OPEN, OFFLINE: reading would fetch the content"""
_IN_USE, _HELD = (32, 33), (225, 226)
"""ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION; ERROR_VIRUS_INFECTED, ERROR_VIRUS_DELETED"""
_BACKUP, _OPEN_LINK, _SEQUENTIAL = 0x02000000, 0x00200000, 0x08000000
_OWNER_GROUP_DACL = 7
MAX_STREAMS = 1_000


class WindowsVolume(DirectorySource):
    r"""The volume of a drive letter of this host. `raw_error`: why it cannot be read raw, '' where it can.

    saved  copies loaded hives where there is no raw volume; None: no temporary file is written
    """

    streamed = True

    def __init__(self, letter: str, *, raw: bool = True) -> None:
        self.letter, self.raw, self.raw_error = letter[0].upper(), None, "not asked for"
        self.saved: SavedHives | None = None
        super().__init__(f"{self.letter}:\\", windows=True)
        if raw:
            self.raw, self.raw_error = _raw(self.letter)

    raw: NtfsSource | None

    def close(self) -> None:
        """Close the raw volume."""
        super().close()
        if self.raw is not None:
            self.raw.close()

    def forget(self) -> None:
        """Release what is only cached."""
        super().forget()
        if self.raw is not None:
            self.raw.forget()

    def native(self, parts: Parts) -> str:
        """Return the path as the host itself writes it."""
        return f"{self.letter}:\\" + "\\".join(parts)

    @property
    def volume(self) -> str:
        """Name of the volume in the archive."""
        return self.letter

    def guid(self) -> str:
        """Return the GUID of the volume, `{…}` in lower case; '' where Windows gives none."""
        name = ctypes.create_unicode_buffer(64)
        if not _native.library("kernel32").GetVolumeNameForVolumeMountPointW(ctypes.c_wchar_p(f"{self.letter}:\\"), name, 64):
            return ""
        return name.value.lower().removeprefix("\\\\?\\volume").rstrip("\\")

    def _unlinked(self, parts: Parts) -> tuple[int, int, int]:
        try:
            found = os.lstat(self._join(parts))
        except PermissionError:
            if self.raw is None:
                raise
            device, number = self.raw.identity(parts)
            return -1, device, number
        if _is_link(found):
            raise Blocked("a reparse point: never followed")
        return -1, found.st_dev, found.st_ino

    def scan(self, parts: Parts, keep: Callable[[str], bool]) -> list[SourceEntry]:
        """Return the entries of a folder for which `keep(name)` is true, ordered by name."""
        self._folder(parts)
        try:
            with os.scandir(self._join(parts)) as entries:
                return sorted(SourceEntry(entry.name, _kind(entry)) for entry in entries if keep(entry.name))
        except PermissionError:
            if self.raw is None:
                raise
            return self.raw.scan(parts, keep)

    def streams(self, parts: Parts) -> list[str]:
        """Return the names of the alternate streams of a file or folder; [] where the file system has none."""
        if self.raw is not None:
            with suppress(OSError):
                return self.raw.streams(parts)
        return list(_streams(self._join(parts)))

    def status(self, parts: Parts) -> os.stat_result:
        """Return the status of a name; of a junction or link itself."""
        try:
            found = super().status(parts)
        except (FileNotFoundError, PermissionError, OSError) as e:
            if self.raw is None or isinstance(e, Blocked):
                raise
            return self.raw.status(parts)
        if not _is_link(found) or stat.S_ISLNK(found.st_mode):
            return found
        times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
        return raw_status(mode=stat.S_IFLNK, ino=found.st_ino, dev=found.st_dev, links=1, size=0, allocated=0, times=times)

    def open(self, parts: Parts) -> SourceFile:
        """Open a file or a stream. Raises Blocked for a link, a placeholder, and what is in use where there is no raw volume."""
        if parts and parts[0].startswith("$") and self.raw is not None:
            return self.raw.open(parts)  # metadata files, and what is below $Extend
        try:
            return self._through_windows(parts)
        except OSError as e:
            number = getattr(e, "winerror", None) or 0
            if self.raw is not None and not isinstance(e, Blocked):
                return self._raw_open(parts, e)
            if number in _IN_USE and self.saved is not None and (copy := self.saved.open(self.native(parts))) is not None:
                return copy
            if number in _IN_USE:
                raise Blocked(f"in use by another program (sharing violation); the raw volume was not read: {self.raw_error}") from e
            if number in _HELD:
                raise Blocked("held back by a virus scanner") from e
            raise

    def _raw_open(self, parts: Parts, why: OSError) -> RawFile:
        raw = self.raw
        assert raw is not None
        try:
            return raw.open(parts)
        except FileNotFoundError:
            raise why from None

    def _through_windows(self, parts: Parts) -> DiskFile:
        found = self.status(parts)
        if not stat.S_ISREG(found.st_mode):
            raise Blocked("a link is never opened" if stat.S_ISLNK(found.st_mode) else "it is no regular file")
        attributes = getattr(found, "st_file_attributes", 0)
        if attributes & _ELSEWHERE:
            raise Blocked("a placeholder: its content is not on this volume, reading would fetch it")
        flags = _BACKUP | _SEQUENTIAL | (0 if attributes & _REPARSE else _OPEN_LINK)
        opener = _native.library("kernel32").CreateFileW
        opener.restype = ctypes.c_void_p
        handle = opener(ctypes.c_wchar_p(self._join(parts)), wintypes.DWORD(0x80000000), 7, None, 3, wintypes.DWORD(flags), None)
        if handle in (None, ctypes.c_void_p(-1).value):
            raise _native.last_error()
        return DiskFile(_native.module("msvcrt").open_osfhandle(handle, os.O_RDONLY | getattr(os, "O_BINARY", 0)))

    def facts(self, parts: Parts, status: os.stat_result) -> dict[str, Any]:
        """Return the custody facts of a name, with `owner`, `sddl` and `attributes` (hexadecimal)."""
        known = super().facts(parts, status)
        attributes = getattr(status, "st_file_attributes", None)
        if attributes is not None:
            known["attributes"] = f"0x{attributes:x}"
        return {**known, **_security(self._join(parts))}

    def link(self, parts: Parts) -> str:
        """Return where a symbolic link or a junction leads."""
        return str(Path(self._join(parts)).readlink())


def _is_link(found: os.stat_result) -> bool:
    return stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_reparse_tag", 0) & _SURROGATE)


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return "folder" if entry.is_dir(follow_symlinks=False) else "file"
    if _is_link(found):
        return "link"
    return "folder" if stat.S_ISDIR(found.st_mode) else "file" if stat.S_ISREG(found.st_mode) else "other"


def _raw(letter: str) -> tuple[NtfsSource | None, str]:
    """Return the raw volume, or why there is none."""
    stream = None
    try:
        stream = open(f"\\\\.\\{letter}:", "rb", buffering=0)  # noqa: SIM115  (the source closes it)
        boot = stream.read(4096)
        sector, sectors = int.from_bytes(boot[11:13], "little"), int.from_bytes(boot[40:48], "little")
        if boot[3:11] != b"NTFS    ":
            raise OSError(errno.EINVAL, "no NTFS volume")
        return NtfsSource(AlignedBlocks(stream, sector * sectors), letter=letter, method="raw volume", path=f"{letter}:\\"), ""
    except OSError as e:
        if stream is not None:
            stream.close()
        return None, e.strerror or str(e)


class _Stream(ctypes.Structure):
    _fields_ = (("size", ctypes.c_longlong), ("name", wintypes.WCHAR * 296))


def _streams(path: str) -> list[str]:
    kernel, found = _native.library("kernel32"), _Stream()
    kernel.FindFirstStreamW.restype = ctypes.c_void_p
    handle = kernel.FindFirstStreamW(ctypes.c_wchar_p(path), 0, ctypes.byref(found), 0)
    out: list[str] = []
    if handle in (None, ctypes.c_void_p(-1).value):
        return out
    while len(out) < MAX_STREAMS:
        name = str(found.name).removeprefix(":").removesuffix(":$DATA")
        if name and name != str(found.name):
            out.append(name)
        if not kernel.FindNextStreamW(ctypes.c_void_p(handle), ctypes.byref(found)):
            break
    kernel.FindClose(ctypes.c_void_p(handle))
    return sorted(one for one in out if one and one != ":$DATA")


def _security(path: str) -> dict[str, Any]:
    """Return `owner` (name, else SID) and `sddl`; {} where this account may not see them."""
    advapi, owner, descriptor = _native.library("advapi32"), ctypes.c_void_p(), ctypes.c_void_p()
    where = (ctypes.c_wchar_p(path), 1, _OWNER_GROUP_DACL)
    if advapi.GetNamedSecurityInfoW(*where, ctypes.byref(owner), None, None, None, ctypes.byref(descriptor)):
        return {}
    text, out = wintypes.LPWSTR(), {}
    sid = _native.sid_text(owner.value)
    if sid:
        out["owner"] = _native.account(sid) or sid
    if advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW(descriptor, 1, _OWNER_GROUP_DACL, ctypes.byref(text), None):
        out["sddl"] = _native.text(text.value)[:65_536]
        _native.library("kernel32").LocalFree(text)
    _native.library("kernel32").LocalFree(descriptor)
    return out


def open_drives(system_drive: str, *, removable: bool = False) -> list[WindowsVolume]:
    """Return the volume with the operating system, then the other fixed drives that answer, with `removable` sticks and cards too."""
    from scout.live.windows import volumes

    out, wanted = [WindowsVolume(system_drive)], ("fixed", "removable") if removable else ("fixed",)
    for letter in volumes.letters():
        if letter[0].upper() != system_drive[0].upper() and volumes.drive(letter)["type"] in wanted:
            with suppress(OSError):
                out.append(WindowsVolume(letter))
    return out
