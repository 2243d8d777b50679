r"""Programs of a host by path and by hash, with the verdict on their signature: the one in the file, else that of a catalog.

known = KnownPrograms(view)
known.by_path("C:\\Windows\\System32\\cmd.exe")      KnownProgram or None; Windows paths without case
known.by_hash("9f86d081…")                           the programs with this SHA-256
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from commodore.case.view import CaseView
from scout.formats.linux_paths import one_path
from scout.formats.windows_paths import plain

DATASETS = ("programs", "security_catalogs")
"""datasets that a derived dataset reads through KnownPrograms"""
_NEEDED = (
    "escadre.format",
    "escadre.id",
    "escadre.program.compiled_reading",
    "escadre.program.functions",
    "escadre.program.import_count",
    "escadre.program.interpreter",
    "escadre.program.kind",
    "escadre.program.oddities",
    "escadre.program.overlay_entropy",
    "escadre.program.overlay_size",
    "escadre.program.packers",
    "escadre.program.run_path",
    "escadre.signature.verdict",
    "file.code_signature.status",
    "file.code_signature.subject_name",
    "file.created",
    "file.extension",
    "file.hash.md5",
    "file.hash.sha256",
    "file.mode",
    "file.mtime",
    "file.name",
    "file.path",
    "file.pe.company",
    "file.pe.original_file_name",
    "file.pe.product",
    "file.size",
    "file.uid",
)


class KnownProgram(NamedTuple):
    """One collected program: the fields of its record, and the verdict on its signature with the catalog that gives it."""

    record: dict[str, Any]
    verdict: str
    status: str
    signer: str
    catalog: str = ""

    @property
    def path(self) -> str:
        """Return the native path."""
        return str(self.record["file.path"])


class _Signed(NamedTuple):
    verdict: str
    signer: str
    catalog: str


class KnownPrograms:
    """All collected programs of one host. `catalogs`: whether any catalog was collected."""

    def __init__(self, view: CaseView) -> None:
        self._lines: list[bytes] = []
        self._by_path: dict[str, int] = {}
        self._by_hash: dict[str, list[int]] = {}
        wanted: dict[str, list[int]] = {}
        for record in view.records("programs"):
            number = len(self._lines)
            self._lines.append(bytes(orjson.dumps({name: record[name] for name in _NEEDED if name in record})))
            self._by_path.setdefault(key(str(record["file.path"])), number)
            self._by_hash.setdefault(str(record.get("file.hash.sha256", "")), []).append(number)
            if record.get("escadre.signature.verdict") != "valid":
                for digest in record.get("escadre.signature.digests") or ():
                    wanted.setdefault(str(digest), []).append(number)
        self._signed: dict[int, _Signed] = {}
        self.catalogs = False
        for catalog in view.records("security_catalogs"):
            self.catalogs = True
            found = wanted.keys() & set(catalog.get("escadre.catalog.digests") or ())
            verdict = str(catalog.get("escadre.signature.verdict"))
            made = _Signed(verdict, str(catalog.get("file.code_signature.subject_name", "")), str(catalog["file.path"]))
            for digest in sorted(found):
                for number in wanted[digest]:
                    if number not in self._signed or verdict == "valid":
                        self._signed[number] = made

    def by_path(self, path: str) -> KnownProgram | None:
        """Return the program at a native path; `/lib` and `/usr/lib` are one."""
        number = self._by_path.get(key(path))
        return None if number is None else self._program(number)

    def by_hash(self, sha256: str) -> list[KnownProgram]:
        """Return the programs with this content."""
        return [self._program(number) for number in self._by_hash.get(sha256, ())]

    def __iter__(self) -> Iterator[KnownProgram]:
        """Yield all programs in the order of the collection."""
        return map(self._program, range(len(self._lines)))

    def contents(self) -> Iterator[list[KnownProgram]]:
        """Yield the programs of each distinct content."""
        for numbers in self._by_hash.values():
            yield [self._program(number) for number in numbers]

    def _program(self, number: int) -> KnownProgram:
        record = orjson.loads(self._lines[number])
        signed = self._signed.get(number)
        if signed is not None:
            status = f"signed in the catalog {signed.catalog}: {signed.verdict}; revocation was not checked"
            return KnownProgram(record, signed.verdict, status, signed.signer, signed.catalog)
        return KnownProgram(
            record,
            str(record.get("escadre.signature.verdict", "")),
            str(record.get("file.code_signature.status", "")),
            str(record.get("file.code_signature.subject_name", "")),
        )


def key(path: str) -> str:
    """Return what identifies a native path: Windows paths without case in their plain spelling, `/lib` and `/usr/lib` as one."""
    return one_path(path) if path.startswith("/") else plain(path).lower()
