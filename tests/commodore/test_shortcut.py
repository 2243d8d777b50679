"""Shortcuts: what they open, from links that are built here field by field after [MS-SHLLINK]."""

from __future__ import annotations

import struct
from uuid import UUID

import pytest

from commodore.readers.documents import read
from fixtures.windows.shellitems import END, entry, root, sized, volume
from scout.formats.shortcut import Shortcut, target

CLASS = bytes.fromhex("0114020000000000c000000000000046")
COMPUTER = "20D04FE0-3AEA-1069-A2D8-08002B30309D"
PANEL = "21EC2020-3AEA-1069-A2DD-08002B30309D"
TIMES = dict.fromkeys(("created", "modified", "accessed"), "2026-01-02T03:04:06Z")
CMD = r"C:\Windows\System32\cmd.exe"


def items(*names: str) -> bytes:
    """The list of a file on drive C, without its size."""
    return root(COMPUTER) + volume("C:\\") + b"".join(entry(n, folder=n != names[-1], **TIMES) for n in names) + END


def block(signature: int, body: bytes) -> bytes:
    return struct.pack("<2I", 8 + len(body), 0xA0000000 | signature) + body


def texts(ansi: str, wide: str) -> bytes:
    """The body of an environment or Darwin block."""
    return ansi.encode("cp1252").ljust(260, b"\0") + wide.encode("utf-16-le").ljust(520, b"\0")


def share_info(share: str, suffix: str, *, wide: bool = False, device: str = "") -> bytes:
    """A LinkInfo with a CommonNetworkRelativeLink only."""
    name = share.encode("ascii", "replace") + b"\0"
    drive = device.encode() + b"\0" if device else b""
    head = 28 if wide else 20
    network = struct.pack("<4I", 2 | bool(device), head, head + len(name) if device else 0, 0x20000)
    sizes = struct.pack("<2I", head + len(name) + len(drive), 0) if wide else b""
    network = network + sizes + name + drive + (share.encode("utf-16-le") + b"\0\0" if wide else b"")
    network = struct.pack("<I", len(network) + 4) + network
    end = suffix.encode() + b"\0"
    return struct.pack("<7I", 28 + len(network) + len(end), 28, 2, 0, 0, 28, 28 + len(network)) + network + end


def path_info(path: str, suffix: str = "", *, wide: bool = False) -> bytes:
    """A LinkInfo with a local path; with `wide` the ANSI form has question marks, as Windows writes what its code page lacks."""
    base, end = path.encode("cp1252", "replace") + b"\0", suffix.encode("cp1252", "replace") + b"\0"
    head = 36 if wide else 28
    at = head + len(base)
    body = base + end
    fields = [head, 1, 0, head, 0, at]
    if wide:
        fields += [head + len(body), head + len(body) + 2 * len(path) + 2]
        body += path.encode("utf-16-le") + b"\0\0" + suffix.encode("utf-16-le") + b"\0\0"
    return struct.pack(f"<{1 + len(fields)}I", head + len(body), *fields) + body


def link(
    ids: bytes = b"", info: bytes = b"", blocks: bytes = b"", *, arguments: str = "", relative: str = "", wide: bool = True, flags: int = 0
) -> bytes:
    flags |= 0x80 * wide | 0x1 * bool(ids) | 0x2 * bool(info) | 0x4 | 0x8 * bool(relative) | 0x20 * bool(arguments)
    data = struct.pack("<I16sI", 76, CLASS, flags).ljust(76, b"\0")
    data += (struct.pack("<H", len(ids)) + ids if ids else b"") + info
    for text in ("comment", relative, arguments):
        if text:
            data += struct.pack("<H", len(text)) + text.encode("utf-16-le" if wide else "cp1252")
    return data + blocks + bytes(4)


def store(format_id: str, number: int, value: str) -> bytes:
    """A property store with one text."""
    text = (value + "\0").encode("utf-16-le")
    typed = struct.pack("<2HI", 31, 0, len(value) + 1) + text.ljust(-(-len(text) // 4) * 4, b"\0")
    values = struct.pack("<IIB", 9 + len(typed), number, 0) + typed + bytes(4)
    return struct.pack("<I", 24 + len(values)) + b"1SPS" + UUID(format_id).bytes_le + values + bytes(4)


NOTEPAD = items("Windows", "notepad.exe")
ENVIRONMENT = block(1, texts(r"%APPDATA%\x.exe", r"%APPDATA%\x.exe"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (link(info=path_info(CMD), arguments="/c x.bat"), Shortcut(CMD, "/c x.bat")),
        (link(info=path_info("C:\\Users\\", r"Public\x.exe")), Shortcut(r"C:\Users\Public\x.exe", "")),
        (link(info=path_info("C:\\дом\\", "ж.exe", wide=True)), Shortcut(r"C:\дом\ж.exe", "")),
        (link(info=path_info(r"C:\é.exe"), arguments="-é", wide=False), Shortcut(r"C:\é.exe", "-é")),
        (link(info=share_info(r"\\srv\share", r"a\x.exe")), Shortcut(r"\\srv\share\a\x.exe", "")),
        (link(info=share_info(r"\\сервер\share", r"a\x.exe", wide=True)), Shortcut(r"\\сервер\share\a\x.exe", "")),
        (link(info=share_info("", r"a\x.exe", device="Z:")), Shortcut(r"Z:\a\x.exe", "")),
        (link(NOTEPAD), Shortcut(r"C:\Windows\notepad.exe", "")),
        (link(NOTEPAD, path_info(r"C:\WINDOWS\notepad.exe")), Shortcut(r"C:\Windows\notepad.exe", "")),
        (link(NOTEPAD, path_info(CMD)), Shortcut(r"C:\Windows\notepad.exe", "", (CMD,))),
        (link(NOTEPAD, path_info(CMD), flags=0x100), Shortcut(r"C:\Windows\notepad.exe", "")),  # ForceNoLinkInfo
        (link(blocks=ENVIRONMENT, arguments="-a"), Shortcut(r"%APPDATA%\x.exe", "-a")),
        (link(NOTEPAD, blocks=ENVIRONMENT, flags=0x200), Shortcut(r"%APPDATA%\x.exe", "", (r"C:\Windows\notepad.exe",))),
        (link(NOTEPAD, blocks=ENVIRONMENT), Shortcut(r"C:\Windows\notepad.exe", "", (r"%APPDATA%\x.exe",))),
        (link(NOTEPAD, blocks=block(1, texts(r"%windir%\notepad.exe", "")), flags=0x200), Shortcut(r"%windir%\notepad.exe", "")),
        (link(blocks=block(1, texts(r"C:\ansi.exe", r"C:\wide.exe")), flags=0x200), Shortcut(r"C:\wide.exe", "", (r"C:\ansi.exe",))),
        (link(relative=r"..\..\x.exe"), Shortcut(r"..\..\x.exe", "")),
        (link(blocks=block(12, items("Users", "v.exe"))), Shortcut(r"C:\Users\v.exe", "")),
        (link(blocks=block(9, store("B9B4B3FC-2B51-4A42-B5D8-324146AFCF25", 2, r"C:\p.exe"))), Shortcut(r"C:\p.exe", "")),
        (
            link(NOTEPAD, blocks=block(9, store("436F2667-14E2-4FEB-B30A-146C53B5B674", 100, "-from store"))),
            Shortcut(r"C:\Windows\notepad.exe", "-from store"),
        ),
        (
            link(NOTEPAD, blocks=block(3, struct.pack("<2I", 0x58, 0) + b"desktop-7\0".ljust(16, b"\0") + bytes(64))),
            Shortcut(r"C:\Windows\notepad.exe", "", machine="desktop-7"),
        ),
        (
            link(NOTEPAD, blocks=block(6, texts("w_1^", "w_1^VkQ@6r.9pC8M>abc")), flags=0x1000),
            Shortcut(r"C:\Windows\notepad.exe", "", product="w_1^VkQ@6r.9pC8M>abc"),
        ),
        (
            link(NOTEPAD, blocks=block(11, UUID("F38BF404-1D43-42F2-9305-67DE0B28FC23").bytes_le + struct.pack("<I", len(NOTEPAD)))),
            Shortcut(r"C:\Windows\notepad.exe", ""),
        ),
        (
            link(root(COMPUTER) + root(PANEL) + sized(b"\0\0" + bytes(20) + "E:\\x.dll\0".encode("utf-16-le")) + END),
            Shortcut(r"E:\x.dll", ""),
        ),
        (link(NOTEPAD) + b"MZ behind", Shortcut(r"C:\Windows\notepad.exe", "", behind=9)),
        (link(NOTEPAD) + bytes(9), Shortcut(r"C:\Windows\notepad.exe", "")),
        (b"[InternetShortcut]\r\nURL=file:///C:/a%20b/x.exe\r\n", Shortcut(r"C:\a b\x.exe", "")),
        (b"[InternetShortcut]\r\nURL=file://srv/s/x.exe\r\n", Shortcut(r"\\srv\s\x.exe", "")),
        (b"[InternetShortcut]\nurl = https://evil.example/x\n", Shortcut("https://evil.example/x", "")),
        ("[InternetShortcut]\r\nURL=https://evil.example/ж\r\n".encode("utf-16"), Shortcut("https://evil.example/ж", "")),
    ],
)
def test_a_shortcut_says_what_it_opens(data: bytes, expected: Shortcut) -> None:
    assert target(data) == expected


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\r", "\v", "\u00a0", "\u3000", "\u200b", "\u2800", "\u3164"])
def test_arguments_behind_many_blanks_are_read_and_named(blank: str) -> None:
    document = read(link(NOTEPAD, arguments="C:\\readme.txt" + blank * 300 + "-evil"), "a.lnk")
    assert document is not None
    assert "padded-arguments" in document.traits
    assert document.facts["process.command_line"].endswith("-evil")


def test_two_targets_and_data_behind_the_link_are_traits() -> None:
    document = read(link(NOTEPAD, path_info(CMD)) + b"MZ" + b"x" * 500, "a.lnk")
    assert document is not None
    assert {"two-targets", "data-behind-link", "carries-program"} <= document.traits.keys()
    assert document.facts["escadre.shortcut.others"] == [CMD]
    plain = read(link(NOTEPAD, path_info(r"C:\WINDOWS\NOTEPAD.EXE")), "a.lnk")
    assert plain is not None
    assert not plain.traits


def test_a_damaged_part_costs_itself() -> None:
    damaged = link(b"\x14\0abc", path_info(CMD), arguments="-x")
    found = target(damaged)
    assert (found.path, found.arguments) == (CMD, "-x")
    assert found.problems == ("items: shell item 0 of 20 bytes is cut at 5",)
    info = bytearray(path_info(CMD))
    struct.pack_into("<I", info, 4, 0x24)  # a head that promises more than there is
    found = target(link(NOTEPAD, struct.pack("<2I", 12, 0x24) + bytes(4), arguments="-x"))
    assert (found.path, found.arguments) == (r"C:\Windows\notepad.exe", "-x")
    assert found.problems[0].startswith("LinkInfo: ")
    found = target(link(NOTEPAD, blocks=struct.pack("<2I", 0xFFFF, 0xA0000001)))
    assert found.path == r"C:\Windows\notepad.exe"
    assert found.problems


def test_the_command_line_is_as_it_would_be_typed() -> None:
    assert Shortcut(r"C:\a b\x.exe", "-y").command_line == '"C:\\a b\\x.exe" -y'
    assert Shortcut(r"C:\x.exe", "").command_line == r"C:\x.exe"
    assert Shortcut("", "-y").command_line == ""


def test_damage_is_an_answer_or_a_value_error() -> None:
    whole = link(NOTEPAD, path_info(CMD), ENVIRONMENT + block(12, NOTEPAD) + block(3, bytes(88)), arguments="/c x.bat", flags=0x200)
    for cut in range(0, len(whole), 3):
        for bad in (whole[:cut], whole[:cut] + b"\xff" + whole[cut + 1 :]):
            try:
                assert isinstance(target(bad), Shortcut)
            except ValueError:
                continue
