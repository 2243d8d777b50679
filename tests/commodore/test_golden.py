"""Every artefact has a golden folder: `input/` is a plain directory, `expected.jsonl` its records and ledger lines.

A file `<name>.hive.yaml` in it describes a registry hive, which is made in its place (`described.py`).

`pytest tests/commodore/test_golden.py --accept` rewrites the expected files; the diff is reviewed by a person.
`escadre.collection` and `escadre.id` are left out, because they depend on all files of the input; ids are tested on their own.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.case import jsonl
from commodore.engine.process import process
from commodore.record import DEFAULTS, ENGINE_FIELDS
from commodore.schema import registry
from commodore.sentence import sentence
from tests.commodore.described import golden_files

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = sorted([*catalogue.artefacts(), *catalogue.derivations()])
LEFT_OUT = ("escadre.collection", "escadre.id", "collection")
PYTHON_TYPES = {
    "keyword": (str,),
    "text": (str,),
    "long": (int,),
    "double": (int, float),
    "boolean": (bool,),
    "date": (str,),
    "ip": (str,),
    "flattened": (dict,),
}
WRITTEN = 1_767_225_600
"""2026-01-01: the mtime of all golden input, because a checkout keeps none"""
RFC3339 = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture(scope="session")
def processed(tmp_path_factory):
    """Folder → dataset → its records and ledger lines, made once by the real engine with one worker."""
    made: dict[Path, dict[str, list[dict]]] = {}

    def get(folder: Path) -> dict[str, list[dict]]:
        if folder not in made:
            made[folder] = _process(folder, tmp_path_factory.mktemp("golden") / "case")
        return made[folder]

    return get


def _process(folder: Path, case: Path) -> dict[str | None, list[dict]]:
    host = case.parent / folder.parent.name
    for name, data in golden_files(folder):
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).write_bytes(data)
    for path in host.rglob("*"):
        os.utime(path, (WRITTEN, WRITTEN))
    process([host], case, workers=1)
    lines: dict[str | None, list[dict]] = {}
    for path in sorted((case / "records").glob("*/*.jsonl.zst")):
        lines[path.parent.name] = [json.loads(text) for text in jsonl.lines(path)]
    for text in (text for path in case.glob("ledger/*.jsonl") for text in path.read_bytes().splitlines()):
        entry = json.loads(text)
        lines.setdefault(entry["artefact"], []).append(entry)
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_records_and_ledger_are_the_reviewed_ones(name, request, processed):
    folder = GOLDEN / name
    assert (folder / "input").is_dir(), f"{name} needs a golden folder: {folder}/input and expected.jsonl"
    got = [{k: v for k, v in line.items() if k not in LEFT_OUT} for line in processed(folder / "input").get(name, [])]
    expected = folder / "expected.jsonl"
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in got).encode("utf-8", "backslashreplace").decode()
    if request.config.getoption("--accept", default=False):
        expected.write_text(text, encoding="utf-8", newline="\n")
    assert any("event.dataset" in line for line in got), f"{name}: the golden input yields no record"
    assert text.splitlines() == expected.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_records_hold_to_declaration_and_registry(name, processed):
    artefact = _declaration(name)
    allowed = set(artefact.fields) | ENGINE_FIELDS | DEFAULTS
    fields = registry()
    assert (GOLDEN / name / "input").is_dir(), f"{name} needs a golden folder: tests/golden/{name}/input and expected.jsonl"
    for line in processed(GOLDEN / name / "input").get(name, []):
        if "event.dataset" not in line:
            continue
        for key, value in line.items():
            assert key in allowed, f"{name}: {key} is not declared"
            if key == "@timestamp" and value is None:
                continue
            values = value if fields[key].many else [value]
            assert isinstance(values, list), f"{name}: {key} is a list by the registry, got {value!r}"
            for one in values:
                assert isinstance(one, PYTHON_TYPES[fields[key].type]), f"{name}: {key} is {fields[key].type} by the registry, got {one!r}"
                number = fields[key].type in ("long", "double")
                assert not (number and isinstance(one, bool)), f"{name}: {key} is {fields[key].type}, got {one!r}"
                if fields[key].type == "date":
                    assert RFC3339.fullmatch(one), f"{name}: {key} is no RFC 3339 UTC time: {one!r}"


@pytest.mark.parametrize("name", NAMES)
def test_declarations_are_sound(name):
    artefact = _declaration(name)
    known = registry()
    unknown = [f for f in (*artefact.fields, *artefact.times, *sentence(artefact.message).fields) if f not in known]
    assert not unknown, f"{name}: not in the field registry: {unknown}"
    undeclared = [f for f in sentence(artefact.message).fields if f not in (*artefact.fields, *ENGINE_FIELDS, *DEFAULTS)]
    assert not undeclared, f"{name}: the message shows fields that are not declared: {undeclared}"
    assert not set(artefact.fields) & ENGINE_FIELDS, f"{name}: only the engine writes {set(artefact.fields) & ENGINE_FIELDS}"
    assert artefact.sources, f"{name}: says nothing about where its format knowledge comes from"


def _declaration(name):
    known = catalogue.artefacts().get(name) or catalogue.derivations()[name]
    return known.artefact
