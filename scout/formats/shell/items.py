r"""Lists of shell items: the path by which Explorer reaches a file or folder, one item a level, with the times of each when it was written.

    items = shell_items(data)      [ShellItem("folder", "My Computer"), ShellItem("volume", "C:\\"), ShellItem("directory", "Users", …)]
    shell_path(items)              C:\Users

Times of FAT form have two seconds' precision and are in UTC; those of extension block 0xBEEF0026 and of properties are FILETIME.
A class of item that is not known becomes an item of kind `unknown` with its number; nothing of it is guessed. User names and passwords that
an item for an FTP server holds are not read.
Sources: Windows Shell Item format, libfwsi documentation (J. Metz); [MS-SHLLINK] 2.2; [MS-PROPSTORE] 2.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from struct import unpack_from
from typing import NamedTuple

from scout.formats.regf.data import fat_time, filetime, text
from scout.formats.shell.folders import folder, guid
from scout.formats.shell.properties import properties

MOST = 256
"""items of one list"""
_CATEGORIES = (
    *("All Control Panel Items", "Appearance and Personalization", "Hardware and Sound", "Network and Internet"),
    *("Sounds, Speech and Audio Devices", "System and Security", "Clock, Language and Region", "Ease of Access", "Programs"),
    *("User Accounts", "Security Center", "Mobile PC"),
)


_VIEWS = {0x23A3DFD5: "Search Results", 0x23FEBBEE: "Known Folder"}
"""signatures of views and their names, where the properties have none"""
_STORAGE, _STORED = 0x10312005, 0x07192006
"""signatures of what is reached by MTP: the storage of a phone or camera, and a folder or file in it"""
_ZIP_TIME = re.compile(r"N/A|\d\d/\d\d/\d{4}  \d\d:\d\d:\d\d")
_OLD_ZIP_TIME = re.compile(r"\d\d/\d\d/\d\d  \d\d:\d\d")
_PATH = re.compile(rb"(?:[A-Za-z]\0:|\\\0\\)\0")
"""beginning of a path in UTF-16"""


class ShellItem(NamedTuple):
    """One item. Times are RFC 3339 UTC or ''; `entry` and `sequence` are the reference to the MFT, 0 where there is none."""

    kind: str
    """folder (of the shell), volume, directory, file, network, address, control panel, property view, device storage and device
    file (of a phone or camera), zip folder (in a ZIP archive), unknown"""
    name: str
    created: str = ""
    modified: str = ""
    accessed: str = ""
    size: int = 0
    entry: int = 0
    sequence: int = 0
    short: str = ""
    """name of the 8.3 form, where it differs"""
    local: str = ""
    """last change as a ZIP archive has it: month/day/year and local time"""

    def __str__(self) -> str:
        """Return the item in words: name, kind, times and MFT reference."""
        times = (f"{word} {time}" for word, time in zip(("created", "modified", "accessed"), self[2:5], strict=True) if time)
        entry = (f"MFT {self.entry}-{self.sequence}",) if self.entry else ()
        local = (f"modified {self.local} local time",) if self.local else ()
        return f"{self.name} ({', '.join((self.kind, *times, *local, *entry))})"


def shell_items(data: bytes) -> list[ShellItem]:
    """Return the items of a list, in their order. Raises ValueError where an item is cut, or the list has more than MOST."""
    found: list[ShellItem] = []
    at = 0
    while at + 2 <= len(data):
        (size,) = unpack_from("<H", data, at)
        if size == 0:
            break
        if size < 3 or at + size > len(data):
            raise ValueError(f"shell item {len(found)} of {size} bytes is cut at {len(data) - at}")
        if len(found) == MOST:
            raise ValueError(f"more than {MOST} shell items")
        try:
            found.append(_item(data[at : at + size]))
        except (struct.error, IndexError) as error:
            raise ValueError(f"shell item {len(found)} (class {data[at + 2]:#04x}) is shorter than its class needs") from error
        at += size
    return found


def length(data: bytes) -> int:
    """Return how many bytes a list takes with the two bytes of its end."""
    at = 0
    while at + 2 <= len(data) and (size := int(unpack_from("<H", data, at)[0])):
        at += size
    return min(at + 2, len(data))


def shell_path(items: Iterable[ShellItem]) -> str:
    r"""Return the path of a list: `C:\Users\x`, `\\server\share\x`, else the names with backslashes between them."""
    path = ""
    for item in items:
        name = item.name
        if item.kind in ("volume", "network", "address") or re.match(r"[A-Za-z]:\\|\\\\|%", name):
            path = name.rstrip("\\") if item.kind == "volume" and len(name) > 3 else name
        elif path in ("", "My Computer"):
            path = name
        else:
            path = f"{path.rstrip(chr(92))}\\{name}"
    return path


def _item(raw: bytes) -> ShellItem:
    if (zipped := _zipped(raw)) is not None:
        return zipped
    kind = raw[2]
    group = kind & 0x70
    if kind == 0x1F:
        return _root(raw)
    if group == 0x20:
        return _volume(raw)
    if group == 0x30:
        return _file(raw, raw)
    if group == 0x40:
        return _network(raw)
    if kind == 0x61:
        return _address(raw)
    if kind in (0x70, 0x71):
        return ShellItem("control panel", folder(guid(raw[14:30])))
    if kind == 0x74 and raw[6:10] == b"CFSF":
        return _file(raw[10:], raw)
    if kind == 0x01 and raw[4:8] == b"\x84\x21\xde\x39":
        number = unpack_from("<I", raw, 8)[0]
        return ShellItem("control panel", _CATEGORIES[number] if number < len(_CATEGORIES) else f"category {number}")
    if kind == 0x00 and len(raw) > 10:
        return _view(raw)
    return ShellItem("unknown", f"(class {kind:#04x}, {len(raw)} bytes)")


def _zipped(raw: bytes) -> ShellItem | None:
    """Return a folder within a ZIP archive; None for another item. It is known by the text of its time, whatever its class (as a rule
    0x52): at 24 with a year of two digits (Windows XP), at 36 with one of four, or `N/A` (Windows 10). At 60 or 84 stand the lengths of
    two texts, without their end marks, and the texts behind them: its name, and a second one that is not read.
    """
    for at, pattern, lengths in ((36, _ZIP_TIME, 84), (24, _OLD_ZIP_TIME, 60)):
        if len(raw) >= lengths + 8 and pattern.fullmatch(when := text(raw[at : at + 42])):
            first, _ = unpack_from("<II", raw, lengths)
            start = lengths + 8
            if start + 2 * first > len(raw):
                raise ValueError(f"the name of a folder in a ZIP archive is cut: {first:,} characters in an item of {len(raw)} bytes")
            local = "" if when == "N/A" else " ".join(when.split())
            return ShellItem("zip folder", text(raw[start : start + 2 * first]), local=local)
    return None


def _root(raw: bytes) -> ShellItem:
    """Return a first item: a folder of the shell by its id, a drive on its own, or a view that properties describe."""
    signature = unpack_from("<I", raw, 6)[0] if len(raw) >= 14 else 0
    if signature == 0xF5A6B710:
        return _item(raw[10 : 10 + unpack_from("<H", raw, 10)[0]])
    if signature in _VIEWS:
        found = _view(raw)
        return found if found.kind != "unknown" else ShellItem("property view", _VIEWS[signature])
    return ShellItem("folder", folder(guid(raw[4:20])))


def _volume(raw: bytes) -> ShellItem:
    if raw[2] & 1 and raw[3:4].isalpha():
        return ShellItem("volume", _ansi(raw[3:25]))
    if len(raw) >= 20:
        return ShellItem("folder", folder(guid(raw[4:20])))
    return ShellItem("unknown", f"(class {raw[2]:#04x}, {len(raw)} bytes)")


def _network(raw: bytes) -> ShellItem:
    flags, end = raw[4], raw.find(b"\0", 5)
    name = _ansi(raw[5:])
    if not name and flags & 0x80 and end > 0:
        name = _ansi(raw[end + 1 :])
    return ShellItem("network", name)


def _address(raw: bytes) -> ShellItem:
    """Return the address of a web or FTP folder, without what is before an `@`."""
    (size,) = unpack_from("<H", raw, 4)
    start = 6 + (size if size + 6 < len(raw) else 0)
    name = text(raw[start:]) if raw[3] & 0x80 else _ansi(raw[start:])
    when = filetime(unpack_from("<Q", raw, 14)[0]) if size >= 16 else ""
    return ShellItem("address", re.sub(r"(?<=//)[^/@]*@", "", name), accessed=when)


def _view(raw: bytes) -> ShellItem:
    """Return an item that is described by properties: a known folder, a search, a device; or a program of the Control Panel."""
    (signature,) = unpack_from("<I", raw, 6)
    name = ""
    if signature == 0x23FEBBEE and len(raw) >= 30 and unpack_from("<H", raw, 12)[0] == 16:
        name = folder(guid(raw[14:30]))
    if signature == _STORAGE:
        return ShellItem("device storage", _device_names(raw, 38, 3)[0] or "(no name)")
    if signature == _STORED:
        modified, created = (filetime(ticks) for ticks in unpack_from("<QQ", raw, 26))
        first, second = _device_names(raw, 62, 2)
        return ShellItem("device file", second or first or "(no name)", created, modified)
    found = properties(raw)
    name = found.get("path") or found.get("name") or name
    if not name and (path := _PATH.search(raw, 4)):
        return ShellItem("control panel", text(raw[path.start() :]))  # a program that Explorer loads to show it (.cpl)
    if not name:
        return ShellItem("unknown", f"(class 0x00, signature {signature:#010x}, {len(raw)} bytes)")
    return ShellItem("property view", name, found.get("created", ""), found.get("modified", ""), found.get("accessed", ""))


def _device_names(raw: bytes, at: int, count: int) -> list[str]:
    """Return the first texts of an item of a phone or camera. From `at` on it has the lengths of three, in characters, and 4 further bytes
    where it is a storage; the texts follow. Raises ValueError where they are longer than the item.
    """
    lengths = unpack_from("<3I", raw, at)
    start = at + (16 if count == 3 else 12)
    found: list[str] = []
    for length in lengths[:count]:
        end = start + 2 * length
        if end > len(raw):
            raise ValueError(f"the name of a device's folder is cut: {length:,} characters in an item of {len(raw)} bytes")
        found.append(text(raw[start:end]))
        start = end
    return found


def _file(raw: bytes, whole: bytes) -> ShellItem:
    """Return a file entry. `whole` is the item that contains it, with the extension blocks."""
    flags = raw[2]
    size, date, time = unpack_from("<IHH", raw, 4)
    short = text(raw[14:]) if flags & 4 else _ansi(raw[14:])
    made = ShellItem("directory" if flags & 1 else "file", short, modified=fat_time(date, time) or "", size=size)
    for signature, block in _blocks(whole):
        if signature == 0xBEEF0004:
            made = _long(made, block)
        elif signature == 0xBEEF0026 and len(block) >= 36:
            times = [filetime(ticks) for ticks in unpack_from("<3Q", block, 12)]
            made = made._replace(created=times[0] or made.created, modified=times[1] or made.modified, accessed=times[2] or made.accessed)
    return made._replace(short="" if made.name == made.short else made.short)


def _long(item: ShellItem, block: bytes) -> ShellItem:
    """Return the item with what block 0xBEEF0004 adds: birth, last access, long name, and from Vista on the reference to the MFT."""
    version = unpack_from("<H", block, 2)[0]
    created, accessed = fat_time(*unpack_from("<HH", block, 8)) or "", fat_time(*unpack_from("<HH", block, 12)) or ""
    at, reference = 18, 0
    if version >= 7:
        (reference,) = unpack_from("<Q", block, 20)
        at = 36
    if version >= 3:
        at += 2
    at += 4 * (version >= 9) + 4 * (version >= 8)
    name = text(block[at:]) if version >= 3 else ""
    return item._replace(
        name=name or item.name,
        short=item.name,
        created=created,
        accessed=accessed,
        entry=reference & 0xFFFFFFFFFFFF if reference >> 48 else 0,  # without a sequence number it is a position on a FAT volume
        sequence=reference >> 48,
    )


def _blocks(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield signature and bytes of the extension blocks, one behind the other to the end of the item."""
    at = unpack_from("<H", raw, len(raw) - 2)[0]
    if not (0 < at <= len(raw) - 10) or raw[at + 6 : at + 8] != b"\xef\xbe":
        at = raw.find(b"\x04\x00\xef\xbe") - 4
    while 0 < at <= len(raw) - 8:
        size, _, signature = unpack_from("<HHI", raw, at)
        if size < 8 or at + size > len(raw) or signature >> 16 != 0xBEEF:
            return
        yield signature, raw[at : at + size]
        at += size


def _ansi(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("cp1252", "replace")
