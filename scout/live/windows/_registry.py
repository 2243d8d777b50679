"""Read the running registry through Windows' own calls. Absent and forbidden keys are empty; `denied` collects the forbidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native

HKLM, HKU = "HKLM", "HKU"
MOST_KEYS = 100_000
"""subkeys and values of one key that are read"""


class RunningRegistry:
    """The registry of the running host. `wow64`: the view of 32-bit programs."""

    def __init__(self, *, wow64: bool = False) -> None:
        self._winreg = _native.module("winreg")
        self._access = self._winreg.KEY_READ | (self._winreg.KEY_WOW64_32KEY if wow64 else self._winreg.KEY_WOW64_64KEY)
        self.denied: list[str] = []

    def exists(self, root: str, path: str) -> bool:
        """Return whether a key exists and may be read."""
        return any(True for _ in self._each(root, path, lambda _key, index: index))

    def subkeys(self, root: str, path: str) -> list[str]:
        """Return the names of the keys below a key, in order."""
        return [_native.text(name) for name in self._each(root, path, self._winreg.EnumKey)]

    def values(self, root: str, path: str) -> dict[str, tuple[Any, int]]:
        """Return name → (data, type) of a key; the default value has the name ''."""
        return {name: (data, kind) for name, data, kind in self._each(root, path, self._winreg.EnumValue)}

    def text(self, root: str, path: str, name: str) -> str:
        """Return a value as text, '' where it is absent or no text."""
        data = self.values(root, path).get(name, ("", 0))[0]
        return _native.text(data) if isinstance(data, str) else ""

    def number(self, root: str, path: str, name: str) -> int | None:
        """Return a number value; None where it is absent or none."""
        data = self.values(root, path).get(name, (None, 0))[0]
        return data if isinstance(data, int) else None

    def _each(self, root: str, path: str, get: Any) -> Iterator[Any]:
        top = self._winreg.HKEY_LOCAL_MACHINE if root == HKLM else self._winreg.HKEY_USERS
        try:
            key = self._winreg.OpenKey(top, path, 0, self._access)
        except FileNotFoundError:
            return
        except OSError:
            self.denied.append(f"{root}\\{path}")
            return
        with key:
            for index in range(MOST_KEYS):
                try:
                    yield get(key, index)
                except OSError:
                    return
