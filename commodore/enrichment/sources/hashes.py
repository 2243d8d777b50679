"""Lists of hashes that the analyst calls known-good or known-bad: text or CSV, one hash a line, in any column; and NSRL's database.

Source of the NSRL format: NIST, RDS version 3: an SQLite database whose table `metadata` has `md5`, `sha1`, `sha256`, `file_name`.
"""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

from scout.console import COULD_NOT, WRONG_USE, Complaint

_KINDS = {32: "md5", 40: "sha1", 64: "sha256"}
_HEX = frozenset("0123456789abcdefABCDEF")
_REMARK = 200
"""characters of a remark, and of a file name"""
_STEPS, _MOST = 1 << 20, 2_000
"""steps of SQLite's machine that are counted together, and how many of those one look-up may take: a scan of 200,000,000 rows"""
_DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""what SQLite raises on a file that is damaged; the latter where the name in its own words is no text"""
_SQLITE = b"SQLite format 3\x00"


class HashList:
    """Hashes in memory, 20 to 60 bytes each. `verdict`: known-good or known-bad; the rest of a line is the hash's remark."""

    def __init__(self, path: Path, verdict: str) -> None:
        self.name, self._verdict = path.name, verdict
        self._known: dict[bytes, str] = {}
        kinds: set[str] = set()
        try:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                for row in csv.reader((line.replace("\0", "") for line in file), delimiter="," if _has_comma(path) else "\t"):
                    kinds |= self._take(row)
        except OSError as e:
            raise Complaint(f"{path} cannot be read: {e.strerror}.", "Check the path and your rights.", WRONG_USE) from None
        except csv.Error as e:
            raise Complaint(f"{path} is no list of hashes: {e}.", "Give text or CSV with one hash a line.", WRONG_USE) from None
        if not self._known:
            raise Complaint(f"{path} holds no MD5, SHA-1 or SHA-256.", "Give text or CSV with one hash a line.", WRONG_USE)
        self.kinds = frozenset(kinds)

    def _take(self, row: list[str]) -> set[str]:
        cells = [word for cell in row for word in (cell.split() if len(row) == 1 else [cell.strip()])]
        if not cells or cells[0].startswith(("#", "//")):
            return set()
        hashes = [cell for cell in cells if len(cell) in _KINDS and _HEX.issuperset(cell)]
        remark = " ".join(cell for cell in cells if cell not in hashes)[:_REMARK]
        for one in hashes:
            self._known[bytes.fromhex(one)] = remark
        return {_KINDS[len(one)] for one in hashes}

    def facts(self, kind: str, value: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the verdict, with the remark of the list."""
        remark = self._known.get(bytes.fromhex(value))
        return {} if remark is None else {"verdict": self._verdict, **({"remark": remark} if remark else {})}


class Nsrl:
    """NSRL's reference data set: files of published software. `known` is not `harmless`: it has tools of attackers too."""

    kinds = frozenset({"md5", "sha1", "sha256"})

    def __init__(self, path: Path) -> None:
        self.name = f"NSRL {path.name}"
        self._path = path
        try:
            self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            self._database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            self._database.execute("PRAGMA trusted_schema = OFF")
            self._database.set_progress_handler(self._spend, _STEPS)
            is_table = self._asked("SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = 'metadata'", ())
            columns = {row[1].lower() for row in self._database.execute("PRAGMA table_info(metadata)")} if is_table else set()
        except _DAMAGED as e:
            raise Complaint(f"{path} cannot be read as a database: {e}.", "Fetch it again from NIST.", COULD_NOT) from None
        if not {"sha256", "sha1", "md5", "file_name"} <= columns:
            raise Complaint(f"{path} is a database, but not NSRL's: it has no table of hashes.", "Give RDS version 3.", WRONG_USE)

    def facts(self, kind: str, value: str) -> dict[str, Any]:
        """Return the file name under which the hash was published."""
        query = f"SELECT file_name FROM metadata WHERE {kind} = ? LIMIT 1"  # noqa: S608  (one of three names of our own)
        try:
            row = self._asked(query, (value.upper(),)) or self._asked(query, (value,))
        except _DAMAGED as e:
            why = "a look-up takes too long: it has no index of hashes" if self._spent > _MOST else str(e)
            raise Complaint(f"{self._path}: {why}.", "Fetch it again from NIST.", COULD_NOT) from None
        return {"verdict": "known", "file.name": str(row[0])[:_REMARK]} if row else {}

    def _asked(self, query: str, values: tuple[str, ...]) -> Any:
        self._spent = 0
        return self._database.execute(query, values).fetchone()

    def _spend(self) -> int:
        """Count steps of SQLite; what is not 0 ends the query."""
        self._spent += 1
        return int(self._spent > _MOST)


def opened(path: Path, head: bytes) -> Nsrl | None:
    """Open NSRL's database; None for another file."""
    return Nsrl(path) if head.startswith(_SQLITE) else None


def _has_comma(path: Path) -> bool:
    with path.open("rb") as file:
        return b"," in file.read(4096)
