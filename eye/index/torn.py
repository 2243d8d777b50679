"""Files of records that do not read to their end, or hold lines that are no records: what reads is indexed, the rest is told.

    index/v…/torn.json      {"<mark of the file>": "<what is missing>"}

A file is told again by every run until it has changed, so an index that lacks something never looks complete.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from scout.console import Complaint, plural

NAME = "torn.json"


def read(folder: Path) -> dict[str, str]:
    """Return what was told of files, by mark."""
    try:
        found = orjson.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(mark): str(why) for mark, why in found.items()} if isinstance(found, dict) else {}


def write(folder: Path, told: dict[str, str]) -> None:
    """Replace what was told, in one step."""
    if not told and not (folder / NAME).exists():
        return
    aside = folder / f"{NAME}.new"
    aside.write_bytes(orjson.dumps(told))
    aside.replace(folder / NAME)


class Lines:
    """What does not read of one file. `count`: lines that are no records."""

    def __init__(self, path: Path) -> None:
        self.path, self.count, self.first, self.end = path, 0, "", ""

    def lenient(self, number: int, line: bytes) -> Any:
        """Return the value of a line that the strict reader refuses (an escaped lone surrogate); None for one that is no JSON."""
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as e:
            self.no_record(number, str(e))
            return None

    def no_record(self, number: int, why: str) -> None:
        """Note a line that is no record."""
        self.count += 1
        self.first = self.first or f"line {number} ({why})"

    def ends(self, number: int, complaint: Complaint) -> None:
        """Note that the file does not read further than a line."""
        self.end = f"{complaint.what.rstrip('.')}; {plural(number, 'line')} before that could be read"

    def told(self) -> str:
        """Return the sentence about this file; '' where it is complete."""
        what = "line that is no record" if self.count == 1 else "lines that are no records"
        bad = f"{self.path} has {self.count:,} {what}: {self.first}" if self.count else ""
        return "; ".join(part for part in (self.end, bad) if part)
