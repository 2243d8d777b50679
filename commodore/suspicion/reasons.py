"""Reasons for and against a file, one small file per family in `reasons/`, found by walking the folder. The form of a file:

    family    its name, which is that of the file
    most      what its reasons against a file add at most together: they often have one cause
    reasons   each with
        id          unique over all families
        weight      added to the score; below 0 it speaks for the file
        techniques  ATT&CK ids, if any
        when        fact → test, all of which hold
        unless      fact → test; where one holds, the reason does not count
        words       a sentence for a person, a template of commodore/sentence.py over the facts

A test is a value, or one of {matches: regular expression}, {least: number}, {present: true}, {in: [values]}. A fact that is a list meets a
test where one of its items does. The facts are those of `facts.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from commodore.sentence import Sentence, sentence
from commodore.suspicion.facts import FACTS
from scout.data import parse_yaml

LEVELS = ((80, "high"), (50, "medium"), (30, "low"))
"""least score of each severity; below the last a file is not suspicious"""
_FORM = {"id", "weight", "techniques", "when", "unless", "words"}
_TESTS = {"matches", "least", "present", "in"}
_LONGEST = 4096
"""characters of a fact that a pattern is compared with"""


@dataclass(frozen=True, slots=True)
class SuspicionReason:
    """One reason, validated."""

    id: str
    family: str
    weight: int
    techniques: tuple[str, ...]
    when: Mapping[str, Any]
    unless: Mapping[str, Any]
    words: Sentence

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Return whether it counts for a file with these facts."""
        if not all(_holds(test, facts.get(name)) for name, test in self.when.items()):
            return False
        return not any(_holds(test, facts.get(name)) for name, test in self.unless.items())


class Scored(NamedTuple):
    """The score of a file: the sum, the severity ('' where it is not suspicious), and the reasons that count, the heaviest first."""

    score: int
    severity: str
    reasons: tuple[SuspicionReason, ...]


def scored(facts: Mapping[str, Any], before: int = 0) -> Scored:
    """Return the score of a file with these facts, added to the one that it has from others."""
    families = _families()
    found = [reason for _, reasons in families.values() for reason in reasons if reason.holds(facts)]
    total = before
    for family, (most, _) in families.items():
        weights = [reason.weight for reason in found if reason.family == family]
        total += min(sum(w for w in weights if w > 0), most) + sum(w for w in weights if w < 0)
    severity = next((word for least, word in LEVELS if total >= least), "")
    return Scored(total, severity, tuple(sorted(found, key=lambda reason: (-abs(reason.weight), reason.id))))


@cache
def _families() -> dict[str, tuple[int, tuple[SuspicionReason, ...]]]:
    """Return family → (most, reasons). Raises ValueError for a file that the validator refuses."""
    found = {}
    for name, content in _documents():
        family, most, reasons = _family(name, parse_yaml(content))
        found[family] = (most, reasons)
    ids = [reason.id for _, reasons in found.values() for reason in reasons]
    if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise ValueError(f"reasons: {twice[0]} is the id of two reasons")
    return found


def _documents() -> Iterator[tuple[str, bytes]]:
    for file in sorted(files(__package__).joinpath("reasons").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            yield file.name, file.read_bytes()


def _family(file: str, entry: Any) -> tuple[str, int, tuple[SuspicionReason, ...]]:
    if not isinstance(entry, dict) or set(entry) != {"family", "most", "reasons"} or f"{entry['family']}.yaml" != file:
        raise ValueError(f"{file}: `family` (the name of the file), `most` and `reasons` expected")
    if not isinstance(entry["most"], int) or not isinstance(entry["reasons"], list):
        raise ValueError(f"{file}: `most` is a number and `reasons` a list")  # noqa: TRY004  (data, not a caller)
    return entry["family"], entry["most"], tuple(_reason(file, entry["family"], one) for one in entry["reasons"])


def _reason(file: str, family: str, entry: Any) -> SuspicionReason:
    if not isinstance(entry, dict) or not {"id", "weight", "when", "words"} <= set(entry) <= _FORM:
        raise ValueError(f"{file}: a reason has id, weight, when, words, and may have techniques and unless")
    id_, weight, words = entry["id"], entry["weight"], sentence(entry["words"])
    tests = {"when": entry["when"], "unless": entry.get("unless") or {}}
    for name, test in (pair for group in tests.values() for pair in group.items()):
        if name not in FACTS:
            raise ValueError(f"{file}: {id_}: {name} is no fact")
        if isinstance(test, dict) and (len(test) != 1 or not set(test) <= _TESTS):
            raise ValueError(f"{file}: {id_}: no such test: {test}")
    if unknown := [name for name in words.fields if name not in FACTS]:
        raise ValueError(f"{file}: {id_}: {unknown[0]} is no fact")
    if not isinstance(weight, int) or not entry["when"]:
        raise ValueError(f"{file}: {id_}: the weight is a number, and `when` is not empty")
    compiled = {group: {name: _compiled(test) for name, test in found.items()} for group, found in tests.items()}
    return SuspicionReason(id_, family, weight, tuple(entry.get("techniques") or ()), compiled["when"], compiled["unless"], words)


def _compiled(test: Any) -> Any:
    if isinstance(test, dict) and "matches" in test:
        return {"matches": re.compile(test["matches"], re.IGNORECASE | re.DOTALL)}
    return test


def _holds(test: Any, value: Any) -> bool:
    if isinstance(test, dict) and "present" in test:
        return bool(value not in (None, "", [], ())) is test["present"]
    if isinstance(value, list | tuple):
        return any(_holds(test, item) for item in value)
    if not isinstance(test, dict):
        return bool(value == test)
    ((kind, bound),) = test.items()
    if kind == "matches":
        return isinstance(value, str) and bound.search(value[:_LONGEST]) is not None
    if kind == "least":
        return isinstance(value, int | float) and value >= bound
    return value in bound
