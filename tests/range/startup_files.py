"""Plant the variants of `startup_files.yaml` and `windows_files.yaml`: lines in files that start programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests import yamls

if TYPE_CHECKING:
    from tests.range.plants import Planter

HERE = Path(__file__).parent
VARIANTS = {os: yamls.read(HERE / f"{os}_files.yaml") for os in ("startup", "windows")}


def plant(p: Planter, host: str, number: int, *, guilty: bool, files: str = "startup") -> None:
    """Plant the `number`th variant of every row on a host."""
    for row, variants in VARIANTS[files].items():
        word = p.word()
        variant = variants["guilty" if guilty else "odd"][number]
        path, marked = variant["path"], "<word>" in variant["path"] + variant["text"]
        for part in (variant, variant.get("also")):
            if part:
                text = part["text"].replace("<word>", word)
                p.file(host, part["path"].replace("<word>", word), text, part.get("encoding", "utf-8"))
        if "also" in variant:
            p.note("L010", host, guilty, word)
        p.note(row, host, guilty, word if guilty or marked else path.rpartition("/")[2], variants.get("least", "high"))
