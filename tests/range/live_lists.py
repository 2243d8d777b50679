"""Plant the variants of `live_lists.yaml`: objects in the lists that SCOUT makes on a live host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import yamls

if TYPE_CHECKING:
    from tests.range.plants import Planter

ROWS = yamls.read(Path(__file__).with_suffix(".yaml"))


def plant(p: Planter, host: str, number: int, *, guilty: bool, system: str) -> None:
    """Plant the `number`th variant of every row of a system (`L` or `W`) on a host."""
    for row, place in ROWS.items():
        if not row.startswith(system):
            continue
        word, pid = p.word(), p.random.randrange(3000, 4_000_000)
        one = _filled(place["guilty" if guilty else "odd"][number], word, pid)
        file = f"live/{place['schema'].partition('/')[0]}.jsonl"
        if not p.has(host, file):
            p.file(host, file, json.dumps({"schema": place["schema"]}) + "\n")
        p.file(host, file, json.dumps(one) + "\n")
        p.note(row, host, guilty, str(pid) if row in ("L105", "L108") else word, place.get("least", "high"))


def _filled(value: Any, word: str, pid: int) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, word, pid) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, word, pid) for one in value]
    if value == "<pid>":
        return pid
    return value.replace("<word>", word).replace("<pid>", str(pid)) if isinstance(value, str) else value
