"""Rules for the whole tree: names, sizes, one registry, every target read, no index address, no silent except."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from commodore import catalogue, record, reference
from commodore.schema import registry
from commodore.sentence import sentence
from scout import targets

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("scout", "commodore", "eye", "hunter", "escadre")
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


@cache
def parsed() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def test_a_module_stays_within_400_lines_or_says_why_not() -> None:
    long = [p for p in MODULES if len(p.read_text(encoding="utf-8").splitlines()) > 400]
    assert [str(p.relative_to(ROOT)) for p in long if "400 lines" not in "".join(p.read_text(encoding="utf-8").splitlines()[:3])] == []


def test_a_public_class_name_occurs_once_in_the_tree() -> None:
    places: dict[str, list[str]] = {}
    for path, tree in parsed().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(places) > 100
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


FINDS = {("commodore", "catalogue"): {"artefacts", "derived"}}
"""rooms that import a folder to find what is in it, which may stand above them"""


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rooms_of_a_package_have_an_order_in_which_each_imports_only_from_below(package: str) -> None:
    below: dict[str, set[str]] = {}
    for path, tree in parsed().items():
        above, room, *_ = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(tree) if above == package else ():
            named = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                named = [f"{node.module}.{one.name}" for one in node.names]
            rooms = {parts[1] for parts in (name.split(".") for name in named) if parts[0] == package and len(parts) > 1}
            below.setdefault(room, set()).update(rooms - {room} - FINDS.get((package, room), set()))
    TopologicalSorter(below).prepare()


def test_no_error_is_swallowed_without_a_word() -> None:
    silent = r"except( Exception| BaseException)?( as \w+)?: *(pass|\.\.\.)?\s*$\s*(pass|\.\.\.)\s*$"
    pattern = re.compile(silent + r"|suppress\((Base)?Exception\)", re.M)
    assert [str(p.relative_to(ROOT)) for p in MODULES if pattern.search(p.read_text(encoding="utf-8"))] == []


def test_pins_have_hashes_and_no_index_address() -> None:
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        text = file.read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        pins = re.findall(r"^[A-Za-z0-9_.-]+==", text, re.M)
        assert len(pins) > 10
        assert len(re.findall(r"^[A-Za-z0-9_.-]+==.*\\\n    --hash=sha256:", text, re.M)) == len(pins)


@pytest.mark.parametrize("name", sorted(catalogue.artefacts()) + sorted(catalogue.derivations()))
def test_an_artefact_names_fields_of_the_registry_and_shows_only_those(name: str) -> None:
    known = catalogue.artefacts().get(name)
    artefact = known.artefact if known else catalogue.derivations()[name].artefact
    engine = record.ENGINE_FIELDS | record.DEFAULTS
    assert [f for f in artefact.fields if f not in registry()] == []
    assert [f for f in sentence(artefact.message).fields if f not in artefact.fields and f not in engine] == []
    assert [f for f in artefact.times if f not in artefact.fields and f != "@timestamp"] == []
    assert artefact.sources, "an artefact says where its format knowledge comes from"
    assert artefact.match or artefact.magic or artefact.datasets
    assert (ROOT / "tests" / "golden" / name).is_dir(), "one artefact, one file, one golden folder"


def test_every_target_that_an_artefact_names_exists_and_every_target_is_read_or_says_why_not() -> None:
    known = {t.id: t for t in targets.load()}
    named = {(name, target) for name, entry in catalogue.artefacts().items() for target in entry.artefact.targets}
    assert sorted({target for _, target in named if target not in known}) == []
    assert targets.READERS.read_text(encoding="utf-8") == reference.readers(), "run `make generated`"
    for target in known.values():
        assert bool(target.reads) != bool(target.unread), f"{target.id}: `reads` or `unread`, one of them"
        assert [r for r in target.reads if r not in catalogue.artefacts()] == [], target.id


def test_the_agent_imports_none_of_the_analysts_libraries() -> None:
    code = "import json, sys, scout, scout.cli, scout.collecting.collect, scout.verifying.verify; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    heavy = {"pandas", "duckdb", "tantivy", "elasticsearch", "evtx", "pydantic", "orjson", "pyarrow", "commodore", "eye", "hunter"}
    assert sorted(heavy & {m.split(".")[0] for m in loaded}) == []


@pytest.mark.parametrize("tool", PACKAGES)
def test_a_help_is_shown_without_the_analysts_libraries(tool: str) -> None:
    """So that it appears at once, and on systems for which there is no build of these libraries."""
    code = f"import json, sys, {tool}.cli; {tool}.cli.build_app(); print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    heavy = {"pandas", "duckdb", "tantivy", "elasticsearch", "evtx", "orjson", "pyarrow", "starlette", "cryptography"}
    assert sorted(heavy & {m.split(".")[0] for m in loaded}) == []


def test_every_meaning_says_more_than_the_name() -> None:
    words = {name: set(re.findall(r"\w+", field.meaning.lower())) - {"the", "of", "a", "an"} for name, field in registry().items()}
    assert [name for name, said in words.items() if said <= set(re.split(r"\W", name.lower()))] == []
    assert [name for name, field in registry().items() if len(field.meaning) < 12] == []
