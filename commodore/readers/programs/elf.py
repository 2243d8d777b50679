"""ELF files: headers, dynamic section, notes, and who built them.

Sources: elf(5); System V ABI, chapter 4 and 5; Go, `debug/buildinfo`; LSB Core, `.note.gnu.build-id`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from commodore.readers.programs.bytesview import UnreadableProgramError, number, printable, string, unpack

MOST_SECTIONS, MOST_SEGMENTS, MOST_DYNAMIC, MOST_NEEDED = 512, 256, 4_096, 256
_MACHINES = {
    2: "sparc", 3: "x86", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390", 40: "arm", 43: "sparcv9", 50: "ia64", 62: "x86-64",
    183: "aarch64", 243: "riscv", 247: "bpf", 258: "loongarch",
}  # fmt: skip
_KINDS = {0: "none", 1: "relocatable", 2: "executable", 3: "shared object", 4: "core"}
_SYSTEMS = {0: "System V", 3: "Linux", 6: "Solaris", 9: "FreeBSD", 12: "OpenBSD"}
_LOAD, _DYNAMIC, _INTERPRETER, _NOTE = 1, 2, 3, 4
_NEEDED, _STRINGS, _SIZE, _SONAME, _RPATH, _RUNPATH, _FLAGS = 1, 5, 10, 14, 15, 29, 0x6FFFFFFB
_PIE = 0x08000000
_GO = b"\xff Go buildinf:"
_COMPILER = re.compile(
    rb"(?:GCC: \([^)\0]{1,120}\) [\d.]{1,20}|(?:[\w ]{0,20})clang version [\d.]{1,20}|rustc version [\d.]{1,20}[^\0]{0,60})"
)
_RUST = re.compile(rb"/rustc/([0-9a-f]{40})/")
_MODULE = re.compile(rb"path\t([^\n]{1,256})\n")


class ElfSection(NamedTuple):
    """One section; `kind` is its type as a number (8: it has no bytes in the file)."""

    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Elf:
    """What the tables of an ELF file say. Lists have what is there, within the bounds; `problems` says what is not."""

    bits: int
    order: str
    machine: str
    kind: str
    system: str
    entry: int
    sections: tuple[ElfSection, ...]
    segments: int
    interpreter: str
    needed: tuple[str, ...]
    run_path: tuple[str, ...]
    name: str
    build_id: str
    stripped: bool
    static: bool
    end: int
    """where the last part ends that a table names"""
    problems: tuple[str, ...]


def elf(data: bytes) -> Elf:
    """Return the facts of an ELF file. Raises UnreadableProgramError with the reason."""
    if data[:4] != b"\x7fELF" or len(data) < 52 or data[4] not in (1, 2) or data[5] not in (1, 2):
        raise UnreadableProgramError("no ELF header")
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._wide, self._mark = data, data[4] == 2, "<" if data[5] == 1 else ">"
        self._problems: list[str] = []
        layout = "HHIQQQIHHHHHH" if self._wide else "HHIIIIIHHHHHH"
        found = unpack(data, 16, self._mark + layout)
        if found is None:
            raise UnreadableProgramError("cut in the ELF header")
        (self._kind, self._machine, _, self._entry, self._ph, self._sh, _, _, self._ph_size, self._ph_count, self._sh_size, self._sh_count,
         self._names) = found  # fmt: skip

    def read(self) -> Elf:
        segments, sections = self._segments(), self._sections()
        loads = [(address, offset, size) for kind, offset, address, size in segments if kind == _LOAD]
        dynamic = next(((offset, size) for kind, offset, _, size in segments if kind == _DYNAMIC), None)
        tags, texts = self._dynamic(dynamic, loads) if dynamic else ({}, {})
        place = next((offset for kind, offset, _, _ in segments if kind == _INTERPRETER), 0)
        kinds = {section.kind for section in sections}
        ends = [offset + size for _, offset, _, size in segments] + [s.offset + s.size for s in sections if s.kind not in (0, 8)]
        ends += [self._sh + self._sh_size * self._sh_count if sections else 0, self._ph + self._ph_size * self._ph_count]
        executable = self._kind == 2 or bool(place) or bool(next(iter(tags.get(_FLAGS, [])), 0) & _PIE)
        return Elf(
            bits=64 if self._wide else 32,
            order="little endian" if self._mark == "<" else "big endian",
            machine=_MACHINES.get(self._machine, str(self._machine)),
            kind="executable" if executable and self._kind == 3 else _KINDS.get(self._kind, str(self._kind)),
            system=_SYSTEMS.get(self._data[7], str(self._data[7])),
            entry=self._entry,
            sections=sections,
            segments=len(segments),
            interpreter=string(self._data, place, 256) if place else "",
            needed=tuple(texts.get("needed", ())),
            run_path=tuple(dict.fromkeys(path for text in texts.get("run", ()) for path in text.split(":") if path)),
            name=next(iter(texts.get("name", ())), ""),
            build_id=self._build_id(segments, sections),
            stripped=self._kind in (2, 3) and 2 not in kinds,
            static=executable and not place and not texts.get("needed"),
            end=min(max(ends, default=0), len(self._data)),
            problems=tuple(self._problems),
        )

    def _segments(self) -> list[tuple[int, int, int, int]]:
        """Return (type, offset, address, bytes in the file) of each segment."""
        found = []
        claimed = min(self._ph_count, MOST_SEGMENTS)
        for n in range(claimed if self._ph else 0):
            at = self._ph + self._ph_size * n
            values = unpack(self._data, at, self._mark + ("IIQQQQ" if self._wide else "IIIII"))
            if values is None:
                self._problems.append(f"the table of segments is cut: {n} of {self._ph_count} are there")
                break
            found.append((values[0], values[2], values[3], values[5]) if self._wide else (values[0], values[1], values[2], values[4]))
        if self._ph_count > MOST_SEGMENTS:
            self._problems.append(f"{MOST_SEGMENTS} of {self._ph_count} segments were read")
        return found

    def _sections(self) -> tuple[ElfSection, ...]:
        found: list[ElfSection] = []
        raw = []
        for n in range(min(self._sh_count, MOST_SECTIONS) if self._sh else 0):
            values = unpack(self._data, self._sh + self._sh_size * n, self._mark + ("IIQQQQ" if self._wide else "IIIIII"))
            if values is None:
                self._problems.append(f"the table of sections is cut: {n} of {self._sh_count} are there")
                break
            raw.append(values)
        if self._sh_count > MOST_SECTIONS:
            self._problems.append(f"{MOST_SECTIONS} of {self._sh_count} sections were read")
        names = raw[self._names][4] if self._names < len(raw) else -1
        for name, kind, flags, address, offset, size in raw:
            found.append(ElfSection(string(self._data, names + name, 64) if names > 0 else "", kind, flags, address, offset, size))
        return tuple(found)

    def _dynamic(self, place: tuple[int, int], loads: list[tuple[int, int, int]]) -> tuple[dict[int, list[int]], dict[str, list[str]]]:
        """Return the entries of the dynamic section: numbers by tag, and the texts under `needed`, `run` and `name`."""
        start, size = place
        width = 16 if self._wide else 8
        tags: dict[int, list[int]] = {}
        texts: dict[str, list[str]] = {}
        for n in range(min(size // width, MOST_DYNAMIC)):
            pair = unpack(self._data, start + width * n, self._mark + ("qQ" if self._wide else "iI"))
            if pair is None or not pair[0]:
                break
            tags.setdefault(pair[0], []).append(pair[1])
        table = next(iter(tags.get(_STRINGS, [])), 0)
        strings = next((offset + table - address for address, offset, size in loads if address <= table < address + size), -1)
        for name, kinds in (("needed", (_NEEDED,)), ("run", (_RPATH, _RUNPATH)), ("name", (_SONAME,))):
            offsets = [offset for kind in kinds for offset in tags.get(kind, [])][:MOST_NEEDED]
            texts[name] = [text for offset in offsets if strings >= 0 and (text := string(self._data, strings + offset, 4096))]
        return tags, texts

    def _build_id(self, segments: list[tuple[int, int, int, int]], sections: tuple[ElfSection, ...]) -> str:
        places = [(offset, size) for kind, offset, _, size in segments if kind == _NOTE]
        places += [(s.offset, s.size) for s in sections if s.name == ".note.gnu.build-id"]
        for offset, size in places[:64]:
            at, end = offset, offset + min(size, 4096)
            for _ in range(64):
                head = unpack(self._data, at, self._mark + "III")
                if head is None or at >= end:
                    break
                name, length, kind = head
                body = at + 12 + (name + 3 & ~3)
                if kind == 3 and self._data[at + 12 : at + 16] == b"GNU\0" and 0 < length <= 64:
                    return self._data[body : body + length].hex()
                at = body + (length + 3 & ~3)
        return ""


class ElfBuild(NamedTuple):
    """Who built a file: compilers and their versions, and the module that a Go program was built from."""

    toolchain: tuple[str, ...] = ()
    module: str = ""


def built(data: bytes, sections: tuple[ElfSection, ...]) -> ElfBuild:
    """Return the compilers that a file names in `.comment`, as Go build information, or as paths of the Rust library."""
    comment = next((data[s.offset : s.offset + min(s.size, 1 << 16)] for s in sections if s.name == ".comment"), b"")
    found = list(dict.fromkeys(printable(raw).strip() for raw in _COMPILER.findall(comment)))
    version, module = go(data, next((s.offset for s in sections if s.name == ".go.buildinfo"), -1))
    if version:
        found.insert(0, version)
    constants = next(((s.offset, s.size) for s in sections if s.name == ".rodata"), (0, 0))
    if not any("rustc" in one for one in found) and (rust := _RUST.search(data, constants[0], sum(constants) or 1 << 20)):
        found.insert(0, f"rustc {rust[1].decode()[:12]}")
    return ElfBuild(tuple(found[:8]), module)


def go(data: bytes, place: int = -1) -> tuple[str, str]:
    """Return the version of Go and the path of the module; '' where there is none. Since Go 1.18 the texts follow their header."""
    at = data.find(_GO, max(place, 0), max(place, 0) + 64) if place >= 0 else data.find(_GO)
    if at < 0 or not number(data, at + 15, "<B") & 2:
        return ("go, before 1.18", "") if at >= 0 else ("", "")
    length, start = _varint(data, at + 32)
    version = printable(data[start : start + min(length, 64)])
    length, start = _varint(data, start + length)
    module = _MODULE.search(data[start : start + min(length, 1 << 16)])
    return version, printable(module[1]) if module else ""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(5):
        byte = number(data, at + n, "<B")
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            return value, at + n + 1
    return 0, at
