"""One parameter of the kernel's command line in a file of a boot loader: `init=/dev/shm/x`. Every other parameter stays.

Only parameters of the option `names` are ever removed, and where there is an option `values`, only with one of them: the system does not
boot without some of the others. Sources: kernel-command-line(7), bootparam(7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from hunter.mechanisms._parts import Surgery, raw_line
from hunter.objects._text import WORD, Cut, find_word


class _TextParameter(Surgery):
    def __init__(self, names: tuple[bytes, ...] = (), values: tuple[bytes, ...] = ()) -> None:
        super().__init__("text-parameter", self._parameter)
        self._names, self._values = names, values

    def bind(self, options: Mapping[str, Any]) -> Self:
        names, values = (tuple(str(word).encode() for word in options.get(option, ())) for option in ("names", "values"))
        return type(self)(names, values)

    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return the parameter whose value the finding shows, as the line has it; of a kind with `values` the first one that has one."""
        shown = str(fields.get("data") or "").encode("utf-8", "surrogateescape")
        words = [word for word in WORD.findall(raw_line(fields) or b"") if self._allowed(word)]
        return next((word for word in words if self._values or (shown and word.partition(b"=")[2] == shown)), None)

    def _allowed(self, word: bytes) -> bool:
        name, _, value = word.partition(b"=")
        return name in self._names and (not self._values or value in self._values)

    def _parameter(self, data: bytes, word: bytes, number: int | None) -> tuple[list[Cut], int]:
        if not self._allowed(word):
            how = f" with the value {' or '.join(value.decode() for value in self._values)}" if self._values else ""
            raise ValueError(f"only {', '.join(name.decode() for name in self._names)}{how} may go from the kernel's command line")
        return find_word(data, word, number)


MECHANISM = _TextParameter()
