"""Plant inert files of forty kinds among ordinary ones: what intruders do to names, places, content and rights of programs.

Nothing here runs anything, and nothing is harmful: the programs only end themselves, or are no whole programs. The planter shares nothing
with what looks for them: it writes bytes, and the kinds are from published reports (MITRE ATT&CK T1036, T1027, T1553, T1548, T1554, T1564).
"""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "programs" / "input" / "Windows"
NOISE = random.Random(7)


def windows_program() -> bytes:
    """A program that ends itself, as mingw built it."""
    return (GOLDEN / "Temp" / "overlay.scr").read_bytes()[:4608]


def changed(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    made = bytearray(data)
    for at, value in changes:
        made[at : at + len(value)] = value
    return bytes(made)


def header(data: bytes) -> int:
    return struct.unpack_from("<I", data, 0x3C)[0]


def section(data: bytes, number: int) -> int:
    """Where the entry of a section is."""
    at = header(data)
    return at + 24 + struct.unpack_from("<H", data, at + 20)[0] + 40 * number


def unique(data: bytes, word: str) -> bytes:
    """The program with another DOS stub, so that its hash is its own."""
    return changed(data, (0x40, hashlib.sha256(word.encode()).digest()[:16]))


def with_sections(data: bytes, *names: bytes) -> bytes:
    return changed(data, *((section(data, n), name.ljust(8, b"\0")) for n, name in enumerate(names)))


def with_encrypted_code(data: bytes) -> bytes:
    """The code section replaced by a larger one of random bytes behind the file."""
    place = len(data) + -len(data) % 512
    body = NOISE.randbytes(8192)
    at = section(data, 0)
    return changed(data, (at + 16, struct.pack("<II", len(body), place))).ljust(place, b"\0") + body


def with_original_name(data: bytes, name: str) -> bytes:
    old = "original.exe".encode("utf-16-le")
    return data.replace(old, name.encode("utf-16-le").ljust(len(old), b"\0"))


def linux_program(*, interpreter: str = "", run_path: str = "", sections: bool = True, body: bytes = b"\x90" * 64) -> bytes:
    """A 64-bit ELF file by hand: one loaded segment, and an interpreter and run path where asked for."""
    count = 1 + bool(interpreter) + bool(run_path)
    start = 64 + 56 * count
    texts = b"\0" + run_path.encode() + b"\0"
    loader = interpreter.encode() + b"\0" if interpreter else b""
    dynamic_at = start + len(body) + len(texts) + len(loader)
    dynamic_at += -dynamic_at % 8
    dynamic = struct.pack("<qQqQqQ", 5, start + len(body), 29, 1, 0, 0) if run_path else b""
    size = dynamic_at + len(dynamic)
    headers = [struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 0x1000)]
    if interpreter:
        headers.append(struct.pack("<IIQQQQQQ", 3, 4, start + len(body) + len(texts), 0, 0, len(loader), len(loader), 1))
    if run_path:
        headers.append(struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at, 0, len(dynamic), len(dynamic), 8))
    names = b"\0.text\0.shstrtab\0"
    table = b""
    if sections:
        rows = [(0, 0, 0, 0, 0), (1, 1, 6, start, len(body)), (7, 3, 0, size, len(names))]
        table = names + b"".join(
            struct.pack("<IIQQQQIIQQ", n, kind, flags, 0, at, length, 0, 0, 1, 0) for n, kind, flags, at, length in rows
        )
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, start, 64, size + len(names) if sections else 0, 0, 64, 56, count, 64, 3 if sections else 0, 2
    )
    return (head + b"".join(headers) + body + texts + loader).ljust(dynamic_at, b"\0") + dynamic + table


def write(root: Path, path: str, data: bytes, mode: int = 0o755) -> str:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.chmod(mode)
    return path


def plant_windows(root: Path, each: int = 1) -> dict[str, list[str]]:
    """Plant the kinds of Windows below a drive; return kind → paths."""
    plain, user = windows_program(), "Users/anne"
    at = header(plain)
    encrypted = with_encrypted_code(plain)
    kinds = {
        "two extensions": (f"{user}/Desktop/invoice{{n}}.pdf.exe", plain),
        "blanks before the extension": (f"{user}/Downloads/photo{{n}}.jpg          .scr", plain),
        "direction mark": (f"{user}/Downloads/annexe{{n}}\u202efdp.exe", plain),
        "blank at the end": ("ProgramData/update{n}.exe ", plain),
        "svchost elsewhere": ("ProgramData/{n}/svchost.exe", plain),
        "lsass elsewhere": ("Users/Public/{n}/lsass.exe", plain),
        "almost svchost": (f"{user}/AppData/Roaming/{{n}}/svch0st.exe", plain),
        "almost a system name, in System32": ("Windows/System32/{n}/scvhost.exe", plain),
        "as a picture": (f"{user}/Pictures/beach{{n}}.jpg", plain),
        "as a text": ("ProgramData/notes{n}.txt", plain),
        "as a log": ("Windows/Temp/setup{n}.log", plain),
        "in the recycle bin": ("$Recycle.Bin/S-1-5-21-1/$R{n}ABCD.exe", plain),
        "UPX": ("Windows/Temp/tool{n}.exe", with_sections(plain, b"UPX0", b"UPX1")),
        "protector": (f"{user}/AppData/Roaming/agent{{n}}.exe", with_sections(plain, b".text", b".vmp0", b".vmp1")),
        "encrypted code": ("Windows/Temp/enc{n}.exe", encrypted),
        "entry in no section": ("Users/Public/entry{n}.exe", changed(plain, (at + 24 + 16, struct.pack("<I", 0x7F0000)))),
        "writable code": ("Users/Public/rwx{n}.exe", changed(plain, (section(plain, 0) + 36, struct.pack("<I", 0xE0000020)))),
        "renamed shell": ("ProgramData/vendor{n}/helper.exe", with_original_name(plain, "cmd.exe")),
        "signature of another file": ("Program Files/Tool{n}/tool.exe", (GOLDEN / "Temp" / "changed.exe").read_bytes()),
        "compiled in the future": ("Windows/Temp/new{n}.exe", changed(plain, (at + 8, struct.pack("<I", 0xF0000000)))),
        "encrypted appendix": (f"{user}/Downloads/setup{{n}}.exe", plain + NOISE.randbytes(40_000)),
        "library in Fonts": ("Windows/Fonts/vga{n}.dll", plain),
    }
    return {kind: _each(root, pattern, data, each) for kind, (pattern, data) in kinds.items()}


def plant_linux(root: Path, each: int = 1) -> dict[str, list[str]]:
    """Plant the kinds of Linux below a root with an `/usr/bin` of packages; return kind → paths."""
    plain, noise = linux_program(), NOISE.randbytes(20_000)
    kinds = {
        "in /tmp": ("tmp/work{n}", plain, 0o755),
        "hidden in /dev/shm": ("dev/shm/.x{n}/run", plain, 0o755),
        "three dots": ("var/tmp/.../upd{n}", plain, 0o755),
        "in /usr/bin without a package": ("usr/bin/netupd{n}", plain, 0o755),
        "setuid in /tmp": ("tmp/s{n}", plain, 0o4755),
        "setuid in /usr/local": ("usr/local/bin/backup{n}", plain, 0o4755),
        "setuid in a home": ("home/anne/bin{n}/x", plain, 0o4755),
        "UPX": ("var/tmp/up{n}", plain + b"UPX!" + bytes(32), 0o755),
        "no sections, packed": ("dev/shm/pk{n}", linux_program(sections=False, body=noise), 0o755),
        "encrypted code": ("tmp/enc{n}", linux_program(body=noise), 0o755),
        "libraries from /tmp": ("opt/app{n}/srv", linux_program(run_path="/tmp/lib"), 0o755),
        "foreign loader": ("opt/app{n}/cli", linux_program(interpreter="/var/tmp/ld.so"), 0o755),
        "name of a kernel thread": ("var/lib/{n}/[kworker]", plain, 0o755),
        "sshd elsewhere": ("var/tmp/{n}/sshd", plain, 0o755),
        "as a picture": ("var/www/html/img{n}.jpg", plain, 0o644),
        "as a log": ("var/log/app{n}.log", plain, 0o755),
        "writable and setuid": ("var/lib/app{n}/tool", plain, 0o4777),
        "hidden in a home": ("home/anne/.fonts/{n}/.cache-upd", plain, 0o755),
    }
    found = {kind: _each(root, pattern, data, each, mode) for kind, (pattern, data, mode) in kinds.items()}
    return found | {"changed program of a package": _changed(root, each)}


def _changed(root: Path, each: int) -> list[str]:
    """Append bytes to programs that a package brought."""
    sums = sorted((root / "var/lib/dpkg/info").glob("*.md5sums"))
    names = [line.split("  ", 1)[1] for file in sums for line in file.read_text().splitlines() if "  usr/bin/" in line]
    here = [name for name in names if (root / name).is_file() and (root / name).read_bytes()[:4] == b"\x7fELF"][:each]
    for name in here:
        data = (root / name).read_bytes()
        (root / name).unlink()
        write(root, name, data + b"appended")
    return here


def _each(root: Path, pattern: str, data: bytes, each: int, mode: int = 0o755) -> list[str]:
    made = []
    for n in range(each):
        path = pattern.format(n=n)
        body = unique(data, path) if data[:2] == b"MZ" else data + hashlib.sha256(path.encode()).digest()
        made.append(write(root, path, body, mode))
    return made
