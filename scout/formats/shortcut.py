r"""Shell links (`.lnk`) and Internet shortcuts (`.url`): what they open.

    target(b"L\0\0\0…")   →  Shortcut("C:\\Windows\\System32\\cmd.exe", "/c x.bat")
    target(b"[InternetShortcut]\r\nURL=file:///C:/x.exe")   →  Shortcut("C:\\x.exe", "")

A shell link may name its target in seven places. Explorer opens the list of shell items, or the path with variables where the flag
HasExpString or PreferEnvironmentPath is set; LinkInfo is for finding a target that was moved. `path` is the first of these, in this order,
that gives a path; `others` are the paths of the other places that differ from it. A part that cannot be read costs itself and is in
`problems`.
Source: [MS-SHLLINK] Shell Link Binary File Format, sections 2.1 to 2.5.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote
from uuid import UUID

from scout.formats.commandline import expand_windows
from scout.formats.regf.data import filetime
from scout.formats.shell.folders import folder, guid
from scout.formats.shell.items import shell_items, shell_path
from scout.formats.shell.properties import properties

LARGEST = 1 << 20
"""bytes of a shortcut that are looked at"""

_CLASS = bytes.fromhex("0114020000000000c000000000000046")
_HEAD = 76
_ITEMS, _INFO, _UNICODE, _NO_INFO, _EXPANDED, _PREFER = 0x1, 0x2, 0x80, 0x100, 0x200, 0x2000000
_MOST = 260
"""Characters that Windows reads of a string other than the arguments, whatever its count says; the next one begins behind them."""
_STRINGS = ((0x4, "name"), (0x8, "relative"), (0x10, "folder"), (0x20, "arguments"), (0x40, "icon"))
"""flags and names of the strings, in their order"""
_DRIVES = {1: "no root", 2: "removable", 3: "fixed", 4: "network", 5: "optical", 6: "memory"}
_ENVIRONMENT, _TRACKER, _DARWIN, _PROPERTIES, _KNOWN_FOLDER, _VISTA = (0xA0000000 | n for n in (1, 3, 6, 9, 0xB, 0xC))
_URL = re.compile(rb"(?im)^[ \t]*URL[ \t]*=[ \t]*([^\r\n]+)")
_ABSOLUTE = re.compile(r"[A-Za-z]:|\\\\|%|[a-z]{2,}:", re.ASCII)
_BLANK = "\\s\0\u00ad\u115f\u1160\u200b-\u200f\u2800\u3164\ufeff\uffa0"
_PADDING, _CONTENT = re.compile(f"[{_BLANK}]{{40}}"), re.compile(f"[^{_BLANK}]")


class Shortcut(NamedTuple):
    """`path`: native path, network path or URL, '' where the file names none; variables as written."""

    path: str
    arguments: str
    others: tuple[str, ...] = ()
    """paths that other places of the file name, as far as they differ from `path`"""
    machine: str = ""
    """NetBIOS name of the computer where the target was when the link was made"""
    product: str = ""
    """MSI descriptor of an advertised program: Windows Installer says what is opened"""
    behind: int = 0
    """bytes behind the end of the link"""
    problems: tuple[str, ...] = ()

    @property
    def command_line(self) -> str:
        """As it would be typed; '' without a path."""
        path = f'"{self.path}"' if " " in self.path else self.path
        return f"{path} {self.arguments}".strip() if self.path else ""

    @property
    def padded(self) -> bool:
        """Whether blanks push a part of the arguments out of the window in which Explorer shows them."""
        found = _PADDING.search(self.arguments)
        return bool(found and _CONTENT.search(self.arguments, found.end()))

    @property
    def disguise(self) -> str:
        """The first other target whose file has another name than `path`; '' where all places name one file.

        A name that a code page could not hold has question marks, and tells nothing.
        """
        mine = _file_name(self.path)
        return next((other for other in self.others if mine and "?" not in (name := _file_name(other)) and name not in ("", mine)), "")


def target(data: bytes) -> Shortcut:
    """Return the target of a shortcut. Raises ValueError for other files, and for a shell link whose parts cannot be found."""
    if data[:4] != b"L\0\0\0":
        if found := _URL.search(_as_ansi(data)):
            return Shortcut(_local(found[1].decode("utf-8", "replace").strip()), "")
        raise ValueError("neither a shell link nor an Internet shortcut")
    if data[4:20] != _CLASS:
        raise ValueError("no shell link: another class id")
    try:
        return _Link(data).read()
    except (struct.error, IndexError) as e:
        raise ValueError("the shell link is cut") from e


def details(data: bytes) -> list[str]:
    """Return what a shell link says beside what it opens, each as `Name=value`, in the words of [MS-SHLLINK]; [] for other files.

    Times and size are those of the target when the link was written; the last six bytes of a droid are the address of a network card.
    """
    if data[:4] != b"L\0\0\0" or len(data) < _HEAD:
        return []
    link = _Link(data)
    with suppress(ValueError, struct.error, IndexError):
        link.read()
    created, accessed, written, size, icon, window, key = struct.unpack_from("<3QIIIH", data, 28)
    volume = link.raw.get("volume", b"")
    tracked = link.raw.get("tracker", b"")
    said = {
        "CreationTime": filetime(created) or "",
        "AccessTime": filetime(accessed) or "",
        "WriteTime": filetime(written) or "",
        "FileSize": str(size) if size else "",
        "ShowCommand": {3: "maximised", 7: "minimised"}.get(window, ""),
        "HotKey": f"0x{key:04x}" if key else "",
        "Name": link.texts.get("name", ""),
        "RelativePath": link.texts.get("relative", ""),
        "WorkingDir": link.texts.get("folder", ""),
        "IconLocation": f"{link.texts['icon']},{icon}" if link.texts.get("icon") else "",
        "DriveType": _DRIVES.get(int.from_bytes(volume[4:8], "little"), ""),
        "DriveSerialNumber": f"{int.from_bytes(volume[8:12], 'little'):08X}" if len(volume) > 12 else "",
        "VolumeLabel": _label(volume),
        "Droid": str(UUID(bytes_le=tracked[40:56])) if len(tracked) >= 88 else "",
        "DroidBirth": str(UUID(bytes_le=tracked[72:88])) if len(tracked) >= 88 else "",
        "DroidVolume": str(UUID(bytes_le=tracked[24:40])) if len(tracked) >= 88 else "",
    }
    return [f"{name}={value}" for name, value in said.items() if value]


def _label(volume: bytes) -> str:
    """Return the label in a VolumeID structure."""
    start = int.from_bytes(volume[12:16], "little")
    if start == 0x14 and len(volume) >= 20:
        return _wide(volume, int.from_bytes(volume[16:20], "little"))
    return _ansi(volume, start) if 16 <= start < len(volume) else ""


def _as_ansi(data: bytes) -> bytes:
    """Return an Internet shortcut, which the profile functions of Windows also read as UTF-16, in UTF-8."""
    return data.decode("utf-16", "replace").encode("utf-8", "replace") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data


def _local(url: str) -> str:
    r"""`file:///C:/x` and `file://server/share` as native paths; any other address as it is."""
    found = re.match(r"(?i)file:(/*)(.*)", url)
    if not found:
        return url
    path = unquote(found[2]).replace("/", "\\")
    return path if re.match(r"[A-Za-z]:", path) else "\\\\" + path.lstrip("\\")


def _file_name(path: str) -> str:
    return expand_windows(path).rstrip("\\. ").rpartition("\\")[2].casefold()


@dataclass(slots=True)
class _Link:
    """One pass over a shell link. `places`: place → path that it names."""

    data: bytes
    places: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)
    """structures that say nothing of the target: of the volume and of the tracking service"""

    def read(self) -> Shortcut:
        """Read the parts in their order: items, LinkInfo, strings, blocks."""
        (flags,) = struct.unpack_from("<I", self.data, 20)
        at = _HEAD
        items = b""
        if flags & _ITEMS:
            end = at + 2 + int(struct.unpack_from("<H", self.data, at)[0])
            items = self._bytes(at + 2, end)
            self._part("items", lambda: shell_path(shell_items(items)))
            at = end
        if flags & _INFO:
            size = int(struct.unpack_from("<I", self.data, at)[0])
            info = self._bytes(at, at + size)
            if not flags & _NO_INFO:
                self._part("LinkInfo", lambda: _info(info))
                start = int.from_bytes(info[12:16], "little")
                self.raw["volume"] = info[start:] if info[8:9] and info[8] & 1 and 28 <= start < len(info) else b""
            at += max(size, 4)
        for flag, name in _STRINGS:
            if flags & flag:
                most = 0xFFFF if name == "arguments" else _MOST
                self.texts[name], at, count = _string(self.data, at, most, wide=bool(flags & _UNICODE))
                if count > most:
                    self.problems.append(f"{name}: says {count:,} characters, of which Windows reads {most}")
        end = self._blocks(at, items)
        return self._opened(flags, end)

    def _bytes(self, start: int, end: int) -> bytes:
        if end > len(self.data):
            raise ValueError("the shell link is cut")
        return self.data[start:end]

    def _part(self, name: str, read: Callable[[], str]) -> None:
        """Keep the path that a place names; trouble of the place is noted and costs the place alone."""
        try:
            self.places[name] = read()
        except (struct.error, IndexError, ValueError) as e:
            self.problems.append(f"{name}: {e}")

    def _blocks(self, at: int, items: bytes) -> int:
        """Read the extra data; return the offset behind the terminal block."""
        while at + 4 <= len(self.data):
            (size,) = struct.unpack_from("<I", self.data, at)
            if size < 4:
                return at + 4
            if size < 8 or at + size > len(self.data):
                self.problems.append(f"a block of {size} bytes at {at} is cut")
                return len(self.data)
            (signature,) = struct.unpack_from("<I", self.data, at + 4)
            self._block(signature, self.data[at + 8 : at + size], items)
            at += size
        return len(self.data)

    def _block(self, signature: int, raw: bytes, items: bytes) -> None:
        if signature == _ENVIRONMENT:
            self.places["environment"] = _wide(raw, 260, 260) or _ansi(raw[:260], 0)
            if (ansi := _ansi(raw[:260], 0)) and ansi.casefold() != self.places["environment"].casefold():
                self.places["environment, ANSI"] = ansi
        elif signature == _TRACKER:
            self.texts["machine"] = _ansi(raw[8:24], 0)
            self.raw["tracker"] = raw
        elif signature == _DARWIN:
            self.texts["product"] = _wide(raw, 260, 260) or _ansi(raw[:260], 0)
        elif signature == _PROPERTIES:
            found = properties(raw)
            self.places["properties"] = found.get("target", "") or found.get("path", "")
            self.texts.setdefault("arguments", found.get("arguments", ""))
        elif signature == _KNOWN_FOLDER:
            self._part("known folder", lambda: _below(raw, items))
        elif signature == _VISTA:
            self._part("Vista items", lambda: shell_path(shell_items(raw)))

    def _opened(self, flags: int, end: int) -> Shortcut:
        """Choose the place that Explorer takes."""
        order = ["items", "LinkInfo", "environment", "environment, ANSI", "known folder", "Vista items", "properties"]
        if flags & (_EXPANDED | _PREFER):
            order.insert(0, "environment")
        paths = [p for name in order if (p := self.places.get(name, "").rstrip("\0"))]
        paths = sorted(paths, key=lambda p: not _ABSOLUTE.match(p))  # stable: what is no path, as a folder of the shell, comes last
        if relative := self.texts.get("relative", ""):
            paths.append(relative)
        path = paths[0] if paths else ""
        same = {expand_windows(path).casefold()}
        others = []
        for other in paths[1:]:
            if (known := expand_windows(other).casefold()) not in same and _ABSOLUTE.match(other):
                same.add(known)
                others.append(other)
        behind = len(self.data) - end if end < len(self.data) and self.data[end:].strip(b"\0") else 0
        arguments, machine, product = (self.texts.get(name, "") for name in ("arguments", "machine", "product"))
        return Shortcut(path, arguments, tuple(others), machine, product, behind, tuple(self.problems))


def _below(raw: bytes, items: bytes) -> str:
    """The known folder and the items behind it: Windows fills in where the folder is today."""
    (offset,) = struct.unpack_from("<I", raw, 16)
    below = shell_path(shell_items(items[offset:])) if 0 < offset < len(items) else ""
    place = folder(guid(raw[:16]))
    return f"{place}\\{below}" if below and _ABSOLUTE.match(place) else ""


def _info(info: bytes) -> str:
    """The path that a LinkInfo structure holds: base or share, and suffix."""
    head, kind, _, base, network, suffix = struct.unpack_from("<6I", info, 4)
    wide_base, wide_suffix = struct.unpack_from("<2I", info, 28) if head >= 0x24 else (0, 0)
    end = _wide(info, wide_suffix) if wide_suffix else _ansi(info, suffix) if suffix else ""
    if kind & 1:
        return (_wide(info, wide_base) if wide_base else _ansi(info, base) if base else "") + end
    if kind & 2:
        return next((f"{share}\\{end}".rstrip("\\") for share in _shares(info[network:]) if share), "")
    return ""


def _shares(network: bytes) -> Iterator[str]:
    """Names of the share in a CommonNetworkRelativeLink: Unicode, ANSI, then the drive to which it was connected."""
    _, flags, name, device = struct.unpack_from("<4I", network)
    if name > 0x14:
        yield _wide(network, struct.unpack_from("<I", network, 20)[0])
    yield _ansi(network, name) if name else ""
    if flags & 1 and device:
        yield _ansi(network, device)


def _ansi(data: bytes, at: int) -> str:
    return data[at:].split(b"\0", 1)[0].decode("cp1252", "replace")


def _wide(data: bytes, at: int, most: int = 32_768) -> str:
    return data[at : at + 2 * most].decode("utf-16-le", "backslashreplace").split("\0", 1)[0]


def _string(data: bytes, at: int, most: int, *, wide: bool) -> tuple[str, int, int]:
    """A counted string of `most` characters, the offset behind it, and the number of characters that it says it has."""
    (count,) = struct.unpack_from("<H", data, at)
    end = at + 2 + min(count, most) * (2 if wide else 1)
    if end > len(data):
        raise ValueError("the shell link is cut")
    return data[at + 2 : end].decode("utf-16-le" if wide else "cp1252", "replace").split("\0", 1)[0], end, count
