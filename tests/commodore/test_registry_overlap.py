"""Which datasets of the registry have the same value: only those that the guide names, each with `autostart_values`."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from bench.damaged_hives import HOLDS, READERS
from commodore.artefact import Record
from commodore.evidence import Evidence
from commodore.host import Host
from tests.commodore.damage import GOLDEN
from tests.commodore.described import golden_files

GUIDE = Path(__file__).parents[2] / "docs/guide/registry.md"
HOST = Host("c", system_root="C:\\Windows")


def values(source: str, data: bytes) -> dict[str, set[str]]:
    """Dataset → paths of the values of a hive of which it has a record."""
    opened = HOLDS.open(Evidence(source, data), HOST)
    readers = [reader for reader in READERS if reader[0].name != "registry"]
    opened.expect([artefact.holds for artefact, _, _ in readers])
    found = defaultdict(set)
    for artefact, parse, _ in readers:
        view = opened.offer(artefact.holds)
        for item in parse(view, HOST) if view else ():
            if isinstance(item, Record) and "registry.value" in item.fields:
                found[artefact.name].add(item.fields["registry.path"])
    return found


def test_a_value_is_in_two_datasets_only_where_the_guide_says_so():
    named = GUIDE.read_text().partition("shares values with")[2].partition("Ask those")[0]
    allowed = set(re.findall(r"`(\w+)`", named))
    shared = set()
    for artefact, _, _ in READERS:
        for path, data in golden_files(GOLDEN / artefact.name / "input"):
            if data[:4] == b"regf" and data[28] == 0:
                found = values(f"C:\\{path.replace('/', chr(92))}", data)
                shared |= {pair for pair in combinations(sorted(found), 2) if found[pair[0]] & found[pair[1]]}
    assert {(set(pair) - {"autostart_values"}).pop() for pair in shared} <= allowed
    assert all("autostart_values" in pair for pair in shared)
    assert len(shared) > 4
