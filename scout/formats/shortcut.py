r"""Shell links (`.lnk`) and Internet shortcuts (`.url`): what they open.

    target(b"L\0\0\0…")   →  Shortcut("C:\\Windows\\System32\\cmd.exe", "/c x.bat")
    target(b"[InternetShortcut]\r\nURL=file:///C:/x.exe")   →  Shortcut("C:\\x.exe", "")

Of a shell link the path of its LinkInfo, else that of its environment block; a link that has only shell items gives ''.
Source: [MS-SHLLINK] Shell Link Binary File Format, sections 2.1 to 2.5.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple
from urllib.parse import unquote

LARGEST = 1 << 20
"""bytes of a shortcut that are looked at"""

_CLASS = bytes.fromhex("0114020000000000c000000000000046")
_HEAD = 76
_ITEMS, _INFO, _UNICODE = 0x1, 0x2, 0x80
_STRINGS = ((0x4, "name"), (0x8, "relative"), (0x10, "folder"), (0x20, "arguments"), (0x40, "icon"))
"""flags and names of the strings, in their order"""
_ENVIRONMENT = 0xA0000001
_URL = re.compile(rb"(?im)^\s*URL\s*=\s*([^\r\n]+)")


class Shortcut(NamedTuple):
    """`path`: native path, network path or URL, '' where the file has it only as an item list; variables as written."""

    path: str
    arguments: str

    @property
    def command_line(self) -> str:
        """As it would be typed; '' without a path."""
        path = f'"{self.path}"' if " " in self.path else self.path
        return f"{path} {self.arguments}".strip() if self.path else ""


def target(data: bytes) -> Shortcut:
    """Return the target of a shortcut. Raises ValueError for other files, and for a shell link that is cut or has impossible sizes."""
    if data[:4] != b"L\0\0\0":
        if found := _URL.search(data):
            return Shortcut(_local(found[1].decode("utf-8", "replace").strip()), "")
        raise ValueError("neither a shell link nor an Internet shortcut")
    try:
        return _link(data)
    except (struct.error, IndexError) as e:
        raise ValueError("the shell link is cut") from e


def _local(url: str) -> str:
    r"""`file:///C:/x` and `file://server/share` as native paths; any other address as it is."""
    found = re.match(r"(?i)file:(/*)(.*)", url)
    if not found:
        return url
    path = unquote(found[2]).replace("/", "\\")
    return path if re.match(r"[A-Za-z]:", path) else "\\\\" + path.lstrip("\\")


def _link(data: bytes) -> Shortcut:
    if data[4:20] != _CLASS:
        raise ValueError("no shell link: another class id")
    (flags,) = struct.unpack_from("<I", data, 20)
    at, path = _HEAD, ""
    if flags & _ITEMS:
        at += 2 + int(struct.unpack_from("<H", data, at)[0])
    if flags & _INFO:
        (size,) = struct.unpack_from("<I", data, at)
        path = _info(data[at : at + size])
        at += max(int(size), 4)
    texts: dict[str, str] = {}
    for flag, name in _STRINGS:
        if flags & flag:
            texts[name], at = _string(data, at, wide=bool(flags & _UNICODE))
    return Shortcut(path or _environment(data, at), texts.get("arguments", ""))


def _info(info: bytes) -> str:
    """The path that a LinkInfo structure holds: base or share, and suffix."""
    head, kind, _, base, network, suffix = struct.unpack_from("<6I", info, 4)
    wide_base, wide_suffix = struct.unpack_from("<2I", info, 28) if head >= 0x24 else (0, 0)
    end = _wide(info, wide_suffix) if wide_suffix else _ansi(info, suffix)
    if kind & 1:
        return (_wide(info, wide_base) if wide_base else _ansi(info, base)) + end
    if kind & 2:
        (name,) = struct.unpack_from("<I", info, network + 8)
        return f"{_ansi(info, network + name)}\\{end}".rstrip("\\")
    return ""


def _ansi(data: bytes, at: int) -> str:
    return data[at:].split(b"\0", 1)[0].decode("cp1252", "replace") if at else ""


def _wide(data: bytes, at: int) -> str:
    return data[at : at + 2 * 32_768].decode("utf-16-le", "replace").split("\0", 1)[0]


def _string(data: bytes, at: int, *, wide: bool) -> tuple[str, int]:
    """A counted string and the offset behind it."""
    (count,) = struct.unpack_from("<H", data, at)
    end = at + 2 + count * (2 if wide else 1)
    if end > len(data):
        raise ValueError("the shell link is cut")
    return data[at + 2 : end].decode("utf-16-le" if wide else "cp1252", "replace"), end


def _environment(data: bytes, at: int) -> str:
    """The path with variables in the extra data; '' where there is none."""
    while at + 8 <= len(data):
        size, signature = struct.unpack_from("<II", data, at)
        if size < 8:
            break
        if signature == _ENVIRONMENT:
            return _wide(data, at + 8 + 260) or _ansi(data, at + 8)
        at += size
    return ""
