r"""Loaded hives of the running Windows, saved to a temporary file beside the archive: only where the user allowed it (`--allow-temp-file`).

A loaded hive is in use; where the raw volume cannot be read, Windows itself can write a copy of it. The copy is in clear text, so it goes
to the folder of the archive and nowhere else; Windows removes it when its handle is closed, also where SCOUT is killed. Custody has
the method `registry save` and the path of the temporary file.

Source: Microsoft, RegSaveKeyExW, RegCreateKeyExW (REG_OPTION_BACKUP_RESTORE), FILE_FLAG_DELETE_ON_CLOSE; `Control\hivelist`.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import wintypes
from pathlib import Path
from typing import Any

from scout.live.windows import _devices, _native, _registry
from scout.sources.directory import DiskFile

_HIVELIST = r"SYSTEM\CurrentControlSet\Control\hivelist"
_ROOTS = {"MACHINE": 0x80000002, "USER": 0x80000003}
_BACKUP_RESTORE, _READ, _LATEST = 4, 0x20019, 2
_DELETE_ON_CLOSE, _BACKUP_SEMANTICS = 0x04000000, 0x02000000
_READ_AND_DELETE = 0x80000000 | 0x00010000


class SavedHive(DiskFile):
    """A temporary file with a copy of a hive; gone when it is closed."""

    __slots__ = ("path",)
    method = "registry save"

    def __init__(self, fd: int, path: Path) -> None:
        super().__init__(fd)
        self.path = path

    def facts(self) -> dict[str, Any]:
        """Return the facts of custody: where the temporary file was."""
        return {**super().facts(), "btime": None, "temporary_file": str(self.path)}


class SavedHives:
    """Saves hives that are loaded to `folder`, which is that of the archive."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, 0
        self._loaded = loaded()

    def open(self, path: str) -> SavedHive | None:
        r"""Return a copy of the hive whose file is at a native path; None where that is no loaded hive. Raises OSError."""
        key = self._loaded.get(path.lower())
        if key is None:
            return None
        self._number += 1
        target = self._folder / f"scout-temporary-{os.getpid()}-{self._number}.hive"
        try:
            _save(key, target)
            return SavedHive(_opened(target), target)
        except OSError:
            target.unlink(missing_ok=True)
            raise


def loaded() -> dict[str, str]:
    r"""Return the loaded hives: native path of the file in lower case → `MACHINE\SOFTWARE`, `USER\S-1-5-…`."""
    found, devices = {}, _devices.drives()
    for name, (data, _) in _registry.RunningRegistry().values(_registry.HKLM, _HIVELIST).items():
        key = name.upper().removeprefix("\\REGISTRY\\")
        if isinstance(data, str) and data and key.partition("\\")[0] in _ROOTS and "\\" in key:
            found[_devices.native(_native.text(data), devices).lower()] = name[len("\\REGISTRY\\") :]
    return found


def _save(key: str, target: Path) -> None:
    advapi = _native.library("advapi32")
    root, _, below = key.partition("\\")
    opened, top = wintypes.HKEY(), ctypes.c_void_p(ctypes.c_int32(_ROOTS[root.upper()]).value)
    number = advapi.RegCreateKeyExW(
        top, ctypes.c_wchar_p(below), 0, None, _BACKUP_RESTORE, wintypes.DWORD(_READ), None, ctypes.byref(opened), None
    )
    if number:
        raise _native.error(number)
    try:
        number = advapi.RegSaveKeyExW(opened, ctypes.c_wchar_p(str(target)), None, _LATEST)
        if number:
            raise _native.error(number)
    finally:
        advapi.RegCloseKey(opened)


def _opened(target: Path) -> int:
    """Open the copy so that Windows deletes it when it is closed; return the descriptor."""
    opener = _native.library("kernel32").CreateFileW
    opener.restype = ctypes.c_void_p
    flags = wintypes.DWORD(_DELETE_ON_CLOSE | _BACKUP_SEMANTICS)
    handle = opener(ctypes.c_wchar_p(str(target)), wintypes.DWORD(_READ_AND_DELETE), 7, None, 3, flags, None)
    if handle in (None, ctypes.c_void_p(-1).value):
        raise _native.last_error()
    return int(_native.module("msvcrt").open_osfhandle(handle, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
