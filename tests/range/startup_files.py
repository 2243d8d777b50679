"""Plant the variants of `startup_files.yaml`: lines in files that start programs on Linux."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from tests.range.plants import Planter

VARIANTS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def plant(p: Planter, host: str, number: int, *, guilty: bool) -> None:
    """Plant the `number`th variant of every row on a host."""
    for row, variants in VARIANTS.items():
        word = p.word()
        variant = variants["guilty" if guilty else "odd"][number]
        path, text = variant["path"], variant["text"]
        for part in (variant, variant.get("also")):
            if part:
                p.file(host, part["path"].replace("<word>", word), part["text"].replace("<word>", word))
        if "also" in variant:
            p.note("L010", host, guilty, word)
        p.note(row, host, guilty, word if guilty or "<word>" in path + text else path.rpartition("/")[2])
