"""Results of `verify`, kept beside the plan (`PLAN.verified.jsonl`) for the report: one line per run, appended and synced."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Any

from hunter.private import OPEN, sync_folder
from hunter.run.verify import TargetVerdict
from scout import __version__
from scout.archive.facts import rfc3339

MAX_BYTES = 16 << 20


def proofs_of(plan: Path) -> Path:
    """Return `<plan>.verified.jsonl`."""
    return plan.with_name(plan.name + ".verified.jsonl")


def keep(plan: Path, seal: str, how: str, verdicts: Sequence[TargetVerdict]) -> str:
    """Append the verdicts; return why they could not be written, '' where they were.

    how   `host`, `root`, or the name of the archive that was looked at
    """
    rows = [{"id": v.action.id, "gone": v.gone if v.looked else None, "reason": v.reason} for v in verdicts]
    line = {"time": rfc3339(time_ns()), "tool": __version__, "seal": seal, "how": how, "verdicts": rows}
    try:
        fd = os.open(proofs_of(plan), os.O_WRONLY | os.O_CREAT | os.O_APPEND | OPEN, 0o600)
        with os.fdopen(fd, "wb") as stream:
            stream.write(json.dumps(line).encode() + b"\n")
            stream.flush()
            os.fsync(fd)
        sync_folder(plan.parent)
    except OSError as e:
        return f"{proofs_of(plan)} cannot be written: {e.strerror or e}"
    return ""


def read(plan: Path) -> list[dict[str, Any]]:
    """Return the runs of `verify`, oldest first. A line that is none (cut, or from elsewhere) is left out."""
    try:
        with proofs_of(plan).open("rb") as stream:
            raw = stream.read(MAX_BYTES)
    except OSError:
        return []
    found = []
    for line in raw.splitlines():
        try:
            each = json.loads(line)
            fits = isinstance(each["verdicts"], list) and all(isinstance(v["id"], str) for v in each["verdicts"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if fits and isinstance(each.get("time"), str) and isinstance(each.get("how"), str):
            found.append(each)
    return found
