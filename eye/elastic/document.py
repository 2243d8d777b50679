"""A record as the document that is sent: the line of the case as it is, with what the loader adds for search at its end.

A value that the type of its field cannot hold would have the server refuse the whole document. It is taken out, kept as it was found in
`escadre.raw`, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import orjson

from commodore.schema import registry
from eye.elastic.fields import ALL, DEPTH, DIGEST, IGNORE_ABOVE, RAW, mappings
from eye.query.copies import DATA, EVENT_DATA, hot_keys
from eye.query.values import ES_NS_MIN, address, isotime, leaves, nanoseconds
from eye.query.words import MAX_WORD, level, texts

LONGEST_TERM = 32_766
"""Bytes of the longest term of Lucene; that of a key of a `flattened` field is key, a zero byte, value."""
OUT_OF_RANGE, MISFIT, LONG, UNKNOWN = "out_of_range", "misfit", "long_values", "unknown_fields"
KEPT = ("@timestamp", "message", "host.name", "event.dataset", "event.kind")
"""Fields of a document of which the server refuses an unknown part: with all under `escadre.`, what identifies it."""
_PLAIN_DATE = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,9})?Z")
_FAST, _SLOW, _FREE = range(3)


@dataclass(slots=True)
class MadeDocument:
    """A document, and how many of its values are out of range, of the wrong type, or too long for their field."""

    body: bytes
    notes: Counter[str] = field(default_factory=Counter)


@cache
def _kinds() -> dict[str, tuple[int, str]]:
    code = {"keyword": _FAST, "text": _FAST, "flattened": _FREE}
    return {name: (code.get(f.type, _SLOW), f.type) for name, f in registry().items() if name != ALL}


@cache
def _taken() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of all fields of the mapping, and the objects that they are in."""
    names = frozenset(mappings())
    return names, frozenset(name[:at] for name in names for at, c in enumerate(name) if c == ".")


@lru_cache(maxsize=8192)
def _misplaced(name: str) -> bool:
    """Return whether a name that the registry does not have is none that a document may have: one of the server's or of the loader's own,
    one with an empty part (`a..b`), an object of the mapping, or one below a field.
    """
    names, objects = _taken()
    parts = name.split(".")
    below = (".".join(parts[:n]) in names for n in range(1, len(parts)))
    return name.startswith("_") or name in names or name in objects or not all(part.strip() for part in parts) or any(below)


def made(line: bytes, record: dict[str, Any], digest: str, *, without: frozenset[str] = frozenset(), least: bool = False) -> MadeDocument:
    """Return the document of a record and of its line in the case.

    `without`: fields that the server refused, kept raw; with "" among them the document is written anew in any case. `least`: all but what
    identifies the record is kept raw.
    """
    notes: Counter[str] = Counter()
    raw = {name: value for name, value in record.items() if name in without}
    if least:
        raw = {name: value for name, value in record.items() if name not in KEPT and not name.startswith("escadre.")}
    changed: dict[str, Any] = dict.fromkeys(raw)
    kinds = _kinds()
    for name, value in record.items():
        if value is None or name in raw:
            continue
        code, kind = kinds.get(name, (-1, ""))
        if code == _FAST:
            if type(value) is str and len(value) <= IGNORE_ABOVE:
                continue
            _texts(name, value, kind, changed, raw, notes)
        elif code == _SLOW:
            _typed(name, value, kind, changed, raw, notes)
        elif code == _FREE:
            _free(name, value, changed, raw, notes)
        else:
            notes[UNKNOWN] += 1
            if _misplaced(name):
                changed[name], raw[name] = None, value
    notes[MISFIT] += len(without & record.keys()) + least
    extra: dict[str, Any] = {ALL: _words(texts(record)), DIGEST: digest}
    data = record.get(EVENT_DATA)
    if type(data) is dict and not least:
        extra |= {f"{DATA}.{key}": data[key] for key in data.keys() & hot_keys() if _is_plain(data[key])}
    if raw:
        extra[RAW] = raw
    if changed or without:
        body = {name: changed.get(name, value) for name, value in record.items()}
        line = orjson.dumps({name: value for name, value in body.items() if value is not None})
    return MadeDocument(line.rstrip()[:-1] + b"," + orjson.dumps(extra)[1:], +notes)


def _words(found: list[str]) -> list[str]:
    joined = "".join(found)
    return found if joined.isascii() and len(joined) <= MAX_WORD else [level(text) for text in found]


def _is_plain(value: Any) -> bool:
    """Return whether a value, or each of a list, is none that Elasticsearch would take for an object."""
    return not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value))


def _texts(name: str, value: Any, kind: str, changed: dict[str, Any], raw: dict[str, Any], notes: Counter[str]) -> None:
    """A keyword or a text that is long, a list, or no string. An object or a list in a list is taken out of it."""
    items = value if isinstance(value, list) else [value]
    if lost := [item for item in items if isinstance(item, (dict, list))]:
        items = [item for item in items if not isinstance(item, (dict, list))]
        changed[name], raw[name] = items or None, lost if isinstance(value, list) else value
        notes[MISFIT] += len(lost)
    if kind == "keyword":
        notes[LONG] += sum(isinstance(item, str) and len(item) > IGNORE_ABOVE for item in items)


def _typed(name: str, value: Any, kind: str, changed: dict[str, Any], raw: dict[str, Any], notes: Counter[str]) -> None:
    """A date, a number, an address or a boolean: what does not fit is taken out of a list, or the field."""
    if not isinstance(value, list):
        if (fit := _fit(value, kind, notes)) is not value:
            changed[name] = fit
            if fit is None:
                raw[name] = value
        return
    value = [item for item in value if item is not None]
    fits = [_fit(item, kind, notes) for item in value]
    if any(fit is not item for fit, item in zip(fits, value, strict=True)):
        changed[name] = [fit for fit in fits if fit is not None] or None
        if lost := [item for fit, item in zip(fits, value, strict=True) if fit is None]:
            raw[name] = lost


def _fit(value: Any, kind: str, notes: Counter[str]) -> Any:
    """The value as its type takes it; None where it cannot."""
    if kind == "date":
        if isinstance(value, str) and _PLAIN_DATE.fullmatch(value) and "1970" <= value < "2262-04-11" and value[8:10] <= "28":
            return value
        ns = nanoseconds(value)
        if ns is None or ns < ES_NS_MIN:
            notes[OUT_OF_RANGE] += 1
            return None
        return value if _PLAIN_DATE.fullmatch(value) else isotime(ns)
    if (
        (kind == "ip" and address(value) is not None and "%" not in str(value))
        or (kind == "long" and type(value) is int and -(2**63) <= value < 2**63)
        or (kind == "double" and type(value) in (int, float))
        or (kind == "boolean" and type(value) is bool)
    ):
        return value
    if kind == "ip" and address(value) is not None:  # a zone: fe80::1%eth0
        return str(value).split("%", 1)[0]
    notes[MISFIT] += 1
    return None


def _free(name: str, value: Any, changed: dict[str, Any], raw: dict[str, Any], notes: Counter[str]) -> None:
    """A free-form object: one that is no object, too deep, or has a key that Lucene cannot hold, is kept raw."""
    if not isinstance(value, dict):
        wrong = True
    elif _flat(value):
        return
    else:
        found = [leaf.partition("\0") for leaf in leaves(value)]
        notes[LONG] += sum(len(text) > IGNORE_ABOVE for _, _, text in found)
        wrong = _depth(value) > DEPTH or any(
            "\0" in key or (len(text) <= IGNORE_ABOVE and len(key.encode()) + 1 + len(text.encode()) > LONGEST_TERM)
            for key, text in ((key, text) for key, _, text in found)
        )
        wrong = wrong or _has_null_key(value)
    if wrong:
        changed[name], raw[name] = None, value
        notes[MISFIT] += 1


def _flat(value: dict[str, Any]) -> bool:
    """Return whether an object has short texts under short names only, as nearly all have."""
    return all(type(item) is str and len(item) <= 4_000 and len(key) <= 4_000 and "\0" not in key for key, item in value.items())


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
