"""Setuid, setgid and capabilities are taken off a program, which stays byte for byte, and come back with undo."""

from __future__ import annotations

import os
import stat

import pytest

from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.test_accounts import _Root

CAPABILITIES = bytes.fromhex("0100000280000000000000000000000000000000")
"""vfs_cap_data, revision 2, cap_setuid (bit 7), effective: linux/capability.h"""


@pytest.fixture
def host(tmp_path) -> _Root:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    made = _Root(tmp_path, {"usr/bin/bash": "inert", "usr/local/bin/tool": "inert too", "usr/bin/plain": "x"})
    (made.root / "usr/bin/bash").chmod(0o4755)
    try:
        os.setxattr(made.root / "usr/local/bin/tool", "security.capability", CAPABILITIES)
    except OSError:
        need(False, "a file system with capabilities")
    for at in ("usr/bin/bash", "usr/local/bin/tool"):
        os.utime(made.root / at, ns=(1_700_000_000_000_000_000, 1_700_000_000_123_456_789))
    return made


def rights(*paths: str) -> list[tuple[str, str, dict[str, str]]]:
    return [("file-mode", "restore-default", {"path": path}) for path in paths]


def test_the_rights_go_the_program_stays_and_undo_gives_them_back(host) -> None:
    before = manifest(host.root)
    host.write(*rights("/usr/bin/bash", "/usr/local/bin/tool"))
    host.seal()
    assert host.run("verify")[0] == 1
    code, told = host.run("apply", "--yes")
    assert code == 0, told
    shell, tool = host.root / "usr/bin/bash", host.root / "usr/local/bin/tool"
    assert (stat.S_IMODE(shell.stat().st_mode), shell.read_bytes()) == (0o755, b"inert")
    assert (os.listxattr(tool), tool.read_bytes()) == ([], b"inert too")
    assert shell.stat().st_mtime_ns == tool.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert host.run("verify")[0] == 0
    assert host.run("undo")[0] == 0
    assert manifest(host.root) == before


def test_what_has_no_such_right_is_gone_and_the_shell_itself_is_never_removed(host) -> None:
    host.write(*rights("/usr/bin/plain"))
    host.seal()
    code, told = host.run("check")
    assert (code, "it has neither of these bits" in told) == (0, True), told
    host.write(("file", "quarantine", {"path": "/usr/bin/bash"}))
    host.seal()
    code, told = host.run("apply", "--yes")
    assert (code, "the system cannot be used without it" in told) == (3, True), told
