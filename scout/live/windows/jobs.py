"""Jobs in queues, and what the clipboard holds (`jobs/1`); `kind` says which.

transfer    a job of BITS: id, name, description, owner (SID), state, type, files (list of `remote → local`), command (runs when the
            job ends or fails); own_only: only jobs of this account could be listed
print       name, document, owner, printer, pages, size, submitted, status: a job of the print spooler
clipboard   formats (list of names or numbers): which kinds of content it has; the content is not read
error       what could not be asked, and why

Source: Microsoft, "Background Intelligent Transfer Service", Win32_PrintJob, EnumClipboardFormats.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native, _transfers, _wmi

SCHEMA = 1
_FORMATS = {1: "text", 2: "bitmap", 7: "OEM text", 8: "DIB", 13: "Unicode text", 15: "files", 16: "locale", 17: "DIB v5"}
_PRINT = {
    "Name": "name",
    "Document": "document",
    "Owner": "owner",
    "DriverName": "driver",
    "HostPrintQueue": "printer",
    "TotalPages": "pages",
    "Size": "size",
    "TimeSubmitted": "submitted",
    "JobStatus": "status",
}
"""property of Win32_PrintJob → field"""


def collect() -> Iterator[dict[str, Any]]:
    """Yield the jobs of BITS, those of the spooler, and the formats in the clipboard."""
    try:
        for job in _transfers.jobs():
            yield {"kind": "transfer", **job}
    except OSError as e:
        yield {"kind": "transfer", "error": str(e)}
    try:
        for one in _wmi.WmiNamespace("root\\cimv2").ask("Win32_PrintJob", list(_PRINT)):
            yield {"kind": "print", **_native.known({word: one.get(name) for name, word in _PRINT.items()})}
    except OSError as e:
        yield {"kind": "print", "error": str(e)}
    yield {"kind": "clipboard", "formats": _clipboard()}


def _clipboard() -> list[str]:
    user = _native.library("user32")
    found: list[str] = []
    if not user.OpenClipboard(None):
        return found
    try:
        number, room = 0, ctypes.create_unicode_buffer(256)
        while len(found) < 1_000 and (number := int(user.EnumClipboardFormats(number))):
            named = user.GetClipboardFormatNameW(number, room, 256)
            found.append(_FORMATS.get(number) or (_native.text(room.value) if named else str(number)))
    finally:
        user.CloseClipboard()
    return found
