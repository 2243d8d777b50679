"""What the tests of variants share: a planted variant, and whether the detector names it."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import zstandard

from commodore.engine.process import process
from commodore.finding import SEVERITIES


class Variant(NamedTuple):
    """One plant. `want`: the least severity of its finding, or `none`, where a finding of medium severity is a false alarm.

    about  what is planted, for a person
    mark   text that a finding about it has in its target or its message
    """

    row: str
    host: str
    about: str
    mark: str
    want: str


def held(planted: list[Variant], hosts: Path, case: Path) -> tuple[list[Variant], list[Variant]]:
    """Process the hosts; return the variants that were missed, and the near misses of which a finding of medium severity was made."""
    process(sorted(hosts.iterdir()), case, workers=2)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path in case.glob("findings/*.jsonl.zst"):
        raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True).read()
        for finding in map(orjson.loads, raw.splitlines()):
            if finding["rule.category"] == "persistence":
                found[finding["host.name"].lower()].append((SEVERITIES.index(finding["escadre.severity"]), _text(finding)))
    worst = {variant: max((s for s, text in found[variant.host] if variant.mark.lower() in text), default=-1) for variant in planted}
    guilty = [variant for variant in planted if variant.want != "none"]
    missed = [variant for variant in guilty if worst[variant] < SEVERITIES.index(variant.want)]
    alarms = [variant for variant in planted if variant.want == "none" and worst[variant] >= SEVERITIES.index("medium")]
    counts = f"{len(alarms)} false alarms in {len(planted) - len(guilty)} near misses"
    print(f"\n{len(guilty) - len(missed)} of {len(guilty)} variants found, {counts}")
    return missed, alarms


def _text(finding: dict[str, Any]) -> str:
    """Return what a mark is looked for in, in lower case and with single backslashes."""
    return orjson.dumps([finding.get("target"), finding["message"]]).decode().replace("\\\\", "\\").lower()
