"""The case directory while one process writes to it: its lock, `case.json`, and redone collections that wait to be put in place."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, Self

import orjson

from commodore.case import private
from commodore.case.lock import alone
from commodore.case.partition import Partition, partitions
from commodore.case.reader import SCHEMA, check_schema
from commodore.hits import LoadedRules
from scout.console import WRONG_USE, Complaint


class Case:
    """A case directory, locked by one process. `case.json` has nothing that grows with the number of hosts."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root / ".work"
        self.about: dict[str, Any] = {"schema": SCHEMA, "rules": {}}
        self._lock = contextlib.ExitStack()

    def check(self) -> None:
        """Raise Complaint where the directory is something else. Nothing is made."""
        if self.root.exists() and not self.root.is_dir():
            raise Complaint(f"{self.root} is a file.", "Give a directory for the case with -o.", WRONG_USE)
        try:
            if self.root.exists() and any(self.root.iterdir()) and not (self.root / "case.json").exists() and not self.work.exists():
                raise Complaint(f"{self.root} is not empty and no case.", "Give a new directory with -o.", WRONG_USE)
        except OSError as e:
            raise Complaint(f"{self.root} cannot be written: {e.strerror}.", "Give another directory with -o.") from None

    def __enter__(self) -> Self:
        self.check()
        try:
            self._open()
        except OSError as e:
            self._lock.close()
            raise Complaint(f"{self.root} cannot be written: {e.strerror}.", "Give another directory with -o.") from None
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def _open(self) -> None:
        private.folder(self.root)
        self.root.chmod(private.FOLDER)
        self._lock.enter_context(alone(private.folder(self.work) / "lock", self._refuse))
        with contextlib.suppress(FileNotFoundError):
            self.about = orjson.loads((self.root / "case.json").read_bytes())
            check_schema(self.root, self.about)
        private.folder(self.root / "records")
        self._adopt_waiting()

    def _refuse(self, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        raise Complaint(f"{self.root} is being processed by {who}.", "Wait until it ends, or give another directory with -o.")

    def partition(self, collection: str) -> Partition:
        """Return the files of a collection."""
        return Partition(self.root, collection)

    def staged(self, collection: str) -> Partition:
        """Return the place where a collection is redone; `adopt` puts it into the case."""
        return Partition(self.work / "redo", collection)

    def adopt(self, collection: str) -> None:
        """Put a redone collection in the place of the old one."""
        self.partition(collection).adopt(self.staged(collection))
        if not any(path.is_file() for path in (self.work / "redo").rglob("*")):
            shutil.rmtree(self.work / "redo", ignore_errors=True)

    def _adopt_waiting(self) -> None:
        """Finish what a kill interrupted: a staged partition with a manifest is complete."""
        for staged in partitions(self.work / "redo"):
            self.adopt(staged.collection)

    def note_rules(self, detection: LoadedRules) -> None:
        """Store, by digest, the counts of loaded rules and the list of refused ones."""
        rules = {"loaded": detection.loaded, "indicators": detection.indicators, "refused": list(detection.refused)}
        if self.about.setdefault("rules", {}).get(detection.digest) != rules:
            self.about["rules"][detection.digest] = rules
            self.save()

    def save(self) -> None:
        """Write `case.json` atomically."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        private.write(self.root / "case.json", [orjson.dumps(self.about, option=options)])
