r"""Amcache: files of programs with their SHA-1, in the old layout (Windows 7 to 10 1607) and the new one."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.amcache import FILES, SOURCES, TIMES, sha1
from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_OLD = {
    "0": "file.pe.product",
    "1": "file.pe.company",
    "5": "file.pe.file_version",
    "6": "file.size",
    "c": "file.pe.description",
    "f": "escadre.amcache.linked",
    "11": "file.mtime",
    "12": "file.created",
    "15": "file.path",
    "100": "escadre.amcache.program_id",
    "101": "file.hash.sha1",
}
_NEW = {
    "LowerCaseLongPath": "file.path",
    "Name": "file.name",
    "Publisher": "file.pe.company",
    "OriginalFileName": "file.pe.original_file_name",
    "ProductName": "file.pe.product",
    "Version": "file.pe.file_version",
    "Size": "file.size",
    "LinkDate": "escadre.amcache.linked",
    "ProgramId": "escadre.amcache.program_id",
    "FileId": "file.hash.sha1",
}
_read_old, _read_new = (
    restated(_OLD, needs=("15",)),
    restated(_NEW, also=("ProductVersion", "BinaryType", "AppxPackageFullName", "Usn"), needs=("LowerCaseLongPath",)),
)


def _file(at: At, key: Key) -> dict[str, Any] | None:
    made = (_read_old if at.parts[1].lower() == "file" else _read_new)(at, key)
    if made is None:
        return None
    fields: dict[str, Any] = dict(made)
    path = str(fields.get("file.path", ""))
    fields.setdefault("file.name", path.rpartition("\\")[2] or None)
    return fields | sha1(str(fields.pop("file.hash.sha1", "")))


ARTEFACT, parse, expected = registry_artefact(
    name="amcache_files",
    title="Amcache: files",
    about="Programs and libraries that the compatibility service took stock of: path, size, SHA-1, version, link time, program that "
    "installed it. The entry stays when the file is deleted, so the hash can still be looked up.",
    proves_not="That the file ran: installing or copying it can be enough. The time is when the entry was made, often by a daily task. "
    "The SHA-1 is of the first 31,457,280 bytes only, which is not that of a larger file.",
    keys=(r"Root\File\*\*", r"Root\InventoryApplicationFile\*"),
    files=FILES,
    targets=("WR06",),
    read=each_key(_file),
    fields=(*dict.fromkeys((*_OLD.values(), *_NEW.values())), "related.hash", "escadre.settings"),
    times=TIMES
    | {
        "file.created": "birth of the file when the entry was made (old layout)",
        "file.mtime": "last change of the file when the entry was made (old layout)",
        "escadre.amcache.linked": "link time in the header of the program, which its maker can set at will",
    },
    category=("file", "process"),
    action="program-presence-observed",
    message="The inventory has [{file.path!q}|a file][, SHA-1 {file.hash.sha1}][, of {file.pe.company}], entered at {@timestamp}.",
    sources=SOURCES,
    version=2,
)
