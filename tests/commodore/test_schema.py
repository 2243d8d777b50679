"""The schema holds over everything that COMMODORE writes: one definition per field, one vocabulary of actions, one grammar of messages."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.persistence.table import rows
from commodore.record import DEFAULTS, ENGINE_FIELDS
from commodore.schema import ACTION, actions, collected, registry, winlog
from commodore.sentence import UNKNOWN
from scout.data import load_data
from tests.conftest import ROOT

RULES = load_data("commodore.schema", "rules.yaml")
GOLDEN = ROOT / "tests" / "golden"
DECLARED = {name: k.artefact for name, k in catalogue.artefacts().items()} | {n: d.artefact for n, d in catalogue.derivations().items()}
RECORDS = [
    record
    for path in sorted(GOLDEN.glob("*/expected.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
    if "event.dataset" in (record := json.loads(line))
]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("a.yaml", b"x: keyword ours | an x\n"), ("b.yaml", b"x: long ours | an x\n")], "b.yaml: x is defined in a.yaml too"),
        ([("a.yaml", b"x: keyword ours | an x\nx: long ours | an x\n")], "a.yaml: x is defined twice"),
        ([("a.yaml", b"x: keyword ours | an x: y\n")], "a.yaml: mapping values"),
        ([("a.yaml", b"x: keyword | an x\n")], "a.yaml: x: `type"),
        ([("a.yaml", b"x: keyword mine | an x\n")], "a.yaml: x: `type"),
        ([("a.yaml", b"x: words ours | an x\n")], "a.yaml: x: `type"),
    ],
)
def test_a_field_is_defined_once_with_type_and_origin(files, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        collected(iter(files))


def test_names_of_our_own_stand_in_our_namespace():
    findings = {"count", "target"}  # names that HUNTER and the Eye read, fixed in the contracts
    ours = {name for name, field in registry().items() if field.origin == "ours"}
    assert sorted(n for n in ours - findings if not n.startswith("escadre.")) == []
    assert sorted(n for n, field in registry().items() if field.origin == "ecs" and n.startswith("escadre.")) == []


def test_every_action_is_of_the_vocabulary_and_each_of_the_vocabulary_is_used():
    records = {r["event.action"] for r in RECORDS}
    declared = {a.action for a in DECLARED.values()}
    described = {meaning.constant["event.action"] for meanings in winlog.described().values() for meaning in meanings.values()}
    described |= {e["action"] for entries in load_data("commodore.artefacts.linux.logs", "auth_log.yaml").values() for e in entries}
    written = {text for path in _parsers() for text in _texts(path) if ACTION.fullmatch(text)} & set(actions())
    findings = {f"{category}-rule-matched" for category in ("sigma", "ioc", "yara", "persistence", "sequence", "content")}
    assert sorted((records | declared | described | findings) - set(actions())) == []
    assert sorted(set(actions()) - records - declared - described - findings - written) == []


def own_fields(name: str) -> list[str]:
    """Fields outside ECS that no other artefact declares."""
    others = {field for other, artefact in DECLARED.items() if other != name for field in artefact.fields} | ENGINE_FIELDS | DEFAULTS
    return sorted(f for f in set(DECLARED[name].fields) - others if registry()[f].origin == "ours")


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_an_artefact_adds_few_fields_of_its_own(name):
    exception = RULES["exceptions"].get(name)
    own = own_fields(name)
    if exception:
        assert exception["reason"] and RULES["budget"] < len(own) <= exception["fields"], "an exception that is not needed goes"
    else:
        assert len(own) <= RULES["budget"], f"reuse ECS or the fields of others, or state an exception in rules.yaml: {own}"


def test_a_field_that_no_artefact_uses_is_not_in_the_registry():
    engine = ENGINE_FIELDS | DEFAULTS | {"escadre.all"}
    used = {f for a in DECLARED.values() for f in a.fields} | engine
    findings = {name for name, _ in _entries("finding")}
    assert sorted(set(registry()) - used - findings) == []


def _entries(family: str) -> list[tuple[str, str]]:
    return list(load_data("commodore.schema", f"fields/{family}.yaml").items())


def test_a_persistence_row_tests_fields_that_its_dataset_has():
    wrong = [(row.id, field) for row in rows() for field in row.places if field not in DECLARED[row.dataset].fields]
    assert wrong == []


def test_lists_that_belong_together_line_up():
    lists = {name for group in RULES["aligned"] for name in group}
    assert sorted(n for n in lists if not registry()[n].many) == []
    for group in RULES["aligned"]:
        seen = [[len(r[name]) for name in group if name in r] for r in RECORDS]
        assert [lengths for lengths in seen if len(set(lengths)) > 1] == [], group
        assert any(len(lengths) > 1 for lengths in seen), f"no golden record has two of these lists: {group}"


def test_no_value_is_an_object_but_the_free_form_ones():
    flattened = {name for name, field in registry().items() if field.type == "flattened"}
    assert flattened == set(RULES["free_form"])
    nested = {
        name
        for record in RECORDS
        for name, value in record.items()
        if name not in flattened
        and (isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value)))
    }
    assert sorted(nested) == []


def _parsers() -> list[Path]:
    return sorted(p for folder in ("artefacts", "derived") for p in (ROOT / "commodore" / folder).rglob("*.py"))


def _texts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("name", sorted({r["event.dataset"] for r in RECORDS}))
def test_every_message_is_a_sentence_without_empty_slots(name):
    faults = [(fault, m) for m in {r["message"] for r in RECORDS if r["event.dataset"] == name} for fault in faults_of(m)]
    assert faults == []


def faults_of(message: str) -> list[str]:
    """What is wrong with a message, checked on the text outside of quotes."""
    bare = re.sub(r"`[^`]*`|\"[^\"]*\"", "X", message)
    checks = {
        "no full stop": not message.endswith("."),
        "no capital, name or quote at its beginning": not re.match(r"[\w\"`@/.:*(\[$%\\{-]", message),
        "a value is missing": UNKNOWN in message
        or re.search(r"(?:\b(?:as|of|from|on|by|to|in|with) |\()[-?](?:[ ,.)]|$)", bare) is not None,
        "an empty slot": re.search(r"  | ,| \.$|\(\)|``|\"\"", bare) is not None,
        "a wrong plural": re.search(r"\b1 (?:times|records|entries|bytes|lines|files)\b", bare) is not None,
        "a line break": "\n" in message,
    }
    return [fault for fault, wrong in checks.items() if wrong]


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("cmd.exe ran 1 times.", "a wrong plural"),
        ("It installed x as -.", "a value is missing"),
        (f"x as {UNKNOWN}.", "a value is missing"),
        ("It starts x", "no full stop"),
        ("It runs  x.", "an empty slot"),
    ],
)
def test_the_check_of_messages_finds_the_faults(message, fault):
    assert fault in faults_of(message)


def test_words_in_quotes_are_evidence_and_no_fault_of_the_sentence():
    assert faults_of("It runs `x  as -`.") == [] and faults_of('The service "a  b" ran 11 times.') == []
