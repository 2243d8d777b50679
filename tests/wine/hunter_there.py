"""Runs in Windows' Python: each line of the input is a JSON list of a word and arguments, each line of the output its answer as JSON.

["hunt", "check", "C:\\plan.yaml"]      → [exit code, stdout, stderr] of `hunter`
["killed", 7, "apply", …]               → whether `hunter` in a process of its own was ended right before its 7th changing call
["read", "HKLM\\SOFTWARE\\…"]           → {path of a key: [[name, type, data in hex] …]} of a key and all below it, by winreg
["write", key, name, type, data in hex] → null, by winreg
["run", program, argument …]            → [exit code, output]
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import winreg
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
_ENDED = 99
"""exit code of a process that was ended on purpose"""
_TOPS = {"HKLM": winreg.HKEY_LOCAL_MACHINE, "HKU": winreg.HKEY_USERS}


def _read(key: str) -> dict[str, list[list[Any]]]:
    top, _, below = key.partition("\\")
    try:
        handle = winreg.OpenKey(_TOPS[top], below, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY)
    except FileNotFoundError:
        return {}
    with handle:
        keys, values, _ = winreg.QueryInfoKey(handle)
        found = {key: [_value(*winreg.EnumValue(handle, n)) for n in range(values)]}
        names = [winreg.EnumKey(handle, n) for n in range(keys)]
    for name in names:
        found |= _read(f"{key}\\{name}")
    return found


def _value(name: str, data: Any, kind: int) -> list[Any]:
    return [name, kind, data.hex() if isinstance(data, bytes) else data]


def _write(key: str, name: str, kind: int, data: Any) -> None:
    top, _, below = key.partition("\\")
    with winreg.CreateKeyEx(_TOPS[top], below, 0, winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_64KEY) as handle:
        winreg.SetValueEx(handle, name, 0, kind, bytes.fromhex(data) if kind == winreg.REG_BINARY else data)


def _run(*command: str) -> list[Any]:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=120, check=False)
    return [done.returncode, done.stdout + done.stderr]


def _quietly(*command: str) -> int:
    nothing = subprocess.DEVNULL
    return subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=120, check=False).returncode


def _killed(n: int, *arguments: str) -> list[Any]:
    done = subprocess.run([sys.executable, __file__, "--killed", str(n), *arguments], capture_output=True, timeout=120, check=False)
    return [done.returncode == _ENDED, int(done.stdout.split()[-1]) if done.returncode == 0 else 0]


def _counted(n: int, *arguments: str) -> int:
    """Run hunter and end this process, without any clean-up, right before its n-th call that changes something; return their number."""
    import os
    from ctypes import c_void_p

    import hunter.host.windows.tasks as tasks
    from hunter.host.windows.native import ADVAPI, KERNEL, NTDLL
    from tests.hunter.driver import hunt

    calls = [0]

    def wrapped(call: Any) -> Any:
        def counted(*given: Any) -> Any:
            calls[0] += 1
            if calls[0] == n:
                KERNEL.TerminateProcess(c_void_p(-1), _ENDED)
            return call(*given)

        return counted

    for holder, names in (
        (NTDLL, "NtSetValueKey NtDeleteValueKey NtCreateKey NtDeleteKey NtRenameKey NtSetInformationKey NtSetSecurityObject"),
        (KERNEL, "MoveFileExW SetFileInformationByHandle CreateDirectoryW RemoveDirectoryW FlushFileBuffers"),
        (ADVAPI, "DeleteService CreateServiceW ChangeServiceConfigW ControlService StartServiceW"),
        (tasks, "delete register"),
        (os, "write fsync unlink rmdir mkdir"),
    ):
        for name in names.split():
            setattr(holder, name, wrapped(getattr(holder, name)))
    hunt(*arguments)
    return calls[0]


def main() -> None:
    if sys.argv[1:2] == ["--killed"]:
        print(_counted(int(sys.argv[2]), *sys.argv[3:]))
        return
    from tests.hunter.driver import hunt

    words = {"hunt": hunt, "read": _read, "write": _write, "run": _run, "quietly": _quietly, "killed": _killed}
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        try:
            answer = words[word](*arguments)
        except Exception as e:  # the test shows it
            answer = {"error": repr(e)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
