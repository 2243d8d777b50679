r"""Paths of Windows in the spellings of [MS-FSCC] and Microsoft's description of path normalisation, and the joins that compare them."""

from __future__ import annotations

import pytest

from commodore.case.known_programs import key
from scout.formats.commandline import parse_windows
from scout.formats.windows_paths import plain

SAME = r"C:\Users\a b\evil.exe"
SPELLINGS = [
    SAME,
    "C:/Users/a b/evil.exe",
    r"\\?\C:\Users\a b\evil.exe",
    r"\??\C:\Users\a b\evil.exe",
    r"\\.\C:\Users\a b\evil.exe",
    r"C:\Users\a b\evil.exe. . ",
    r"C:\Users\.\a b\x\..\evil.exe",
    r"C:\\Users\\a b\\evil.exe",
    r"C:\Users.\a b\evil.exe",
    r"C:\..\Users\a b\evil.exe",
    r"\\localhost\C$\Users\a b\evil.exe",
    r"\\?\UNC\127.0.0.1\C$\Users\a b\evil.exe",
    r"C:\Users\a b\evil.exe::$DATA",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_file_has_one_path(spelling: str) -> None:
    assert plain(spelling) == SAME
    assert parse_windows(f'"{spelling}" -x').executable == SAME
    assert key(spelling) == SAME.lower()


@pytest.mark.parametrize(
    ("path", "right"),
    [
        (r"\\?\C:\x\evil.exe.", r"C:\x\evil.exe."),  # a file of another name
        (r"\\?\C:\x\evil.exe ", r"C:\x\evil.exe "),
        (r"C:\Windows \System32\x.exe", r"C:\Windows \System32\x.exe"),  # a folder of another name
        (r"C:\x\...\y", r"C:\x\...\y"),
        (r"\\srv\share\..\x", r"\\srv\share\x"),
        (r"\\srv\c$\x", r"\\srv\c$\x"),
        (r"\\?\UNC\srv\share\x", r"\\srv\share\x"),
        (r"\\?\Volume{1}\x.", r"\\?\Volume{1}\x."),
        (r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1\x", r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1\x"),
        (r"\Device\HarddiskVolume3\x", r"\Device\HarddiskVolume3\x"),
        ("cmd.exe", "cmd.exe"),
        (r"C:\x.exe:stream", r"C:\x.exe:stream"),
        ("C:\\", "C:\\"),
        ("", ""),
    ],
)
def test_other_files_stay_others(path: str, right: str) -> None:
    assert plain(path) == right
