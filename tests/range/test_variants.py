"""Processes four hundred variants of the plants: other places, wrappers, interpreters and kinds of value, and near misses."""

from __future__ import annotations

import random
import string
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests import yamls
from tests.range.variants import Variant, held

VARIANTS = yamls.read(Path(__file__).with_name("variants.yaml"))
BASE = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nanne:x:1000:1000::/home/anne:/bin/bash\nbert:x:1001:1001::/home/bert:/bin/bash\n",
    "etc/os-release": "ID=debian\n",
}
"""files of every host, where no variant has them"""


def _planted(hosts: Path) -> Iterator[Variant]:
    """Write each variant on the first host that has no file of its path."""
    chance = random.Random(20261130)
    written: dict[str, dict[str, str]] = defaultdict(dict)
    for row, variants in VARIANTS.items():
        for given in variants:
            word = "".join(chance.choices(string.ascii_lowercase, k=9))
            path, text = (given[name].replace("<word>", word) for name in ("path", "text"))
            host = next(name for n in range(100) if path not in written[name := f"host-{n:02}"])
            written[host][path] = text
            if also := given.get("also"):
                written[host][also["path"].replace("<word>", word)] = also["text"].replace("<word>", word)
            yield Variant(row, host, f"{path}: {text}", word, given.get("want", "high"))
    for host, files in written.items():
        for path, text in (BASE | files | {"etc/hostname": f"{host}\n"}).items():
            file = hosts / host / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def test_every_variant_is_found_and_no_near_miss_is(tmp_path: Path) -> None:
    planted = list(_planted(tmp_path / "hosts"))
    missed, alarms = held(planted, tmp_path / "hosts", tmp_path / "case")
    assert sum(variant.want != "none" for variant in planted) > 390
    assert not missed
    assert not alarms
