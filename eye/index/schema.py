"""The schema of the index, and one document per record.

Fields of a document:

- `all`: the words of every value, with positions; each text field of the registry (`message`, `escadre.reason`) is left out there and has
  words of its own, so a bare word is looked up in both.
- `pair`: one term `field US value` per value of a keyword, boolean or free-form field (free-form: `field.key US value`), folded for
  keywords. Any field can be matched and counted through it.
- `names`: one term that lists the fields of the record, so `_exists_` is a set of few terms.
- `f:<field>`: values of the hot keyword fields as a column, for facets. Numbers, times and addresses have a column under their own name.
- `when`, `second`: `@timestamp` in nanoseconds and in seconds since 1970 UTC. `row`: number of the record. `part`: the file it came from.
- `line`: the JSON line, stored in compressed blocks.

Source of the index format: tantivy 0.27, `SchemaBuilder`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import tantivy

from commodore.schema import registry
from eye.query.values import NS_MAX, NS_MIN, address, leaves, within_instant
from eye.query.words import ANALYZER, BETWEEN, MAX_WORD, NOT_SEARCHED, analyzer, fold, leaves_into, level

US = "\x1f"
"""Unit separator between the name of a field and a value."""
ALL, PAIR, NAMES, WHEN, SECOND, NUMBER, PART, LINE, PREFIX = "all", "pair", "names", "when", "second", "row", "part", "line", "f:"
ROW = "_row"
"""Key under which a record that was read back carries its number."""
TIME = "@timestamp"
NANO = 1_000_000_000

HOT = (
    "host.name",
    "event.dataset",
    "event.action",
    "event.code",
    "event.category",
    "user.name",
    "process.name",
    "process.parent.name",
    "escadre.state",
    "winlog.channel",
    "winlog.provider_name",
    "rule.id",
    "escadre.severity",
    "threat.technique.id",
)
"""Keyword fields with a column: what pages and dashboards count by."""
_COLUMNS = {"long": "integer", "date": "integer", "double": "float", "ip": "ip_addr"}
_LONG = 2**63
_NAMES_BYTES = 30_000


def text_fields() -> list[str]:
    """Fields of type text: each has words of its own."""
    return [f.name for f in registry().values() if f.type == "text" and f.name not in NOT_SEARCHED]


def hot_fields() -> list[str]:
    """The hot fields that the registry has."""
    return [name for name in HOT if name in registry()]


@cache
def schema() -> tantivy.Schema:
    """The tantivy schema."""
    builder = tantivy.SchemaBuilder()
    for name in (ALL, *text_fields()):
        builder.add_text_field(name, tokenizer_name=ANALYZER, index_option="position")
    for name in (PAIR, NAMES, PART):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in hot_fields():
        builder.add_text_field(PREFIX + name, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field(NUMBER, fast=True, indexed=True)
    builder.add_integer_field(WHEN, fast=True)
    builder.add_integer_field(SECOND, fast=True)
    builder.add_bytes_field(LINE, stored=True)
    for field in registry().values():
        if field.type in _COLUMNS and field.name != TIME:
            getattr(builder, f"add_{_COLUMNS[field.type]}_field")(field.name, fast=True)
    return builder.build()


def opened(folder: str) -> tantivy.Index:
    """The index in a folder, made if it is not there. Raises ValueError where it does not read."""
    found = tantivy.Index(schema(), folder, reuse=True)
    found.register_tokenizer(ANALYZER, analyzer())
    return found


def column(name: str) -> str:
    """The column of a field of type number, time or address."""
    return WHEN if name == TIME else name


def pair(name: str, value: str) -> str:
    """The term of a value of a keyword field."""
    return f"{name}{US}{fold(value)}"


_KEYWORD, _TEXT, _FREE, _OTHER = range(4)
_CODES = {"keyword": _KEYWORD, "text": _TEXT, "flattened": _FREE}


class Documents:
    """Makes documents of records. One per build: it caches the terms that list field names. `make` is the hot path of a build."""

    def __init__(self) -> None:
        hot = frozenset(hot_fields())
        self._hot = hot
        self._plans = {
            name: (_CODES.get(f.type, _OTHER), name + US, PREFIX + name if name in hot else "", f.type)
            for name, f in registry().items()
            if name not in NOT_SEARCHED
        }
        self._names: dict[tuple[str, ...], list[str]] = {}
        self._keys: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
        self._other: dict[str, Callable[..., None]] = {
            "long": self._long,
            "double": self._double,
            "date": self._date,
            "ip": self._ip,
            "boolean": self._boolean,
        }

    def make(self, record: dict[str, Any], line: bytes, part: str, row: int) -> tantivy.Document:
        """The document of one record; `line` is its JSON."""
        document = tantivy.Document()
        add_text, plans = document.add_text, self._plans
        values: list[str] = []
        names: list[str] = []
        for name, value in record.items():
            if value is None:
                continue
            kind, plan = type(value), plans.get(name)
            if plan is None:
                if name == "escadre.id":
                    add_text("pair", f"escadre.id\x1f{fold(str(value))}")
                    names.append(name)
                else:
                    leaves_into((value,), values)
                continue
            code, prefix, hot, type_ = plan
            if code == _KEYWORD and kind is str:
                if len(value) <= MAX_WORD:
                    add_text("pair", prefix + (value.lower() if value.isascii() else fold(value)))
                values.append(value)
                if hot:
                    add_text(hot, value)
            elif code == _KEYWORD:
                if not self._keywords(document, name, value if kind is list else [value], values):
                    continue
            elif code == _TEXT:
                add_text(name, level(value if kind is str else str(value)))
            elif code == _FREE:
                if not self._free_form(document, name, value, names, values):
                    continue
            else:
                items = value if kind is list else (value,)
                if not items:
                    continue
                leaves_into(items, values)
                self._other[type_](document, name, items)
            names.append(name)
        self._finish(document, values, names)
        add_text("part", part)
        document.add_unsigned("row", row)
        document.add_bytes("line", line)
        return document

    def _finish(self, document: tantivy.Document, values: list[str], names: list[str]) -> None:
        joined = BETWEEN.join(dict.fromkeys(values))
        if len(joined) > MAX_WORD or not joined.isascii():
            joined = BETWEEN.join([level(value) for value in dict.fromkeys(values)])
        document.add_text("all", joined)
        key = tuple(names)
        terms = self._names.get(key)
        if terms is None:
            terms = self._names[key] = list(_name_terms(key))
        for term in terms:
            document.add_text("names", term)

    def _keywords(self, document: tantivy.Document, name: str, items: list[Any], values: list[str]) -> bool:
        """Values of a keyword list, or of a type that is no text; False where there is none."""
        texts = [item if type(item) is str else str(item) for item in items if item is not None]
        for text in texts:
            if len(text) <= MAX_WORD:
                document.add_text(PAIR, f"{name}{US}{fold(text)}")
            if name in self._hot:
                document.add_text(PREFIX + name, text)
        values += texts
        return bool(texts)

    def _free_form(self, document: tantivy.Document, name: str, value: Any, names: list[str], values: list[str]) -> bool:
        """Leaves of a free-form object, case kept; False where there is none."""
        if type(value) is dict and set(map(type, value.values())) == {str}:
            shape = (name, *value)
            known = self._keys.get(shape)
            if known is None:
                full = [f"{name}.{below}" for below in value]
                known = self._keys[shape] = (full, [one + US for one in full])
            names += known[0]
            values += value.values()
            for prefix, text in zip(known[1], value.values(), strict=True):
                if len(text) <= MAX_WORD:
                    document.add_text("pair", prefix + text)
            return True
        if not isinstance(value, (dict, list)):
            leaves_into((value,), values)
            return False
        leaves_into((value,), values)
        found = False
        for leaf in leaves(value):
            key, _, text = leaf.partition("\0")
            found = True
            names.append(f"{name}.{key}")
            if len(text) <= MAX_WORD:
                document.add_text(PAIR, f"{name}.{key}{US}{text}")
        return found

    @staticmethod
    def _long(document: tantivy.Document, name: str, items: list[Any]) -> None:
        for item in items:
            if type(item) is int and -_LONG <= item < _LONG:
                document.add_integer(name, item)

    @staticmethod
    def _double(document: tantivy.Document, name: str, items: list[Any]) -> None:
        for item in items:
            if isinstance(item, (int, float)) and not isinstance(item, bool):
                document.add_float(name, float(item))

    @staticmethod
    def _date(document: tantivy.Document, name: str, items: list[Any]) -> None:
        for item in items:
            at = within_instant(item)
            if at is not None and name == TIME:
                document.add_integer(WHEN, at)
                if NS_MIN < at < NS_MAX:  # else it is no time but the end of what 64 bits hold
                    document.add_integer(SECOND, at // NANO)
            elif at is not None:
                document.add_integer(name, at)

    @staticmethod
    def _ip(document: tantivy.Document, name: str, items: list[Any]) -> None:
        for item in items:
            if address(item) is not None:
                document.add_ip_addr(name, str(item).split("%", 1)[0])

    @staticmethod
    def _boolean(document: tantivy.Document, name: str, items: list[Any]) -> None:
        for item in items:
            if isinstance(item, bool):
                document.add_text(PAIR, f"{name}{US}{'true' if item else 'false'}")


def _name_terms(names: tuple[str, ...]) -> list[str]:
    """The names in as few terms as the engine's limit of a term allows (65,530 bytes)."""
    terms: list[str] = []
    now: list[str] = []
    size = 0
    for name in dict.fromkeys(names):
        size += len(name.encode("utf-8", "replace")) + 1
        if size > _NAMES_BYTES and now:
            terms.append(US.join(now))
            now, size = [], len(name.encode("utf-8", "replace")) + 1
        now.append(name)
    return [*terms, US.join(now)] if now else terms
