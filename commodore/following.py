"""`commodore process --index`: `eye index` runs beside the processing, each time hosts have become complete, and once more at the end.

The Eye is another program: it is started, never imported, so that COMMODORE can be installed and read without it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scout.console import WRONG_USE, Complaint


class Following:
    """Runs `eye index CASE`, one run at a time. `host` is a progress call of `process`; `finish` runs it over the complete case."""

    def __init__(self, case: Path) -> None:
        if find_spec("eye") is None:
            raise Complaint("--index needs the Eye, which is not installed.", "Leave --index out.", WRONG_USE)
        self._command = [sys.executable, "-P", "-m", "eye", "index", str(case), "--json"]
        self._running: subprocess.Popen[str] | None = None
        self._complete: set[str] = set()
        self._indexed = 0

    def host(self, name: str, at: int, total: int) -> None:
        """Note how far a host is; where one more is complete and no run is under way, start one."""
        if at >= total > 0:
            self._complete.add(name)
        if len(self._complete) > self._indexed and (self._running is None or self._running.poll() is not None):
            self._end()
            self._indexed = len(self._complete)
            self._running = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
            )

    def finish(self) -> dict[str, Any]:
        """Index what is there now, after the run that is under way. Raises Complaint with what the Eye says."""
        self._end()
        done = subprocess.run(self._command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        try:
            return dict(json.loads(done.stdout.splitlines()[-1]))
        except (ValueError, IndexError):
            said = " ".join(line.strip() for line in done.stderr.splitlines()[:2]) or f"exit code {done.returncode}"
            raise Complaint(f"the case is complete, but its index is not: {said}", "eye index CASE builds it.") from None

    def stop(self) -> None:
        """End a run that is under way: the index stays as its last commit left it."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
        self._end()

    def _end(self) -> None:
        if self._running is not None:
            self._running.wait()
            self._running = None
