"""The receipt that is written beside an archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an archive is the one that was written here. `state` is whole or interrupted."""

    archive: str
    archive_sha256: str
    size: int
    chain_head: str
    code: str
    state: str
    collection: str
    totals: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> str:
        """Return the receipt as the file beside the archive has it."""
        return json.dumps(asdict(self), indent=2) + "\n"


def receipt_path(archive: Path) -> Path:
    """Return `<archive>.receipt.json`."""
    return archive.with_name(archive.name + ".receipt.json")
