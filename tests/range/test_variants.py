"""Processes four hundred variants of the plants: other places, wrappers, interpreters and kinds of value, and near misses."""

from __future__ import annotations

import io
import random
import string
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
import yaml
import zstandard

from commodore.engine.process import process
from commodore.finding import SEVERITIES

VARIANTS = yaml.safe_load(Path(__file__).with_name("variants.yaml").read_text(encoding="utf-8"))
BASE = {"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nanne:x:1000:1000::/home/anne:/bin/bash\n", "etc/os-release": "ID=debian\n"}
"""files of every host, where no variant has them"""


class Variant(NamedTuple):
    """One plant. `want`: the least severity of its finding, or `none`, where a finding of medium severity is a false alarm."""

    row: str
    host: str
    path: str
    text: str
    word: str
    want: str


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Variant], dict[str, list[dict[str, Any]]]]:
    root = tmp_path_factory.mktemp("variants")
    planted = list(_planted(root / "hosts"))
    process(sorted((root / "hosts").iterdir()), root / "case", workers=2)
    found = defaultdict(list)
    for path in sorted((root / "case").glob("findings/*.jsonl.zst")):
        raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True).read()
        for finding in map(orjson.loads, raw.splitlines()):
            if finding["rule.category"] == "persistence":
                found[finding["host.name"]].append(finding)
    return planted, found


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
            yield Variant(row, host, path, text, word, given.get("want", "high"))
    for host, files in written.items():
        for path, text in (BASE | files | {"etc/hostname": f"{host}\n"}).items():
            file = hosts / host / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def _worst(variant: Variant, findings: list[dict[str, Any]]) -> int:
    """Return the number of the worst severity of a finding that names the variant, -1 where there is none."""
    texts = ((f, orjson.dumps([f.get("target"), f["message"]]).decode()) for f in findings)
    return max((SEVERITIES.index(f["escadre.severity"]) for f, text in texts if variant.word in text), default=-1)


def test_every_variant_is_found_and_no_near_miss_is(outcome: tuple[list[Variant], dict[str, list[dict[str, Any]]]]) -> None:
    planted, found = outcome
    worst = {variant: _worst(variant, found[variant.host]) for variant in planted}
    guilty = [variant for variant in planted if variant.want != "none"]
    missed = [v for v in guilty if worst[v] < SEVERITIES.index(v.want)]
    alarms = [v for v in planted if v.want == "none" and worst[v] >= SEVERITIES.index("medium")]
    counts = f"{len(alarms)} false alarms in {len(planted) - len(guilty)} near misses"
    print(f"\n{len(guilty) - len(missed)} of {len(guilty)} variants found, {counts}")
    assert len(guilty) > 390
    assert not missed
    assert not alarms
