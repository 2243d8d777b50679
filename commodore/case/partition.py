"""One collection's part of a case: where each of its files is, and the moves that a run needs.

    collections/<collection>.json                 the manifest: host, counts, versions, rules, options; written last
    members/<collection>.jsonl.zst                every member
    records/<dataset>/<collection>.jsonl.zst      records
    findings/<collection>.jsonl.zst               findings
    ledger/<collection>.jsonl                     losses
    metrics/<collection>.jsonl                    seconds, bytes
    .work/<collection>/                           journal, hits per dataset, kept.json: what a rerun needs; until the manifest is there,
                                                  the records that derived datasets chose

A partition is complete when its manifest exists. No file of it names another collection, so partitions that were made on several machines
can be copied into one case.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from commodore.case import private
from scout.console import Complaint

RECORDS = ".jsonl.zst"


@dataclass(frozen=True, slots=True)
class Partition:
    """The files of one collection below the root of a case."""

    root: Path
    collection: str

    @property
    def manifest(self) -> Path:
        return self.root / "collections" / f"{self.collection}.json"

    @property
    def members(self) -> Path:
        return self.root / "members" / f"{self.collection}{RECORDS}"

    @property
    def findings(self) -> Path:
        return self.root / "findings" / f"{self.collection}{RECORDS}"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger" / f"{self.collection}.jsonl"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics" / f"{self.collection}.jsonl"

    @property
    def work(self) -> Path:
        return self.root / ".work" / self.collection

    def records(self, dataset: str) -> Path:
        """Return the path of the records of a dataset."""
        return self.root / "records" / dataset / f"{self.collection}{RECORDS}"

    def hits(self, dataset: str) -> Path:
        """Return the path of the rule hits on the records of a dataset."""
        return self.aside(f"hits/{dataset}")

    def chosen(self, derived: str, dataset: str) -> Path:
        """Return the path of the records of a dataset that a derived dataset chose. The file goes when the partition is complete."""
        return self.aside(f"chosen/{derived}/{dataset}")

    def aside(self, name: str) -> Path:
        """Return the path of other lines that go with the records: `hits/<dataset>`, `chosen/<derived dataset>/<dataset>`."""
        return self.work / f"{name}{RECORDS}"

    def datasets(self) -> list[str]:
        """Return the datasets that have a file of records, sorted."""
        return sorted(path.parent.name for path in self.root.glob(f"records/*/{self.collection}{RECORDS}"))

    def hit_datasets(self) -> list[str]:
        """Return the datasets that have a file of hits, sorted."""
        return sorted(path.name.removesuffix(RECORDS) for path in self.work.glob(f"hits/*{RECORDS}"))

    def asides(self) -> list[str]:
        """Return the names of the files that `aside` has, sorted."""
        found = (path for folder in ("hits", "chosen") for path in (self.work / folder).rglob(f"*{RECORDS}"))
        return sorted(path.relative_to(self.work).as_posix().removesuffix(RECORDS) for path in found)

    def about(self) -> dict[str, Any] | None:
        """Return the manifest, None where the partition is not complete. Raises Complaint where it cannot be read or is damaged."""
        try:
            about = orjson.loads(self.manifest.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as e:
            raise Complaint(f"{self.manifest} cannot be read: {e.strerror}.", "Use the case as the user who made it.") from None
        except ValueError:
            about = None
        if not isinstance(about, dict) or about.get("collection") != self.collection:
            raise Complaint(f"{self.manifest} is damaged.", "Delete it and run `commodore process` again with the same inputs.")
        return about

    def conclude(self, about: dict[str, Any]) -> None:
        """Write the manifest, when all other files are on disk: from here on the partition is complete."""
        private.sync([self.members, self.findings, self.ledger, self.metrics])
        private.write(self.manifest, [orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)])
        shutil.rmtree(self.work / "chosen", ignore_errors=True)

    # --- a run: fresh, taken up again, or staged beside the old partition

    def begun(self, identity: str) -> bool:
        """Return whether a run with this identity (versions, rules, datasets) began here and can be continued."""
        with contextlib.suppress(FileNotFoundError):
            return (self.work / "identity").read_text(encoding="ascii") == identity
        return False

    def begin(self, identity: str) -> None:
        """Remove what an earlier run left, and note the identity of the run that begins."""
        self.remove()
        private.write(self.work / "identity", [identity.encode("ascii")], durable=False)  # torn, it is another run's: begun again

    def borrow(self, old: Partition, datasets: Iterable[str], kept: bytes, identity: str) -> None:
        """Begin a run that keeps some datasets of `old`: link their records and hits, and write `kept` (see `journal.kept`)."""
        self.remove()
        for dataset in datasets:
            _link(old.records(dataset), self.records(dataset))
            _link(old.hits(dataset), self.hits(dataset))
        private.write(self.work / "kept.json", [kept])
        private.write(self.work / "identity", [identity.encode("ascii")])

    def adopt(self, staged: Partition) -> None:
        """Replace this partition by a staged one that is complete. After a kill, the same call goes on where it stopped."""
        about = staged.about()
        if about is None:
            raise ValueError(f"{staged.manifest} is not there")
        for dataset in set(self.datasets()) - about["records"].keys():
            self.records(dataset).unlink()
        for dataset in set(self.hit_datasets()) - about["records"].keys():
            self.hits(dataset).unlink()
        for path in staged.files():
            target = self.root / path.relative_to(staged.root)
            private.folder(target.parent)
            if target.exists() and target.samefile(path):
                path.unlink()  # renaming one link of a file onto another does nothing
            else:
                path.replace(target)
        private.folder(self.manifest.parent)
        staged.manifest.replace(self.manifest)
        shutil.rmtree(staged.work, ignore_errors=True)

    def files(self) -> Iterator[Path]:
        """Yield every file but the manifest, in a stable order."""
        listed = [self.records(dataset) for dataset in self.datasets()] + [self.members, self.findings, self.ledger, self.metrics]
        listed += sorted(path for path in self.work.rglob("*") if path.is_file())
        yield from (path for path in listed if path.is_file())

    def remove(self) -> None:
        """Remove every file, the manifest first."""
        self.manifest.unlink(missing_ok=True)
        for path in list(self.files()):
            path.unlink()


def _link(old: Path, new: Path) -> None:
    """Give a file a second name; where the file system has no hard links, copy it."""
    if not old.exists():
        return
    private.folder(new.parent)
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def partitions(root: Path) -> list[Partition]:
    """Return the complete partitions of a case, sorted by collection."""
    return [Partition(root, path.stem) for path in sorted((root / "collections").glob("*.json"))]
