"""Evidence that ends in the middle is told: each golden input of each artefact is cut at places spread over it.

Where the cut changes what is read, the ledger has a problem that the complete file does not have. A new artefact is tried by itself.
"""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from commodore import catalogue
from commodore.artefact import Record
from commodore.engine.assemble import line
from commodore.evidence import Evidence
from tests.commodore.damage import HOST, inputs, items

PLACES = 6
"""cuts of one input"""
BY_HAND = {
    "authorized_keys": "a last line without its end is as good as another",
    "cron": "a setting may be the last line without its end",
    "documents": "they are described by their beginning; the size and digest are in the list of members",
    "ld_so_preload": "the loader takes a last name without a line feed",
    "programs": "what an image lacks is told by its own fields",
    "scripts": "any text is a script",
    "startup_files": "a last line without its end is as good as another",
    "startup_folder": "any file is an entry",
    "systemd_units": "a last line without its end is as good as another",
}
"""artefact of files that people write with any program → why nothing tells where they ought to end"""


def _read(name: str, path: str, data: bytes) -> tuple[dict[str, bytes], list[str]]:
    known = catalogue.artefacts()[name]
    module = SimpleNamespace(ARTEFACT=known.artefact, parse=known.parse)
    records, problems = {}, []
    for item in items(module, Evidence(path, data, facts={"mtime": "2026-10-31T20:00:00Z"}), HOST):
        if isinstance(item, Record):
            records[item.locator] = line(item.fields)
        else:
            problems.append(str(item))
    return records, problems


def test_the_exceptions_are_artefacts():
    assert set(BY_HAND) <= set(catalogue.artefacts())


@pytest.mark.parametrize("name", sorted(set(catalogue.artefacts()) - set(BY_HAND)))
def test_a_cut_is_told(name):
    tried = 0
    for path, data in inputs(name):
        if not 2 < len(data) <= 1 << 17:
            continue
        records, known = _read(name, path, data)
        lines = set(records.values())
        for at in random.Random(path).sample(range(1, len(data)), min(PLACES, len(data) - 1)):
            if data[at - 1 : at] == b"\n":
                continue  # between two lines
            left, problems = _read(name, path, data[:at])
            tried += 1
            told = set(problems) - set(known)
            assert told or set(left.values()) == lines, (
                f"{path} cut at {at} of {len(data)}: {len(left)} of {len(records)} records, and no word"
            )
    assert tried or not inputs(name)
