"""Handles and trace sessions of a running Windows (under Wine; trace sessions by a library in C, because Wine has none)."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.wine.machine import WindowsMachine, drive

pytestmark = pytest.mark.wine
HOLD = r"""
import ctypes, os, sys, time
kernel = ctypes.windll.kernel32
kernel.CreateMutexW(None, False, "Global\\PlantedHandle91c4")
kernel.CreateFileMappingW(ctypes.c_void_p(-1), None, 4, 0, 4096, "PlantedSection91c4")
kernel.OpenProcess.restype = ctypes.c_void_p
other = kernel.OpenProcess(0x410, False, int(sys.argv[2]))
file = open(sys.argv[3], "rb")
read, write = os.pipe()
with open(sys.argv[1] + ".new", "w") as said:
    said.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.read(read, 1)
"""
LIST = "import json\nfrom scout.live.windows import handles\nprint(json.dumps(list(handles.collect())))"


def rows(windows: WindowsMachine, code: str, *arguments: str) -> Any:
    done = windows.python(code, *arguments, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_handles_of_another_process_have_the_names_of_what_is_behind_them(windows: WindowsMachine, tmp_path: Path):
    held, code, content = tmp_path / "held", tmp_path / "hold.py", tmp_path / "content.bin"
    code.write_text(HOLD)
    content.write_bytes(b"content")
    (services,) = {
        row["pid"]
        for row in rows(
            windows,
            "import json\nfrom scout.live.windows import _processes as p\n"
            "print(json.dumps([{'pid': one.pid} for one in p.of_system() if one.name == 'services.exe']))",
        )
    }
    holder = windows.start(str(windows.interpreter), drive(code), drive(held), str(services), drive(content))
    try:
        while not held.exists():
            assert holder.poll() is None
            time.sleep(0.05)
        pid = int(held.read_text())
        found = rows(windows, LIST)
    finally:
        holder.kill()
        holder.wait()
    mine = [row for row in found if row["pid"] == pid]
    named = {(row["type"], row.get("name", "").rpartition("\\")[2]) for row in mine if "handle" in row}
    # Wine's names of types are those of Windows
    assert {("Mutant", "PlantedHandle91c4"), ("Section", "PlantedSection91c4"), ("File", "content.bin")} <= named, mine
    (other,) = [row for row in mine if row.get("target_pid") == services]
    assert (other["type"], other["target"], int(other["access"], 16) & 0x410) == ("Process", "services.exe", 0x410)
    counts = {row["type"]: row["count"] for row in mine if "count" in row}
    assert counts["Mutant"] >= 1 and counts["File"] >= 3
    assert {row["process"].lower() for row in mine} == {"python.exe"}


TRACES = r"""
import ctypes, json, sys, winreg
from scout.live.windows import trace_sessions as traces
library = ctypes.WinDLL(sys.argv[1])
found = traces.sessions(library)
with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, traces.AUTOLOGGERS + r"\EventLog-System") as key:
    winreg.SetValueEx(key, "Start", 0, winreg.REG_DWORD, 1)
with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, traces.AUTOLOGGERS + r"\EventLog-Security") as key:
    winreg.SetValueEx(key, "Start", 0, winreg.REG_DWORD, 1)
with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, traces.AUTOLOGGERS + r"\Off") as key:
    winreg.SetValueEx(key, "Start", 0, winreg.REG_DWORD, 0)
heard = list(traces.providers(library, {one["id"]: one["name"] for one in found}))
real, traces._native.library = traces._native.library, lambda name: library if name == "advapi32" else real(name)
rows = list(traces.collect())
traces._native.library = real
try:
    said = list(traces.collect())
except OSError as e:
    said = str(e)
print(json.dumps([found, heard, rows, [traces.difference(row) for row in rows if traces.difference(row)], said]))
"""


def test_trace_sessions_and_their_providers_are_read_as_the_structures_of_windows_have_them(windows: WindowsMachine, tmp_path: Path):
    library, source = tmp_path / "traces.dll", Path(__file__).with_name("traces.c")
    subprocess.run(["x86_64-w64-mingw32-gcc", "-shared", "-O1", "-s", "-o", str(library), str(source)], check=True, timeout=120)
    sessions, providers, listed, differences, said = rows(windows, TRACES, drive(library))
    common = {"kind": "session", "buffer_kb": 64, "flush_seconds": 1}
    kernel = {"log_file": "C:\\kernel.etl", "mode": "0x2", "flags": "0x1"}
    assert sessions == [
        common | {"id": 3, "name": "EventLog-Security", "mode": "0x100", "buffers": 8, "lost": 0},
        common | kernel | {"id": 7, "name": "NT Kernel Logger", "buffers": 9, "lost": 6},
    ]
    heard = ["EventLog-Security (level 4, keywords 0x8000000000000010)", "session 40 (level 255, keywords 0x0)"]
    assert providers == [{"guid": "54849625-5478-4994-a5ba-3e3b0328c30d", "pid": 612, "sessions": heard}]
    autologgers = {row["name"]: row["running"] for row in listed if row["kind"] == "autologger"}
    assert autologgers == {"EventLog-Security": True, "EventLog-System": False}
    assert [row["guid"] for row in listed if row["kind"] == "provider"] == ["54849625-5478-4994-a5ba-3e3b0328c30d"]
    assert differences == ["the trace session EventLog-System is to start with Windows, and does not run"]
    assert "not believed" in said  # Wine's own answer: success, and no session
