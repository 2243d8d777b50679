"""One element of a text file that is a list, as ld.so.preload: elements are separated by white space or `:`, and a `#` begins a comment.

Where only separators are left, the file is removed too, as a clean system has none. A comment in it keeps the file. Elements are paths of
files, unless the option `data` names the field of a finding that has the element.
Source: ld.so(8), FILES; `do_preload` in elf/rtld.c of glibc.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from hunter.mechanisms._parts import Surgery, raw_line
from hunter.objects._text import ELEMENT, find_element


class _TextElement(Surgery):
    def __init__(self, field: str = "data") -> None:
        super().__init__("text-element", find_element, drop_if_blank=True)
        self._field, self.loads = field, field == "data"

    def bind(self, options: Mapping[str, Any]) -> Self:
        return type(self)(options.get("data", "data"))

    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return the element that the finding shows, as the line has it."""
        if not fields.get(self._field):
            return None
        shown = str(fields[self._field])
        elements = (
            e for e in ELEMENT.findall((raw_line(fields) or b"").partition(b"#")[0]) if e.decode(errors="backslashreplace") == shown
        )
        return next(elements, shown.encode("utf-8", "surrogateescape"))


MECHANISM = _TextElement()
