"""Runs in Windows' Python: each line of the input is a JSON list of a word and arguments, each line of the output its answer as JSON.

["hunt", "check", "C:\\plan.yaml"]      → [exit code, stdout, stderr] of `hunter`
["killed", 7, "apply", …]               → whether `hunter` in a process of its own was ended right before its 7th changing call
["read", "HKLM\\SOFTWARE\\…"]           → {path of a key: [[name, type, data in hex] …]} of a key and all below it, by winreg
["write", key, name, type, data in hex] → null, by winreg
["stopped", "apply", …]                 → whether `hunter` was left right before it ended the first process
["pid"]                                 → the number of this process
["run", program, argument …]            → [exit code, output]
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import winreg
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
_EXIT = 99
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


def _wmi(*change: Any) -> Any:
    from tests.wine import fake_wmi

    return fake_wmi.answer(*change)


def _killed(n: int, *arguments: str) -> bool:
    done = subprocess.run([sys.executable, __file__, "--killed", str(n), *arguments], capture_output=True, timeout=1800, check=False)
    return done.returncode == _EXIT


class EndedError(BaseException):
    """The run is over: no call changes anything any more."""


def _ended(n: int, *arguments: str) -> list[Any]:
    """Run hunter; from its n-th changing call on, every such call fails, those of its clean-up too. Returns whether it came that far."""

    def over() -> None:
        raise EndedError

    with contextlib.suppress(EndedError):
        return [False, _counted(n, over, *arguments)]
    return [True, n]


def _counted(n: int, over: Callable[[], None], *arguments: str) -> int:
    """Run hunter and call `over` at its n-th changing call and at every one after it; return their number."""
    import os

    import hunter.host.windows.tasks as tasks
    from hunter.host.windows.native import ADVAPI, KERNEL, NTDLL
    from tests.hunter.driver import hunt

    calls = [0]

    def wrapped(call: Any) -> Any:
        def counted(*given: Any) -> Any:
            calls[0] += 1
            if calls[0] >= n:
                over()
            return call(*given)

        return counted

    with contextlib.ExitStack() as back:
        for holder, names in (
            (NTDLL, "NtSetValueKey NtDeleteValueKey NtCreateKey NtDeleteKey NtRenameKey NtSetInformationKey NtSetSecurityObject"),
            (KERNEL, "MoveFileExW SetFileInformationByHandle CreateDirectoryW RemoveDirectoryW FlushFileBuffers"),
            (ADVAPI, "DeleteService CreateServiceW ChangeServiceConfigW ControlService StartServiceW"),
            (tasks, "delete register"),
            (os, "write fsync unlink rmdir mkdir"),
        ):
            for name in names.split():
                call = getattr(holder, name)
                setattr(holder, name, wrapped(call))
                back.callback(setattr, holder, name, call)
        hunt(*arguments)
    return calls[0]


def _stopped(*arguments: str) -> bool:
    """Run hunter, and leave it right before it ends the first process. Returns whether it came that far."""
    from hunter.host import processes

    def over(_: Any) -> None:
        raise EndedError

    end, processes.end = processes.end, over
    try:
        from tests.hunter.driver import hunt

        hunt(*arguments)
    except EndedError:
        return True
    finally:
        processes.end = end
    return False


def _pid() -> int:
    import os

    return os.getpid()


def _exit() -> None:
    from ctypes import c_void_p

    from hunter.host.windows.native import KERNEL

    KERNEL.TerminateProcess(c_void_p(-1), _EXIT)


def main() -> None:
    if sys.argv[1:2] == ["--killed"]:
        _counted(int(sys.argv[2]), _exit, *sys.argv[3:])
        return
    from tests.hunter.driver import hunt

    words = {
        "hunt": hunt,
        "read": _read,
        "write": _write,
        "run": _run,
        "quietly": _quietly,
        "killed": _killed,
        "ended": _ended,
        "wmi": _wmi,
        "stopped": _stopped,
        "pid": _pid,
    }
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
