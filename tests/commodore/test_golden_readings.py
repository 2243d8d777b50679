"""Every field that an artefact of the registry decodes has a value that a person read in the bytes, the format or another program gives."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.containers.registry import Keys, WholeHive
from commodore.registry import DATA_FIELDS, KEY_FIELDS
from tests import yamls
from tests.commodore.test_registry_fields import FIELDS
from tests.commodore.test_registry_formats import LAYOUTS

HERE = Path(__file__).parent
READINGS = yamls.read(HERE / "golden_readings.yaml")
SHARED = {*KEY_FIELDS, *DATA_FIELDS, "escadre.registry.control_set", "escadre.registry.current"}
"""fields of every record of a key or value, which the dataset `registry` and its tests have"""
FIELD = re.compile(r'"([a-z_]+(?:\.[a-z0-9_]+)+)"')


@pytest.mark.parametrize("artefact", READINGS)
def test_the_golden_file_says_what_a_person_read(artefact):
    lines = (HERE.parent / "golden" / artefact / "expected.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines if '"event.dataset"' in line]
    for end, fields in READINGS[artefact].items():
        (record, *_) = [record for record in records if record["registry.path"].endswith(end)]
        assert {name: record.get(name) for name in fields} == fields, end


def asserted() -> dict[str, set[str]]:
    """Artefact → fields that a table, or a test that runs it, names."""
    found: dict[str, set[str]] = {name: set().union(*fields.values()) for name, fields in READINGS.items()}
    for layout in LAYOUTS:
        found.setdefault(layout.artefact, set()).update(layout.means)
    for name, _, _, fields in FIELDS:
        found.setdefault(name, set()).update(fields)
    for path in HERE.glob("test_*.py"):
        source = path.read_text()
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                text = "\n".join(ast.get_source_segment(source, part) or "" for part in (*node.decorator_list, node))
                for name in re.findall(r'"([a-z_]+)"', text):
                    found.setdefault(name, set()).update(FIELD.findall(text))
    return found


def test_each_field_of_each_registry_artefact_is_asserted():
    named = asserted()
    declared = {
        known.artefact.name: set(known.artefact.fields) - SHARED
        for known in catalogue.artefacts().values()
        if isinstance(known.artefact.holds, Keys) and not isinstance(known.artefact.holds, WholeHive)
    }
    assert sum(map(len, declared.values())) > 300
    assert {name: missing for name, fields in declared.items() if (missing := fields - named.get(name, set()))} == {}
