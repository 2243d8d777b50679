"""Names in the archive and native paths: nothing is lost either way, and every name is valid for tar and other systems."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scout.archive import names

WINDOWS_PART = st.text(st.characters(exclude_characters="\\\0"), min_size=0, max_size=12) | st.sampled_from(
    [
        "..",
        ".",
        "CON",
        "nul.txt",
        "com1",
        "AUX .log",
        "$UsnJrnl:$J",
        "a%41",
        "%",
        "%%",
        "%e",
        "x.",
        "x ",
        "a/b",
        "\ud800",
        "\udc41x",
        "\ud83d\ude00",
        "😀",
        "lpt¹",
    ]
)
POSIX_PART = st.binary(min_size=0, max_size=12).filter(lambda b: b"/" not in b and b"\0" not in b) | st.sampled_from(
    [b"..", b".", b"CON", b"\xff\xfe", b"\xed\xa0\x80", b"a\\b", b"a:b", b"%2F", b"trailing.", b"trailing ", b"\x1b[2J", b"\xc3\xa9"]
)
SAFE = re.compile(r'[^\x00-\x1f\x7f\\:"*<>?|]*')


def assert_holdable(name: str) -> None:
    """Every system can hold this name: what POSIX, tar and the Win32 name rules say, written down apart from the code."""
    name.encode("utf-8")
    assert SAFE.fullmatch(name)
    for part in name.split("/"):
        assert part not in ("", ".", "..")
        assert not part.endswith((".", " "))
        assert part.split(".")[0].rstrip(" ").upper() not in {
            "CON",
            "PRN",
            "AUX",
            "NUL",
            *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10)),
        }


@given(st.sampled_from("CDZ") | st.just("C@vss3"), st.lists(WINDOWS_PART, min_size=1, max_size=5).map("\\".join))
def test_a_windows_path_comes_back_as_it_was(volume: str, path: str) -> None:
    name = names.encode(volume, path)
    assert names.decode(name) == (volume, f"{volume[0]}:\\{path}")
    assert names.below(f"{volume[0]}:\\{path}", volume) == path
    assert_holdable(name)


@given(st.sampled_from(["root", "mnt/usb", "..", "part:2"]), st.lists(POSIX_PART, min_size=1, max_size=5).map(b"/".join))
def test_a_posix_path_comes_back_byte_by_byte(volume: str, raw: bytes) -> None:
    path = raw.decode("utf-8", "surrogateescape")
    name = names.encode(volume, path)
    back_volume, back = names.decode(name)
    assert (back_volume, os.fsencode(back) if os.name == "posix" else back.encode("utf-8", "surrogateescape")) == (volume, b"/" + raw)
    assert_holdable(name)


@given(st.lists(WINDOWS_PART, min_size=1, max_size=3).map("\\".join), st.lists(WINDOWS_PART, min_size=1, max_size=3).map("\\".join))
def test_two_paths_never_share_a_name(one: str, other: str) -> None:
    assert (names.encode("C", one) == names.encode("C", other)) == (one == other)


@pytest.mark.parametrize(
    ("volume", "path", "name"),
    [
        ("C", "Windows\\System32\\config\\SYSTEM", "files/C/Windows/System32/config/SYSTEM"),
        ("C", "$Extend\\$UsnJrnl:$J", "files/C/$Extend/$UsnJrnl%3A$J"),
        ("C", "Logs\\Microsoft-Windows-Sysmon%4Operational.evtx", "files/C/Logs/Microsoft-Windows-Sysmon%254Operational.evtx"),
        ("root", "etc/passwd", "files/root/etc/passwd"),
        ("root", "tmp/..../. ./...", "files/root/tmp/...%2E/. %2E/..%2E"),
        ("root", "tmp/../x", "files/root/tmp/%2E%2E/x"),
        ("root", "srv/CON.txt", "files/root/srv/%43ON.txt"),
        ("root", "srv/a\\b\nc", "files/root/srv/a%5Cb%0Ac"),
        ("root", "srv/\udcff", "files/root/srv/%FF"),
        ("D", "x\ud800y", "files/D/x%ED%A0%80y"),
        ("root", "srv/é 漢", "files/root/srv/é 漢"),
        ("mnt/usb", "a", "files/mnt%2Fusb/a"),
    ],
)
def test_names_as_the_contract_writes_them(volume: str, path: str, name: str) -> None:
    assert names.encode(volume, path) == name
    assert names.below(names.decode(name)[1], volume) == path


def test_a_name_of_another_tool_with_a_bare_percent_is_read_as_it_stands() -> None:
    assert names.decode("files/C/Logs/Sysmon%4Operational.evtx") == ("C", "C:\\Logs\\Sysmon%4Operational.evtx")


@pytest.mark.parametrize("name", ["collection.json", "files", "files/", "file/C/x"])
def test_a_name_outside_files_has_no_native_path(name: str) -> None:
    with pytest.raises(ValueError, match="not below files/"):
        names.decode(name)


@pytest.mark.parametrize(("source", "volume"), [("Windows\\x", "C"), ("\\\\server\\share\\x", "C"), ("etc/passwd", "root"), ("", "root")])
def test_a_path_that_is_not_absolute_is_refused(source: str, volume: str) -> None:
    with pytest.raises(ValueError, match="not an absolute"):
        names.below(source, volume)
