r"""Names of drives: `C:` for `\Device\HarddiskVolume2`, as kernel lists write it. Source: Microsoft, QueryDosDeviceW."""

from __future__ import annotations

import ctypes
import re

from scout.live.windows import _native


def drives() -> dict[str, str]:
    r"""Return device → drive letter: `\Device\HarddiskVolume2` → `C:`."""
    found, kernel = {}, _native.library("kernel32")
    room = ctypes.create_unicode_buffer(4096)
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        if kernel.QueryDosDeviceW(ctypes.c_wchar_p(f"{letter}:"), room, 4096):
            found[_native.text(room.value)] = f"{letter}:"
    return found


def native(path: str, devices: dict[str, str]) -> str:
    r"""Return a kernel path as programs write it: `\Device\HarddiskVolume2\x`, `\??\C:\x`, `\SystemRoot\x` → `C:\…`."""
    for device, letter in devices.items():
        if path.startswith(device + "\\"):
            return letter + path[len(device) :]
    path = path.removeprefix("\\??\\")
    root = system_root()
    path = re.sub(r"(?i)^\\?systemroot\\", lambda _: root + "\\", path)
    return f"{root}\\{path}" if re.match(r"(?i)system32\\", path) else path


def system_root() -> str:
    r"""Return the folder of Windows, `C:\Windows`, from the system, not from the environment."""
    room = ctypes.create_unicode_buffer(520)
    size = _native.library("kernel32").GetSystemWindowsDirectoryW(room, 520)
    return _native.text(room.value) if size else "C:\\Windows"
