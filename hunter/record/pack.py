"""The way back: plan, signature, journal, backups and proofs of one host as an encrypted archive that SCOUT's tools read.

The archive has the format of every archive of SCOUT (`scout verify`, `scout list`), with the files in the volume `hunter`. It is encrypted
to the recipients of the plan. The run key is not in it.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hunter.plan.model import RemovalPlan
from hunter.plan.read import load
from hunter.run.session import journal_of
from scout import __version__
from scout.archive import facts
from scout.archive.custody import WantedItem
from scout.archive.receipt import Receipt
from scout.archive.writer import ArchiveWriter
from scout.console import WRONG_USE, Complaint
from scout.keys import load_recipients

VOLUME, PROFILE, PLAN = "hunter", "removal", "plan.yaml"
SUFFIXES = ("", ".sig", ".journal.jsonl", ".journal.head", ".verified.jsonl")
"""of the files beside a plan, the plan included; backups are below `plan.yaml.backup/`"""


@dataclass(frozen=True, slots=True)
class PackedRun:
    """The archive and what is in it."""

    path: Path
    receipt: Receipt
    files: int
    plan: RemovalPlan


def pack(plan: Path, out: Path) -> PackedRun:
    """Write the archive into the folder `out`. Complaint where the plan does not read, was never applied, or there is no room."""
    read = load(plan)
    if not journal_of(plan).exists():
        raise Complaint(
            f"{plan} was not applied: there is no {journal_of(plan).name}.", "Apply it first: hunter apply PLAN --yes", WRONG_USE
        )
    recipients, _ = load_recipients(read.recipients)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", read.host.get("name", "host")) or "host"
    path = out / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{PROFILE}.tar.zst.age"
    header = {
        "schema": 1,
        "collection": str(uuid.uuid4()),
        "tool": f"hunter {__version__}",
        "profile": PROFILE,
        "host": {"name": read.host.get("name", "")},
        "started": facts.rfc3339(time.time_ns()),
        "recipients": list(read.recipients),
        "plan_seal": read.seal(),
    }
    count = 0
    try:
        with ArchiveWriter(path, recipients, header) as writer:
            for member, file in _files(plan):
                with file.open("rb") as stream:
                    status = file.stat()
                    item = WantedItem(
                        source=str(file.resolve()), volume=VOLUME, path=member, size=status.st_size, facts=facts.of_stat(status)
                    )
                    writer.add(item, stream)
                count += 1
            receipt = writer.finish()
    except OSError as e:
        raise Complaint(f"{e.filename or path} cannot be packed: {e.strerror or e}.", "Run it as the user who applied the plan.") from e
    return PackedRun(path, receipt, count, read)


def _files(plan: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name in the archive, file)."""
    for suffix in SUFFIXES:
        file = plan.with_name(plan.name + suffix)
        if file.is_file():
            yield f"{PLAN}{suffix}", file
    folder = plan.with_name(plan.name + ".backup")
    if folder.is_dir():
        yield from ((f"{PLAN}.backup/{file.name}", file) for file in sorted(folder.iterdir()) if file.is_file())
