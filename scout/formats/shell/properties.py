"""Property stores as shell items hold them: the name, path and times of an item.

Source: [MS-PROPSTORE] 2.2 and 2.3; property names as in the documentation of the Windows property system.
"""

from __future__ import annotations

from struct import unpack_from

from scout.formats.regf.data import filetime, text
from scout.formats.shell.folders import guid

_STORAGE = "B725F130-47EF-101A-A5F1-02608C9EEBAC"
_SHELL = "28636AA6-953D-11D2-B5D6-00C04FD918D0"
_LINK_TARGET, _LINK_ARGUMENTS = "B9B4B3FC-2B51-4A42-B5D8-324146AFCF25", "436F2667-14E2-4FEB-B30A-146C53B5B674"
_NAMES = {
    (_LINK_TARGET, 2): "target",
    (_LINK_ARGUMENTS, 100): "arguments",
    (_STORAGE, 10): "name",
    (_STORAGE, 14): "modified",
    (_STORAGE, 15): "created",
    (_STORAGE, 16): "accessed",
    (_SHELL, 30): "path",
}
_TEXT, _TIME = 31, 64
MOST = 1000
"""values of one item"""


def properties(raw: bytes) -> dict[str, str]:
    """Return name, path, created, modified, accessed, target and arguments of the stores in an item, as far as they have them."""
    found: dict[str, str] = {}
    start, left = raw.find(b"1SPS"), MOST
    while start >= 4 and left > 0:
        end = min(start - 4 + unpack_from("<I", raw, start - 4)[0], len(raw))
        at, kind = start + 20, guid(raw[start + 4 : start + 20]) if start + 20 <= len(raw) else ""
        while at + 13 <= end and left > 0:
            left -= 1
            size, number = unpack_from("<II", raw, at)
            if size < 13 or at + size > end:
                break
            if name := _NAMES.get((kind, number)):
                found.setdefault(name, _value(raw[at + 9 : at + size]))
            at += size
        start, left = raw.find(b"1SPS", max(end, start + 4)), left - 1
    return {name: value for name, value in found.items() if value}


def _value(raw: bytes) -> str:
    """Return a typed value that is a text or a time; '' for others."""
    kind = unpack_from("<H", raw)[0] if len(raw) >= 2 else 0
    if kind == _TEXT and len(raw) >= 8:
        return text(raw[8 : 8 + 2 * unpack_from("<I", raw, 4)[0]])
    return filetime(unpack_from("<Q", raw, 4)[0]) if kind == _TIME and len(raw) >= 12 else ""
