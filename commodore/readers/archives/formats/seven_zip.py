"""7z, read by `py7zr` into memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from commodore.readers.archives.model import PASSWORD, Budget, Entry

NAME = "7z"
MAGIC = ((0, b"7z\xbc\xaf\x27\x1c"),)


def read(stream: BinaryIO, budget: Budget, name: str) -> Iterator[Entry]:  # noqa: ARG001
    """Yield the entries. The contents are unpacked together where their sizes are within the bounds."""
    import py7zr

    try:
        archive: Any = py7zr.SevenZipFile(stream, "r")
        locked = archive.needs_password()
    except py7zr.exceptions.PasswordRequired:
        archive, locked = None, True
    if locked:
        if archive is not None:
            archive.close()
        stream.seek(0)
        try:
            archive = py7zr.SevenZipFile(stream, "r", password=PASSWORD.decode())
        except Exception as e:
            raise ValueError(f"encrypted: the usual password does not open it ({type(e).__name__})") from e
    with archive:
        yield from _listed(archive, budget, locked=locked)


def _listed(archive: Any, budget: Budget, *, locked: bool) -> Iterator[Entry]:
    found = list(archive.list())
    stated = sum(int(info.uncompressed or 0) for info in found)
    most = budget.left()
    content: dict[str, bytes] = {}
    state = "encrypted: opened with the usual password" if locked else "read"
    if stated > most:
        state = budget.cut(found[0].filename, most)
    else:
        content, state = _content(archive, most, state, locked=locked)
    for info in found:
        entry = Entry(info.filename.replace("\\", "/"), int(info.uncompressed or 0), int(info.compressed or -1), _time(info.creationtime))
        if info.is_directory:
            entry.kind = "dir"
        elif (data := content.get(info.filename)) is not None:
            entry.content, entry.state = data, state
        else:
            entry.state = state if state != "read" else "not unpacked"
        yield entry


def _content(archive: Any, most: int, state: str, *, locked: bool) -> tuple[dict[str, bytes], str]:
    from py7zr.io import BytesIOFactory

    factory = BytesIOFactory(most + 1)
    try:
        archive.extractall(factory=factory)
    except Exception as e:  # bad data of any kind; the names are still listed
        why = "encrypted: the usual password does not open it" if locked else f"damaged: {type(e).__name__}: {e}"[:160]
        return {}, why
    made: dict[str, bytes] = {}
    for name, product in factory.products.items():
        product.seek(0)
        made[name] = product.read()
    return made, state


def _time(when: Any) -> str:
    if not isinstance(when, datetime):
        return ""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
