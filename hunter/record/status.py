"""How far the removal of a case is: the records of all plans in `CASE/hunter`, and what of each host is done.

The result is written to `CASE/hunter/status.json`, which the Eye shows:

    {"schema": 1, "made", "runs": [record, with "path"], "refused": [{"path", "why"}]}
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import time_ns
from typing import Any

from hunter.private import write_private
from hunter.record.document import document
from hunter.record.take import folder_of, take_archive, take_files
from scout.archive.facts import rfc3339
from scout.console import WRONG_USE, Complaint

SCHEMA = 1
_ENDS = (".journal.jsonl", ".sig", ".verified.jsonl")


def status(case: Path, returned: Sequence[Path], key: Path | None) -> dict[str, Any]:
    """Take in what was returned (archives of `hunter pack`, plans, journals) and return the status of the case, written beside the plans.

    Complaint for something that is none of these; nothing of it is taken then.
    """
    folder_of(case)
    for path in returned:
        if not path.exists():
            raise Complaint(f"{path} is not there.", "Give an archive of hunter pack, a plan, or its journal.", WRONG_USE)
        if path.suffix == ".age":
            if key is None:
                raise Complaint(f"{path} is encrypted.", "Give your key: hunter status CASE ARCHIVE -i key.txt", WRONG_USE)
            take_archive(case, path, key)
        else:
            take_files(case, _plan_of(path))
    found = collected(case)
    _write(case, found)
    return found


def collected(case: Path) -> dict[str, Any]:
    """Return the records of every plan in the case. A plan or journal that does not read is listed with the reason."""
    runs: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    home = folder_of(case)
    for plan in sorted(p for p in home.rglob("*.yaml") if not p.relative_to(home).parts[0].startswith(".")):
        try:
            runs.append({**document(plan), "path": str(plan.relative_to(case))})
        except Complaint as e:
            refused.append({"path": str(plan.relative_to(case)), "why": e.what})
    runs.sort(key=lambda run: (run["host"], run["began"], run["path"]))
    return {"schema": SCHEMA, "made": rfc3339(time_ns()), "runs": runs, "refused": refused}


def _plan_of(path: Path) -> Path:
    """Return the plan of a plan, or of a file beside one. Complaint for another file."""
    name = next((path.name.removesuffix(end) for end in _ENDS if path.name.endswith(end)), path.name)
    plan = path.with_name(name)
    if not plan.is_file():
        raise Complaint(f"{path}: no plan is there.", "Give an archive of hunter pack, a plan, or its journal.", WRONG_USE)
    return plan


def _write(case: Path, found: dict[str, Any]) -> None:
    place = folder_of(case) / "status.json"
    temporary = place.with_name(f".status.{os.getpid()}")
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            temporary.unlink()
        write_private(temporary, json.dumps(found, ensure_ascii=True, indent=1).encode() + b"\n")
        temporary.replace(place)
    except OSError as e:
        raise Complaint(f"{place} cannot be written: {e.strerror or e}.", "Give a case that you may write.") from e
