"""A record as the document that is sent: the line of the case as it is, with what the loader adds for search at its end.

A value that the type of its field cannot hold would have the server refuse the whole document. It is taken out, kept as it was found in
`escadre.raw`, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple

import orjson

from commodore.schema import registry
from eye.elastic.fields import ALL, CHECKSUM, DEPTH, DIGEST, ID, IGNORE_ABOVE, RAW, VALUES, checksum, mappings
from eye.query.copies import EVENT_DATA, copies
from eye.query.values import ES_NS_MIN, address, getter, isotime, leaves, nanoseconds
from eye.query.words import MAX_WORD, NOT_SEARCHED, is_level, level, texts

LONGEST_TERM = 32_766
"""Bytes of the longest term of Lucene; that of a key of a `flattened` field is key, a zero byte, value."""
OUT_OF_RANGE, MISFIT, LONG, UNKNOWN = "out_of_range", "misfit", "long_values", "unknown_fields"
KEPT = ("@timestamp", "message", "host.name", "event.dataset", "event.kind")
"""Fields of a document of which the server refuses an unknown part: with all under `escadre.`, what identifies it."""
_LOW, _HIGH = -(2**63), 2**63 - 1
_CLOCK = r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z"
_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_PLAIN_DATE = re.compile(r"(?:19[7-9]\d|2[01]\d\d|22[0-5]\d|226[01])-" + _DAY + _CLOCK)
"""Nearly every time: a day that its month has in each year, in a year that `date_nanos` holds. Any other is looked at in full."""
_DATE_FORM = re.compile(r"\d{4}-\d\d-\d\d" + _CLOCK)


SHAPE = 200
"""Names of a record over which what it has in common with others is not kept."""
_NONE: Counter[str] = Counter()
"""Never changed."""


class MadeDocument(NamedTuple):
    """A document, and how many of its values are out of range, of the wrong type, or too long for their field."""

    body: bytes
    notes: Counter[str] = _NONE


NOTHING = MadeDocument(b"")
"""Of a document that is made when it has to be sent."""


@dataclass(slots=True)
class _Draft:
    """What differs from the record: fields with another value (None: taken out), and what is kept raw of them."""

    changed: dict[str, Any]
    raw: dict[str, Any]
    notes: Counter[str] = field(default_factory=Counter)


_AS_IT_IS = _Draft({}, {}, _NONE)


@cache
def _kinds() -> dict[str, str]:
    return {name: f.type for name, f in registry().items() if name != ALL}


@cache
def _taken() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that the loader and the mapping have, and what their dotted parts before the last make."""
    names = frozenset(mappings()) | {RAW}
    return names, frozenset(name[:at] for name in names for at, c in enumerate(name) if c == ".")


class _Shape:
    """What has to be looked at in a record with these fields. `values`: gets its texts, of which dates begin at `dates` and addresses at
    `addresses`, then its numbers from `numbers` on.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        known = {name: field_ for name in names if (field_ := registry().get(name)) and name not in NOT_SEARCHED}
        of = {kind: [name for name, f in known.items() if f.type == kind and not f.many] for kind in _PLAINLY}
        self.lists = [name for name, f in known.items() if f.many and f.type in _TEXTUAL]
        self.values = getter([*of["keyword"], *of["text"], *of["date"], *of["ip"], *of["long"]])
        self.dates = len(of["keyword"]) + len(of["text"])
        self.addresses = self.dates + len(of["date"])
        self.numbers = self.addresses + len(of["ip"])
        self.booleans, self.objects = of["boolean"], of["flattened"]
        self.many_dates, self.many_addresses = ([n for n in self.lists if known[n].type == kind] for kind in ("date", "ip"))
        self.odd = {*names} - {ID, *self.lists, *chain.from_iterable(of.values())}


_SIGNS = str.maketrans("", "", ",-")
_TEXTUAL = ("keyword", "text", "date", "ip")
_PLAINLY = (*_TEXTUAL, "long", "boolean", "flattened")
_shape = lru_cache(maxsize=512)(_Shape)


def _plain_texts(line: bytes, record: dict[str, Any]) -> tuple[list[str], list[str]] | None:
    """Return the texts of a record that is sent as it is, as nearly all are, in two lists as `_split` makes them.

    None for one that has to be looked at value by value. No text of a short line is too long for its field, or for a word.
    """
    names = tuple(record)
    if len(line) > MAX_WORD or (shape := _shape(names) if len(names) <= SHAPE else _Shape(names)).odd:
        return None
    scalars = shape.values(record)
    found, numbers = [*scalars[: shape.numbers]], scalars[shape.numbers :]
    dates, addresses = {*scalars[shape.dates : shape.addresses]}, scalars[shape.addresses : shape.numbers]
    try:
        for name in shape.lists:
            if type(record[name]) is not list:
                return None
            found += record[name]
        for name in shape.many_dates:
            dates.update(record[name])
        for name in shape.many_addresses:
            addresses += (*record[name],)
        for name in shape.objects:
            if "\0" in "".join(record[name]):
                return None
            found += record[name].values()
        if (
            not is_level("".join(found))
            or type(record.get(ID, "")) is not str
            or not all(map(_PLAIN_DATE.fullmatch, dates))
            or (addresses and not all("%" not in text and address(text) for text in addresses))
        ):
            return None
        for name in shape.booleans:
            if type(value := record[name]) is not bool:
                return None
            found.append("true" if value else "false")
        if numbers:
            digits = orjson.dumps(numbers)[1:-1].decode()
            if not digits.translate(_SIGNS).isdigit() or max(numbers) > _HIGH:  # `dumps` refuses one below 64 bits
                return None
            found += digits.split(",")
    except (TypeError, AttributeError, orjson.JSONEncodeError):  # a value that is not plainly of its field's type
        return None
    return _split(dict.fromkeys(found))


@lru_cache(maxsize=8192)
def _misplaced(name: str) -> bool:
    """Return whether a name that the registry does not have is none that a document may have: one of the server's or of the loader's own,
    one with an empty part (`a..b`), an object of the mapping, or one below a field.
    """
    names, objects = _taken()
    parts = name.split(".")
    below = (".".join(parts[:n]) in names for n in range(1, len(parts)))
    return name.startswith("_") or name in names or name in objects or not all(part.strip() for part in parts) or any(below)


def quickly(line: bytes, record: dict[str, Any], digest: str) -> MadeDocument | None:
    """Return what `made` does for a record that is sent as it is, None for any other: one that may be nested, too."""
    if (found := _plain_texts(line, record)) is None:
        return None
    extra: dict[str, Any] = {VALUES: found[0], ALL: found[1], DIGEST: digest, CHECKSUM: checksum(digest)}
    if data := record.get(EVENT_DATA):
        known = copies()
        for key in data.keys() & known.keys():
            extra[known[key]] = data[key]
    return MadeDocument(_extended(line, extra))


def made(line: bytes, record: dict[str, Any], digest: str, *, without: frozenset[str] = frozenset(), least: bool = False) -> MadeDocument:
    """Return the document of a record and of its line in the case.

    `without`: fields that the server refused, kept raw; with "" among them the document is written anew in any case. `least`: all but what
    identifies the record is kept raw.
    """
    if not without and not least and (found := quickly(line, record, digest)):
        return found
    draft = _draft(record, without, least=least)
    separated, single = _words(record)
    extra: dict[str, Any] = {VALUES: separated, ALL: single, DIGEST: digest, CHECKSUM: checksum(digest)}
    data = record.get(EVENT_DATA)
    if type(data) is dict and not least:
        known = copies()
        extra |= {known[key]: value for key, value in data.items() if key in known and _is_plain(value)}
    if draft.raw:
        extra[RAW] = draft.raw
    if draft.changed or without:
        body = {name: draft.changed.get(name, value) for name, value in record.items()}
        line = orjson.dumps({name: value for name, value in body.items() if value is not None})
    return MadeDocument(_extended(line, extra), draft.notes)


def _extended(line: bytes, extra: dict[str, Any]) -> bytes:
    """Return a record's line with what the loader adds at its end."""
    return b"%b,%b" % (line.rstrip()[:-1], orjson.dumps(extra)[1:])


def _draft(record: dict[str, Any], without: frozenset[str], *, least: bool) -> _Draft:
    """Look at every value of a record."""
    raw = {name: record[name] for name in without & record.keys()}
    if least:
        raw = {name: value for name, value in record.items() if name not in KEPT and not name.startswith("escadre.")}
    draft = _Draft(dict.fromkeys(raw), raw)
    kinds = _kinds()
    for name, value in record.items():
        kind = kinds.get(name, "")
        if value is not None and name not in raw and not (kind == "boolean" and type(value) is bool):
            _CHECKS[kind](draft, name, value, kind)
    if without or least:
        draft.notes[MISFIT] += len(without & record.keys()) + least
    return draft


def _words(record: dict[str, Any]) -> tuple[list[str], list[str]]:
    return _split([level(text) for text in texts(record)])


def _split(found: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the texts that hold more than letters and digits, and the others: no pattern across separators fits these."""
    separated: list[str] = []
    plain: list[str] = []
    for text in found:
        (plain if text.isalnum() else separated).append(text)
    return separated, plain


def _is_plain(value: Any) -> bool:
    """Return whether a value, or each of a list, is none that Elasticsearch would take for an object."""
    return not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value))


def _texts(draft: _Draft, name: str, value: Any, kind: str) -> None:
    """A keyword or a text that is long, a list, or no string. An object or a list in a list is taken out of it."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if type(item) is not str or len(item) > IGNORE_ABOVE:
            break
    else:
        return
    if lost := [item for item in items if isinstance(item, (dict, list))]:
        items = [item for item in items if not isinstance(item, (dict, list))]
        draft.changed[name], draft.raw[name] = items or None, lost if isinstance(value, list) else value
        draft.notes[MISFIT] += len(lost)
    if kind == "keyword" and (n := len([item for item in items if isinstance(item, str) and len(item) > IGNORE_ABOVE])):
        draft.notes[LONG] += n


def _typed(draft: _Draft, name: str, value: Any, kind: str) -> None:
    """A date, a number, an address or a boolean: what does not fit is taken out of a list, or the field."""
    if not isinstance(value, list):
        if (fit := _fit(value, kind, draft.notes)) is not value:
            draft.changed[name] = fit
            if fit is None:
                draft.raw[name] = value
        return
    value = [item for item in value if item is not None]
    fits = [_fit(item, kind, draft.notes) for item in value]
    if any(fit is not item for fit, item in zip(fits, value, strict=True)):
        draft.changed[name] = [fit for fit in fits if fit is not None] or None
        if lost := [item for fit, item in zip(fits, value, strict=True) if fit is None]:
            draft.raw[name] = lost


def _fit(value: Any, kind: str, notes: Counter[str]) -> Any:
    """The value as its type takes it; None where it cannot."""
    if kind == "date":
        if isinstance(value, str) and _PLAIN_DATE.fullmatch(value):
            return value
        ns = nanoseconds(value)
        if ns is None or ns < ES_NS_MIN:
            notes[OUT_OF_RANGE] += 1
            return None
        return value if _DATE_FORM.fullmatch(value) else isotime(ns)
    if (
        (kind == "ip" and address(value) is not None and "%" not in str(value))
        or (kind == "long" and type(value) is int and _LOW <= value <= _HIGH)
        or (kind == "double" and type(value) in (int, float))
        or (kind == "boolean" and type(value) is bool)
    ):
        return value
    if kind == "ip" and address(value) is not None:  # a zone: fe80::1%eth0
        return str(value).split("%", 1)[0]
    notes[MISFIT] += 1
    return None


def _free(draft: _Draft, name: str, value: Any, _: str) -> None:
    """A free-form object: one that is no object, too deep, or has a key that Lucene cannot hold, is kept raw."""
    if not isinstance(value, dict):
        wrong = True
    elif _flat(value):
        return
    else:
        found = [leaf.partition("\0") for leaf in leaves(value)]
        if n := len([text for _, _, text in found if len(text) > IGNORE_ABOVE]):
            draft.notes[LONG] += n
        wrong = _depth(value) > DEPTH or any(
            "\0" in key or (len(text) <= IGNORE_ABOVE and len(key.encode()) + 1 + len(text.encode()) > LONGEST_TERM)
            for key, text in ((key, text) for key, _, text in found)
        )
        wrong = wrong or _has_null_key(value)
    if wrong:
        draft.changed[name], draft.raw[name] = None, value
        draft.notes[MISFIT] += 1


def _unknown(draft: _Draft, name: str, value: Any, _: str) -> None:
    """A field that the registry does not have."""
    draft.notes[UNKNOWN] += 1
    if _misplaced(name):
        draft.changed[name], draft.raw[name] = None, value


_CHECKS: dict[str, Callable[[_Draft, str, Any, str], None]] = {
    **dict.fromkeys(("date", "long", "double", "boolean", "ip"), _typed),
    **dict.fromkeys(("keyword", "text"), _texts),
    "flattened": _free,
    "": _unknown,
}
"""Type of a field, '' for one that the registry does not have → what looks at a value that is not plainly of it."""


def _flat(value: dict[str, Any]) -> bool:
    """Return whether an object has short texts under short names only, as nearly all have."""
    texts_ = [item for item in value.values() if type(item) is str and len(item) <= 4_000]
    return len(texts_) == len(value) and not any(len(key) > 4_000 or "\0" in key for key in value)


def _has_null_key(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _has_null_key(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_null_key, value))


def _depth(value: Any) -> int:
    """Levels of objects, lists not counted, as the server counts them in a `flattened` field."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return max(map(_depth, value), default=0) if isinstance(value, list) else 0


def depth(record: dict[str, Any]) -> int:
    """Return the levels of objects and lists of a record, however many: without recursion."""
    deepest, waiting = 0, [(1, iter(record.values()))]
    while waiting:
        level_, values = waiting.pop()
        deepest = max(deepest, level_)
        for value in values:
            if isinstance(value, dict):
                waiting.append((level_ + 1, iter(value.values())))
            elif isinstance(value, list):
                waiting.append((level_ + 1, iter(value)))
    return deepest
