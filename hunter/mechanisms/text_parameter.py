"""One parameter of the kernel's command line in a file of a boot loader: `init=/dev/shm/x`. Every other parameter stays.

Only parameters of the option `names` are ever removed: the system does not boot without some of the others. Sources:
kernel-command-line(7), bootparam(7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from hunter.mechanisms._parts import Surgery, raw_line
from hunter.objects._text import WORD, Cut, find_word


class _TextParameter(Surgery):
    def __init__(self, names: tuple[bytes, ...] = ()) -> None:
        super().__init__("text-parameter", self._parameter)
        self._names = names

    def bind(self, options: Mapping[str, Any]) -> Self:
        return type(self)(tuple(str(name).encode() for name in options["names"]))

    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return the parameter whose value the finding shows, as the line has it."""
        shown = str(fields.get("data") or "").encode("utf-8", "surrogateescape")
        words = WORD.findall(raw_line(fields) or b"")
        return next((word for word in words if shown and word.partition(b"=")[2] == shown and self._allowed(word)), None)

    def _allowed(self, word: bytes) -> bool:
        return word.partition(b"=")[0] in self._names

    def _parameter(self, data: bytes, word: bytes, number: int | None) -> tuple[list[Cut], int]:
        if not self._allowed(word):
            raise ValueError(f"only {', '.join(name.decode() for name in self._names)} may go from the kernel's command line")
        return find_word(data, word, number)


MECHANISM = _TextParameter()
