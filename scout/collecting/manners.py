"""Leave the host its processor and its disk: `--gentle`, `--min-free`."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

SHARE = 0.15
"""of one core that this process uses with --gentle; the process that encrypts adds less than half of it"""
_IDLE = 3 << 13
"""ioprio: class idle, in which the disk serves others first. Source: ioprio_set(2)."""
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "i686": 289, "armv7l": 314, "ppc64le": 273, "s390x": 282}
MAX_PAUSE = 5.0
"""seconds of one pause: a signal must not wait"""


def step_back() -> None:
    """Lower the priority of this process, and of those that it starts, for the processor and the disk, as far as the system allows."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.WinDLL("kernel32")
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), 0x00100000)  # PROCESS_MODE_BACKGROUND_BEGIN: processor, disk and memory
        return
    os.nice(19)
    number = _IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        import ctypes

        ctypes.CDLL(None).syscall(ctypes.c_long(number), 1, 0, _IDLE)


class Gentleness:
    """Pauses so that the time on the processor stays below a share of the time that passes."""

    def __init__(
        self,
        share: float = SHARE,
        *,
        used: Callable[[], float] = time.process_time,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._share, self._used, self._now, self._sleep = share, used, now, sleep
        self._began, self._at = used(), now()

    def pause(self) -> None:
        """Wait until the share is kept. Call it between two items."""
        due = (self._used() - self._began) / self._share - (self._now() - self._at)
        if due > 0.01:
            self._sleep(min(due, MAX_PAUSE))


def free(folder: Path) -> int:
    """Return the bytes that are free for this account where a folder is."""
    return shutil.disk_usage(folder).free
