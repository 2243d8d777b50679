"""What Windows events mean in ECS: `events/<provider>.yaml`, or several files in `events/<provider>/`, one entry per kind of event.

Files are found by walking the folder; a provider's files are read when its first event is seen, so that start-up does not pay for all.
A file name that ends with `$` is of all providers that begin so: the instances of SQL Server (`MSSQL$PAYROLL`). The form of a file:

    same_as: <provider>      instead of the rest: the events of another provider
    shared: {<name>: &<name> {…}}   groups of fields that entries of this file take with `<<: *<name>`
    events:
      4634 4647:             the ids that share the entry, separated by blanks
        action               event.action, one of actions.yaml
        category, type       event.category and event.type
        outcome              event.outcome, where it is always the same
        message              a template of commodore/sentence.py; {Name} is a value of EventData or UserData, {a.b} a field of the record;
                             `-` counts as absent
        fields               ECS field: name of the value, or `Name | form`; `Name, Other`: the first that has a value; for the forms
                             see forms.py
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from commodore.schema import actions
from commodore.schema.winlog.forms import Convert, converter, text
from commodore.sentence import Sentence, sentence
from scout.data import LOADER

Values = Mapping[str, str]
Document = tuple[str, bytes]
"""Name of a file below `events/`, and its content."""

Copies = tuple[tuple[str, str, Convert | None], ...]
"""Target, name of the value, its conversion; None: text, which is copied where it is not in `ABSENT`."""

SENTENCE = 400
"""Characters of one value that a message shows."""
ABSENT = frozenset({"-"})
"""Text that Windows writes where there is no value."""
_MAPPED = re.compile(r"::ffff:(?=\d{1,3}(?:\.\d{1,3}){3}\b)")
"""before an address of IPv4 that is written as one of IPv6; `source.ip` has it without"""
_WORDS = {"action", "category", "type", "outcome", "message", "fields"}
_NEEDED = _WORDS - {"outcome"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one kind of event is: constant ECS fields, typed copies of its values, and its sentence."""

    constant: Mapping[str, Any] = field(default_factory=dict)
    copies: Copies = ()
    message: Sentence | None = None
    of_record: bool = False
    """The sentence shows fields of the record beside values of the event."""

    def copies_of(self, names: Container[str]) -> Copies:
        """Return the copies of values that have one of these names."""
        return tuple(copy for copy in self.copies if copy[1] in names)

    def apply(self, record: dict[str, Any], values: Values, copies: Copies | None = None) -> None:
        """Write the typed copies and the sentence into a record, which has the constant fields already.

        `copies`: those whose values are there (`copies_of`), where the caller knows them.
        """
        for target, source, convert in self.copies_of(values) if copies is None else copies:
            raw = values[source]
            if convert is None:  # most are; a call for each would take as long as all else
                if raw and raw != "-":
                    record[target] = raw
            else:
                made = convert(raw)
                if made is not None:
                    record[target] = made
        if self.message is not None:
            made = self.message({**record, **values} if self.of_record else values)
            record["message"] = _MAPPED.sub("", made) if "::ffff:" in made else made


def meaning(provider: str, code: str) -> Meaning | None:
    """Return what an event of a provider means, or None. Raises ValueError for a file that the validator refuses."""
    name = provider.lower()
    if name not in _folder():  # only names of files reach the cache: the evidence may hold any number of others
        name = name[: name.find("$") + 1]
        if name not in _folder():
            return None
    return provider_meanings(name).get(code)


def described() -> dict[str, dict[str, Meaning]]:
    """Return all meanings: provider, as its file is named → event id → meaning. Raises ValueError, see `compiled`."""
    names = {file.partition(".yaml")[0].partition("/")[0] for file, _ in sources()}
    return {name: provider_meanings(name.lower()) for name in sorted(names)}


@cache
def provider_meanings(provider: str) -> dict[str, Meaning]:
    """Return event id → meaning of a provider, named in lower case; empty if no file describes it."""
    documents = [(file, entry.read_bytes()) for file, entry in _folder().get(provider, ())]
    return compiled(documents) if documents else {}


def compiled(documents: list[Document]) -> dict[str, Meaning]:
    """Return event id → meaning from the files of one provider.

    Raises ValueError with the name of the file for a word, field, form or action that is not known, and for a key or event that is
    there twice.
    """
    result: dict[str, Meaning] = {}
    for file, content in documents:
        document = _parsed(file, content)
        if extra := set(document) - {"same_as", "shared", "events"}:
            raise ValueError(f"{file}: unknown words {sorted(extra)}")
        if "same_as" in document:
            result |= provider_meanings(document["same_as"].lower())
            continue
        for ids, entry in document["events"].items():
            made = _compile(f"{file}: {ids}", entry)
            for code in str(ids).split():
                if not code.isdigit() or code in result:
                    raise ValueError(f"{file}: {ids}: event ids expected, each once")
                result[code] = made
    return result


def sources() -> Iterator[tuple[str, Traversable]]:
    """Yield (name below `events/`, file) of all files that describe events."""
    for found in _folder().values():
        yield from found


@cache
def _folder() -> dict[str, list[tuple[str, Traversable]]]:
    """Return provider in lower case → its files. Only names are read."""
    found: dict[str, list[tuple[str, Traversable]]] = {}
    for entry in sorted(files(__name__).joinpath("events").iterdir(), key=lambda e: e.name):
        inside = sorted(entry.iterdir(), key=lambda e: e.name) if entry.is_dir() else [entry]
        name = entry.name.removesuffix(".yaml").lower()
        prefix = f"{entry.name}/" if entry.is_dir() else ""
        found[name] = [(prefix + file.name, file) for file in inside if file.name.endswith(".yaml")]
    return found


class _UniqueKeys(LOADER):  # type: ignore[misc]
    """The safe loader, which refuses a key that occurs twice in one mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.YAMLError(f"`{next(k for k in keys if keys.count(k) > 1)}` occurs twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _parsed(file: str, content: bytes) -> dict[str, Any]:
    try:
        document = yaml.load(content, _UniqueKeys)  # noqa: S506  (a safe loader)
    except yaml.YAMLError as e:
        raise ValueError(f"{file}: {e}") from e
    if not isinstance(document, dict) or not ("same_as" in document) ^ ("events" in document):
        raise ValueError(f"{file}: `events` or `same_as` expected")
    return document


def _compile(where: str, entry: dict[str, Any]) -> Meaning:
    if (extra := set(entry) - _WORDS) or (missing := _NEEDED - set(entry)):
        raise ValueError(f"{where}: unknown words {sorted(extra)}" if extra else f"{where}: {sorted(missing)} missing")
    if entry["action"] not in actions():
        raise ValueError(f"{where}: {entry['action']} is not in actions.yaml")
    constant = {"event.action": entry["action"], "event.category": entry["category"], "event.type": entry["type"]}
    if "outcome" in entry:
        constant["event.outcome"] = entry["outcome"]
    copies: list[tuple[str, str, Convert | None]] = []
    for target, said in entry["fields"].items():
        names, _, form = (part.strip() for part in said.partition("|"))
        convert = converter(where, target, form)
        copy = None if convert is text else convert
        copies += [(target, name.strip(), copy) for name in reversed(names.split(","))]  # the first that has a value is written last
    try:
        message = sentence(entry["message"], SENTENCE, ABSENT)
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from e
    return Meaning(constant, tuple(copies), message, any(name in entry["fields"] for name in message.fields))


__all__ = ["Meaning", "compiled", "described", "meaning", "provider_meanings", "sources"]
