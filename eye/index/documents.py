"""One document per record, as JSON for the engine: the record's own line, with the fields of the index behind its last brace.

The engine reads the record's line itself, so no value is touched here that it can take as it is. The fields that a record has decide what
is to be done, so that is worked out once for every such set (`_Shape`). A record that is in any way unlike the registry (a list where one
value is expected, text that is not composed, a value of another type) is written anew, value by value (`careful`).
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from operator import add
from typing import Any

import orjson

from commodore.schema import registry
from eye.index.schema import (
    ALL,
    HIGH,
    ID,
    ID_HEAD,
    LINE,
    LOW,
    NAMES,
    NANO,
    NUMBER,
    NUMBERED,
    OTHERS,
    PAIR,
    PART,
    REST,
    SECOND,
    SHAPES,
    SINGLE,
    SWAPPED,
    TIME,
    TIMES,
    UNTIMED,
    US,
    WHEN,
    column,
    has_terms,
    pair,
    pieces_of,
    whole_number,
)
from eye.query.values import NS_MAX, NS_MIN, address, getter, leaves, within_instant
from eye.query.words import MAX_WORD, NOT_SEARCHED, clean, cut_for_terms, fold, is_level, leaves_into, level

HEX = re.compile(r"[0-9a-fA-F]{32}")
"""The form of an `escadre.id` that has its columns."""
_LONG = 2**63
_NAMES_BYTES = 30_000
_INTEGER = {int}
MOST_SHAPES = 10_000
"""Sets of fields, and of keys of free-form objects, that are remembered."""


class _UnlikeError(Exception):
    """The record is unlike the registry."""


class _Shape:
    """What a record with these fields needs."""

    def __init__(self, names: tuple[str, ...]) -> None:
        known = registry()
        kind = {name: known[name].type if name in known else "" for name in names}
        many = {name for name in names if name in known and known[name].many}
        self.usual = all(not name.startswith("_") and kind[name] for name in names if name != ID) and ID in names
        single = [n for n in names if kind[n] == "keyword" and n not in many and n != ID]
        self.strings = getter([n for n in single if has_terms(n)])
        self.single = getter([n for n in single if not has_terms(n)])
        self.lists = [(n, kind[n] == "keyword" and has_terms(n)) for n in names if n in many and kind[n] not in ("date", "ip")]
        self.addresses = [(n, f"{n}{US}") for n in names if kind[n] == "ip"]
        numbers = [n for n in names if kind[n] in ("long", "double") and n not in many]
        self.numbers = getter(numbers)
        self.booleans = [n for n in names if kind[n] == "boolean" and n not in many]
        self.free = [n for n in names if kind[n] == "flattened"]
        self.texts = [(n, pieces_of(n)) for n in names if kind[n] == "text" and n not in NOT_SEARCHED]
        self.dates = [(n, column(n)) for n in names if kind[n] == "date" and n != TIME]
        self.numbered = [(n, column(n)) for n in names if n in NUMBERED]
        self.timed = TIME in names
        self.names = names
        self.codes: dict[tuple[object, ...], tuple[str, str]] = {}


class Documents:
    """Makes documents of records. `make` is the hot path of a build."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._heads: dict[tuple[str, ...], tuple[int, list[str]]] = {}
        self._sets = 0
        self._listed: set[str] = set()
        self._part = ""

    def begin(self, part: str) -> None:
        """Begin a file of records: its mark goes into every document."""
        self._part = part
        self._listed = set()

    def make(self, record: dict[str, Any], line: bytes, row: int) -> str:
        """The document of one record; `line` is its JSON."""
        key = tuple(record)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _Shape(key)
        if not shape.usual or len(line) > MAX_WORD or line[-1] != 125:  # a brace
            return self.careful(record, line, row)
        try:
            more = self._more(shape, record)
            text = line.decode()
            more[PART], more[NUMBER], more[LINE] = self._part, row, line.translate(SWAPPED).decode()
            return f"{text[:-1]},{orjson.dumps(more).decode()[1:]}"
        except (_UnlikeError, TypeError, AttributeError, UnicodeDecodeError):  # TypeError: also of orjson, for a lone surrogate
            return self.careful(record, line, row)

    def _more(self, shape: _Shape, record: dict[str, Any]) -> dict[str, Any]:
        """The fields of the index that the line has not. Raises _UnlikeError or TypeError for a record that is unlike its fields."""
        values, single = [*shape.strings(record)], [*shape.single(record)]
        rest: list[str] = []
        empty: list[str] = []
        for name, terms in shape.lists:
            items = record[name]
            if type(items) is not list:
                raise _UnlikeError
            if not items:
                empty.append(name)
            (values if terms else rest).extend(items)
        numbers = shape.numbers(record)
        if not _INTEGER.issuperset(map(type, numbers)):
            raise _UnlikeError
        if numbers and min(numbers) < 0:
            rest += [str(one) for one in numbers if one < 0]
            single += [str(one) for one in numbers if one >= 0]
        else:
            single += map(str, numbers)
        for name in shape.booleans:
            if record[name] is not True and record[name] is not False:
                raise _UnlikeError
            single.append("true" if record[name] else "false")
        pairs: list[str] = []
        keys: list[int] = []
        taken: list[str] = []
        for name in shape.free:
            under = record[name]
            if type(under) is not dict or not under:
                raise _UnlikeError
            below = (name, *under)
            number, heads = self._heads.get(below) or self._remember(below)
            values += under.values()
            pairs += map(add, heads, under.values())
            keys.append(number)
            taken += heads
        for name, head in shape.addresses:
            written = record[name] if type(record[name]) is list else [record[name]]
            values += written
            pairs += [head + one for one in written]
        at = record[TIME] if shape.timed else None
        times: list[str] = [] if at is None else [at]
        moments: dict[str, Any] = {}
        for name, other in shape.dates:
            written = record[name] if type(record[name]) is list else [record[name]]
            times += written
            moments[other] = [instant(one) for one in written]
            if None in moments[other]:
                raise _UnlikeError
        if not "".join(times).isascii():
            raise _UnlikeError
        distinct = list(dict.fromkeys(values))
        plain("".join(distinct))
        plain("".join(rest))
        more: dict[str, Any] = {ALL: distinct, TIMES: times, SINGLE: list(dict.fromkeys(single)), PAIR: pairs}
        if rest:
            more[REST] = list(dict.fromkeys(rest))
        for name, other in shape.texts:
            plain(record[name])
            more[other] = cut_for_terms(record[name])
        self._identify(record[ID], more)
        if at is not None:
            self._timed(at, more)
        if WHEN not in more:
            if at is not None:
                raise _UnlikeError
            more[UNTIMED] = 1
        more |= moments
        for name, other in shape.numbered:
            whole = whole_number(record[name])
            if whole is None:
                raise _UnlikeError
            more[other] = whole
        if at is None and shape.timed:
            empty.append(TIME)
        kind = (*empty, *keys)
        known = shape.codes.get(kind)
        if known is None:
            names = [name for name in shape.names if name not in empty]
            known = shape.codes[kind] = _coded([*names, *(head[:-1] for head in taken)])
        self._code(*known, more)
        return more

    def _remember(self, below: tuple[str, ...]) -> tuple[int, list[str]]:
        """A number for these keys of a free-form object, never given again, and what precedes their values in `_pair`."""
        if len(self._heads) > MOST_SHAPES:  # keys may be of the evidence's making
            self._heads.clear()
            self._shapes.clear()
        self._sets += 1
        found = self._heads[below] = (self._sets, [f"{below[0]}.{key}{US}" for key in below[1:]])
        return found

    def _code(self, code: str, listing: str, more: dict[str, Any]) -> None:
        more[NAMES] = [code, OTHERS] if more.get(REST) else code
        if code not in self._listed:
            self._listed.add(code)
            more[SHAPES] = [f"{code}{US}{part}" for part in _terms(listing)]

    @staticmethod
    def _identify(key: str, more: dict[str, Any]) -> None:
        if HEX.fullmatch(key) is None:
            raise _UnlikeError
        more[HIGH], more[LOW] = int(key[:16], 16), int(key[16:], 16)
        more[PAIR].append(ID_HEAD + key[:3].lower())

    @staticmethod
    def _timed(value: str, more: dict[str, Any]) -> None:
        at = instant(value)
        if at is not None:
            more[WHEN] = at
            if NS_MIN < at < NS_MAX:  # else it is no time but the end of what 64 bits hold
                more[SECOND] = at // NANO

    # --- value by value

    def careful(self, record: dict[str, Any], line: bytes, row: int) -> str:
        """The document of a record whose values may be anything."""
        known = registry()
        document: dict[str, Any] = {ALL: [], PAIR: []}
        values: list[str] = []
        rest: list[str] = []
        times: list[str] = []
        names: list[str] = []
        for name, value in record.items():
            if value is None:
                continue
            found = known.get(name)
            if name == ID:
                self._any_id(str(value), document)
                names.append(name)
            elif found is None or name in NOT_SEARCHED:
                leaves_into((value,), rest)
            elif found.type == "text":
                parts: list[str] = []
                leaves_into((value,), parts)
                document[name] = [clean(level(part)) for part in parts]
                document[pieces_of(name)] = [cut_for_terms(part) for part in document[name]]
                names.append(name)
            elif found.type == "flattened":
                names += _free_form(name, value, document[PAIR], values, rest)
            else:
                items = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
                plain_text = all(type(item) is str and len(item) <= MAX_WORD for item in items)
                if found.type == "ip" and plain_text:
                    document[PAIR] += [f"{name}{US}{item}" for item in items]
                terms = plain_text and (found.type == "ip" or (found.type == "keyword" and has_terms(name)))
                moments = found.type == "date" and all(instant(item) is not None and item.isascii() for item in items)
                leaves_into(items, values if terms else times if moments else rest)
                _typed(name, found.type, items, document)
                names += [name] if items else []
        rest += [value for value in values if len(value) > MAX_WORD]  # they are no terms
        document[ALL] = [clean(level(value)) for value in dict.fromkeys(values) if len(value) <= MAX_WORD]
        document[TIMES] = times
        rest = list(dict.fromkeys(rest))
        document[SINGLE] = [value for value in rest if one_word(value)]
        document[REST] = [clean(level(value)) for value in rest if not one_word(value)]
        document[PAIR] = [clean(term) for term in document[PAIR]]
        code, listing = _coded(names)
        self._listed.discard(code)  # it may have been listed in a document that was given up
        self._code(code, listing, document)
        if WHEN not in document:
            document[UNTIMED] = 1
        document |= {PART: self._part, NUMBER: row, LINE: line.translate(SWAPPED).decode("utf-8", "replace")}
        return orjson.dumps(document).decode()

    def _any_id(self, key: str, document: dict[str, Any]) -> None:
        try:
            self._identify(key, document)
        except _UnlikeError:
            document[PAIR].append(pair(ID, fold(key)))


def read_line(line: bytes) -> dict[str, Any]:
    """The record on a line, also one with an escaped lone surrogate, as the build reads it. Raises ValueError."""
    try:
        record: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = json.loads(line)
    return record


def one_word(value: str) -> bool:
    """Return whether a value is one word for certain: letters and digits of ASCII."""
    return value.isascii() and value.isalnum() and len(value) <= MAX_WORD


def plain(text: str) -> None:
    """Raise _UnlikeError for a text that must be levelled before the engine gets it (eye.query.words)."""
    if not is_level(text):
        raise _UnlikeError


def instant(value: object) -> int | None:
    """A time as the index keeps it: nanoseconds since 1970, brought into 64 bits; None for text that is no time."""
    if type(value) is str and 20 < len(value) < 31 and value[19] == "." and value[-1] == "Z":
        start, second, fraction = _minute(value[:17]), value[17:19], value[20:-1]
        if start is not None and second.isdigit() and fraction.isdigit() and second < "60" and value.isascii():
            at = start + int(second) * NANO + int(f"{fraction:0<9}")
            if NS_MIN < at < NS_MAX:
                return at
    return within_instant(value)


@lru_cache(maxsize=16_384)
def _minute(text: str) -> int | None:
    """Nanoseconds of `2026-10-31T19:22:`; None beyond what 64 bits hold."""
    at = within_instant(f"{text}00Z")
    return at if at is not None and NS_MIN < at < NS_MAX else None


def _free_form(name: str, value: Any, pairs: list[str], values: list[str], rest: list[str]) -> list[str]:
    """Add the leaves of a free-form object, case kept; the names of its keys, and of itself where it has any."""
    found: list[str] = []
    leaves_into((value,), found)
    if not isinstance(value, (dict, list)):
        rest += found
        return []
    names: list[str] = []
    for leaf, whole in zip(leaves(value), found, strict=True):
        key, _, text = leaf.partition("\0")
        names.append(f"{name}.{key}")
        fits = len(text) <= MAX_WORD and len(key) <= MAX_WORD
        if fits:
            pairs.append(f"{name}.{key}{US}{text}")
        (values if fits and text == whole else rest).append(whole)
    return [*names, name] if names else []


def _typed(name: str, kind: str, items: list[Any], document: dict[str, Any]) -> None:
    """Add the values of a keyword, number, time, address or boolean; what is none of its type is left out."""
    if name in NUMBERED:
        for item in items:
            number = whole_number(str(item))
            if number is None or len(items) > 1:
                document[PAIR].append(pair(name, fold(str(item))))
            if number is not None:
                document.setdefault(column(name), []).append(number)
        return
    kept: list[Any] = []
    if kind == "keyword":
        texts = [item if isinstance(item, str) else str(item) for item in items]
        kept = [clean(text.replace("\u0130", "i")) for text in texts if len(text) <= MAX_WORD] if has_terms(name) else []
    elif kind == "long":
        kept = [item for item in items if type(item) is int and -_LONG <= item < _LONG]
    elif kind == "double":
        kept = [float(item) for item in items if type(item) in (int, float)]
    elif kind == "boolean":
        kept = [item for item in items if isinstance(item, bool)]
    elif kind == "ip":
        kept = [str(item).split("%", 1)[0] for item in items if address(item) is not None]
    elif kind == "date":
        kept = [at for item in items if (at := instant(item)) is not None]
        if name == TIME:
            for item in items[:1]:
                Documents._timed(item, document)
            return
    if kept:
        document[column(name)] = kept


def _coded(names: list[str]) -> tuple[str, str]:
    """The code of a set of names, and the names."""
    listing = US.join(dict.fromkeys(clean(name) for name in names))
    return hashlib.blake2b(listing.encode(), digest_size=6).hexdigest(), listing


def _terms(listing: str) -> list[str]:
    """The names in as few pieces as the engine's limit of a term allows (65,530 bytes)."""
    terms: list[str] = []
    now: list[str] = []
    size = 0
    for name in listing.split(US):
        size += len(name.encode()) + 1
        if size > _NAMES_BYTES and now:
            terms.append(US.join(now))
            now, size = [], len(name.encode()) + 1
        now.append(name)
    return [*terms, US.join(now)]
