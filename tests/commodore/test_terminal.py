"""`commodore process` on a real terminal of 80 columns: nothing but the current item and the end of a sentence is cut."""

from __future__ import annotations

import os
import re
import struct
import sys

import pytest

from fixtures.windows.build import build
from tests.commodore.cases import ROOT, environment

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")


def on_a_terminal(arguments: list[str], columns: int) -> list[str]:
    """Run commodore with a terminal of so many columns; return the lines that appeared, without colours and cursor movements."""
    import fcntl
    import termios

    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    names = {name: value for name, value in environment(TERM="xterm").items() if name not in ("COLUMNS", "LINES", "CI", "NO_COLOR")}
    program = [sys.executable, "-m", "commodore.cli", *arguments]
    child = os.posix_spawn(
        sys.executable, program, names, file_actions=[(os.POSIX_SPAWN_DUP2, side, n) for n in (0, 1, 2)] + [(os.POSIX_SPAWN_CLOSE, main)]
    )
    os.close(side)
    shown = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:  # EIO: the program has ended
            break
        if not block:
            break
        shown += block
    os.close(main)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    return [line.rstrip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()))]


def test_process_shows_full_times_and_what_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    build(tmp_path / "host")
    lines = on_a_terminal(["process", str(tmp_path / "host"), "-o", str(tmp_path / "case")], 80)
    assert any(re.search(r"100% +(-:--:--|\d:\d\d:\d\d) +\d+ records", line) for line in lines), lines
    assert [line for line in lines if re.search(r"\d:\d\d:…|\d:…", line)] == []
    findings = [line for line in lines if re.match(r"  \d+ +(critical|high|medium|low) ", line)]
    assert len(findings) == 10
    assert [line for line in findings if len(line) > 80] == []
    unnamed = [line for line in findings if not re.search(r"wh\.exe|cmd\.exe|update\.vbs|nethlp\.dll|Public\\w", line)]
    assert unnamed == [], "each line shows the file that the intruder left"
