"""Ask WMI, with names of properties given: read only, no method is called. Source: Microsoft, "Scripting API for WMI"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from scout.live.windows import _native

MOST = 50_000
"""objects that one query returns at most"""


class WmiNamespace:
    r"""One namespace: `root\cimv2`. Raises OSError where the host refuses it or does not have it."""

    def __init__(self, name: str) -> None:
        self._error = _native.module("pythoncom").com_error
        _native.module("pythoncom").CoInitialize()
        dynamic = _native.module("win32com.client.dynamic")
        try:
            self._services = dynamic.Dispatch("WbemScripting.SWbemLocator").ConnectServer(".", name)
        except self._error as e:
            raise OSError(f"WMI namespace {name}: {_words(e)}") from e

    def ask(self, name: str, properties: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the objects of a class and its subclasses, with their class as `class`. Raises OSError."""
        try:
            for count, one in enumerate(self._services.ExecQuery(f"SELECT * FROM {name}")):  # noqa: S608  (names of this project)
                if count == MOST:
                    return
                yield self._read(one, name, properties)
        except self._error as e:
            raise OSError(f"WMI class {name}: {_words(e)}") from e

    def _read(self, one: Any, name: str, properties: Sequence[str]) -> dict[str, Any]:
        out: dict[str, Any] = {"class": name}
        with suppress(self._error, AttributeError):
            out["class"] = _native.text(one.Path_.Class)
        for key in properties:
            with suppress(self._error, AttributeError):
                out[key] = plain(one.Properties_(key).Value)
        return {key: value for key, value in out.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a value as JSON has it: text without lone surrogates, lists, numbers."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return _native.text(value)


def _words(error: Any) -> str:
    more: tuple[Any, ...] = getattr(error, "excepinfo", None) or ()
    number = more[5] if len(more) > 5 and more[5] else error.hresult
    text = (more[2] if len(more) > 2 else "") or getattr(error, "strerror", "") or "refused"
    return f"{_native.text(text).strip()} (0x{number & 0xFFFFFFFF:08x})"
