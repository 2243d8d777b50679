"""Shortcuts: what they open, from links that are built here field by field."""

from __future__ import annotations

import struct

import pytest

from scout.formats.shortcut import Shortcut, target

CLASS = bytes.fromhex("0114020000000000c000000000000046")


def link(
    *, path: str = "", suffix: str = "", share: str = "", arguments: str = "", variable: str = "", items: bytes = b"", wide: bool = True
) -> bytes:
    """A shell link after [MS-SHLLINK]."""
    flags = 0x80 * wide | 0x1 * bool(items) | 0x2 * bool(path or share) | 0x4 | 0x20 * bool(arguments) | 0x200 * bool(variable)
    data = struct.pack("<I16sI", 76, CLASS, flags).ljust(76, b"\0")
    if items:
        data += struct.pack("<H", len(items)) + items
    if path or share:
        body, head = b"", 28
        ends = suffix.encode("cp1252") + b"\0"
        if path:
            base = path.encode("cp1252") + b"\0"
            fields = (head, 1, 0, head, 0, head + len(base))
            body = base + ends
        else:
            name = share.encode("cp1252") + b"\0"
            network = struct.pack("<5I", 20 + len(name), 0, 20, 0, 0) + name
            fields = (head, 2, 0, 0, head, head + len(network))
            body = network + ends
        data += struct.pack("<7I", head + len(body), *fields) + body
    for text in ("comment", *((arguments,) if arguments else ())):
        data += struct.pack("<H", len(text)) + text.encode("utf-16-le" if wide else "cp1252")
    if variable:
        data += struct.pack("<2I", 0x314, 0xA0000001) + variable.encode("cp1252").ljust(260, b"\0")
        data += variable.encode("utf-16-le").ljust(520, b"\0")
    return data + bytes(4)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (link(path=r"C:\Windows\System32\cmd.exe", arguments="/c x.bat"), Shortcut(r"C:\Windows\System32\cmd.exe", "/c x.bat")),
        (link(path="C:\\Users\\", suffix=r"Public\x.exe", items=b"\x14\0abc"), Shortcut(r"C:\Users\Public\x.exe", "")),
        (link(path=r"C:\é.exe", arguments="-é", wide=False), Shortcut(r"C:\é.exe", "-é")),
        (link(share=r"\\srv\share", suffix=r"a\x.exe"), Shortcut(r"\\srv\share\a\x.exe", "")),
        (link(variable=r"%APPDATA%\x.exe", arguments="-a"), Shortcut(r"%APPDATA%\x.exe", "-a")),
        (link(items=b"\x14\0abc"), Shortcut("", "")),
        (b"[InternetShortcut]\r\nURL=file:///C:/a%20b/x.exe\r\n", Shortcut(r"C:\a b\x.exe", "")),
        (b"[InternetShortcut]\r\nURL=file://srv/s/x.exe\r\n", Shortcut(r"\\srv\s\x.exe", "")),
        (b"[InternetShortcut]\nurl = https://evil.example/x\n", Shortcut("https://evil.example/x", "")),
    ],
)
def test_a_shortcut_says_what_it_opens(data: bytes, expected: Shortcut) -> None:
    assert target(data) == expected


def test_the_command_line_is_as_it_would_be_typed() -> None:
    assert Shortcut(r"C:\a b\x.exe", "-y").command_line == '"C:\\a b\\x.exe" -y'
    assert Shortcut(r"C:\x.exe", "").command_line == r"C:\x.exe"
    assert Shortcut("", "-y").command_line == ""


def test_damage_is_an_answer_or_a_value_error() -> None:
    whole = link(path=r"C:\Windows\System32\cmd.exe", arguments="/c x.bat", items=b"\x14\0abc", variable="%x%")
    for cut in range(len(whole)):
        for bad in (whole[:cut], whole[:cut] + b"\xff" + whole[cut + 1 :]):
            try:
                assert isinstance(target(bad), Shortcut)
            except ValueError:
                continue
