r"""Files that Windows deletes at its next start (`PendingFileRenameOperations`).

The value is a REG_MULTI_SZ of pairs (`\??\C:\x`, new name or ''), so an empty string in it ends nothing. Source: MoveFileExW.
"""

from __future__ import annotations

from typing import Any

from hunter.hives.records import ValueRecord
from hunter.host.windows import live_keys
from hunter.host.windows.native import KERNEL, failed
from hunter.unsafe import UnsafeError

_NAME = "PendingFileRenameOperations"
_DELAYED = 0x4


def native(files: Any, path: str) -> str:
    """Return the path of a file as Windows writes it."""
    return str(files.native_path(path))


def add(path: str) -> None:
    """Let Windows delete a file at its next start. OSError."""
    if not KERNEL.MoveFileExW(path, None, _DELAYED):
        raise failed(path)


def pending(path: str) -> bool:
    """Return whether Windows deletes a file at its next start."""
    return any(_is(pair, path) for pair in _pairs(_value()))


def remove(path: str) -> None:
    """Take a file out of the list; every other pair stays as it is. OSError."""
    value = _value()
    left = [pair for pair in _pairs(value) if not _is(pair, path)]
    key = _key()
    if not left:
        live_keys.remove_value(key, _NAME)
    elif value is not None:
        text = "".join(f"{word}\0" for pair in left for word in pair) + "\0"
        live_keys.put_value(key, ValueRecord(value.cell, text.encode("utf-16-le"), value.index))


def _key() -> str:
    from hunter.host.windows.services import control_set

    return f"{control_set()}\\Control\\Session Manager"


def _value() -> ValueRecord | None:
    key = _key()
    return live_keys.value(key, _NAME) if live_keys.exists(key) else None


def _pairs(value: ValueRecord | None) -> list[tuple[str, str]]:
    if value is None:
        return []
    words = value.data.decode("utf-16-le", "surrogatepass").removesuffix("\0").split("\0")[:-1]
    if len(words) % 2:
        raise UnsafeError(f"{_NAME} is no list of pairs")
    return list(zip(words[::2], words[1::2], strict=True))


def _is(pair: tuple[str, str], path: str) -> bool:
    return not pair[1] and pair[0].removeprefix("\\??\\").casefold() == path.casefold()
